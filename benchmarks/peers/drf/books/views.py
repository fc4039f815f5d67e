"""Serializer, pagination and viewset, as Django REST framework's tutorial lays them out."""

from rest_framework import filters, mixins, pagination, serializers, viewsets
from rest_framework.response import Response

from books.models import Book


class BookSerializer(serializers.ModelSerializer):
    class Meta:
        model = Book
        fields = (
            "id",
            "title",
            "author",
            "isbn",
            "price",
            "stock",
            "description",
            "created_at",
            "updated_at",
        )


class BookPagination(pagination.PageNumberPagination):
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100

    def get_paginated_response(self, data):
        paginator = self.page.paginator
        return Response(
            {
                "data": data,
                "total": paginator.count,
                "page": self.page.number,
                "limit": paginator.per_page,
                "total_pages": paginator.num_pages,
            }
        )


class BookViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet,
):
    queryset = Book.objects.all()
    serializer_class = BookSerializer
    pagination_class = BookPagination
    filter_backends = (filters.SearchFilter,)
    search_fields = ("title", "author", "isbn")
