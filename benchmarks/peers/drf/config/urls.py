"""Routes: /books and /books/{id}."""

from books.views import BookViewSet
from rest_framework.routers import SimpleRouter

router = SimpleRouter(trailing_slash=False)
router.register("books", BookViewSet)

urlpatterns = router.urls
