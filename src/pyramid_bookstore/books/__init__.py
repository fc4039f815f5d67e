"""The bookstore itself: rules and SQL, without HTTP."""

from pyramid_bookstore.books.data import BookData, Page

__all__ = ["BookData", "Page"]
