"""Every page of the shop. The API's routes are the bookstore's own, below `bookstore.prefix`."""

from __future__ import annotations

from typing import Any


def includeme(config: Any) -> None:
    """Add the routes."""
    config.add_static_view("static", "storefront:static", cache_max_age=3600)
    config.add_route("catalogue", "/")
    config.add_route("suggest", "/suggest")
    config.add_route("book", "/books/{isbn}")
    config.add_route("basket", "/basket")
    config.add_route("checkout", "/checkout")
    config.add_route("login", "/login")
    config.add_route("logout", "/logout")
    config.add_route("orders", "/orders")
    config.add_route("order", "/orders/{id}")
    config.add_route("staff", "/staff")
    config.add_route("staff_stock", "/staff/stock")
    config.add_route("staff_add", "/staff/books")
    config.add_route("staff_import", "/staff/import")
    config.add_route("staff_book", "/staff/books/{id}")
