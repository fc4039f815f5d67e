"""Pages of orders and of the stock: every row is on one of them, by links alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront import pages
from storefront.models import Order, OrderLine, User
from storefront.views import staff as staff_views
from tests.storefront.conftest import HOBBIT
from tests.support.api import isbn

BEGINNING = datetime(2026, 1, 2, tzinfo=UTC)


def add_orders(session, login, moments):
    """Orders at these moments, each numbered by its place."""
    user_id = session.scalar(select(User.id).where(User.login == login))
    for number, moment in enumerate(moments, 1):
        line = OrderLine(
            position=0, book_id=UUID(int=1), isbn=HOBBIT["isbn"], title=f"Book {number}",
            author="A", quantity=1, price=Decimal(3),
        )  # fmt: skip
        session.add(
            Order(
                id=UUID(int=number),
                user_id=user_id,
                placed_at=moment,
                total=Decimal(3),
                lines=[line],
            )
        )
    session.flush()


def titles(page, row):
    return [each.text.strip() for each in page.html.select(row)]


def walk(browser, path, row, rel="next"):
    """The rows of all pages from ``path`` on, page by page, and the last page's address."""
    page = browser.get(path)
    found = [titles(page, row)]
    while link := page.html.select_one(f".pager a[rel={rel}]"):
        page = browser.get(link["href"])
        found.append(titles(page, row))
    return found, page.request.path_qs


@pytest.mark.parametrize(
    ("login", "path", "row"),
    [("ada", "/orders", ".order-words strong"), ("basil", "/staff", ".ledger td:nth-of-type(4)")],
)
@pytest.mark.parametrize("step", [timedelta(minutes=1), timedelta(0)])
def test_orders_are_walked_to_the_oldest_and_back(shop, shop_session, login, path, row, step):
    """Also those that were placed at one moment."""
    many = 2 * pages.SHOWN + 3
    add_orders(shop_session, "ada", [BEGINNING + number * step for number in range(many)])
    browser = shop.browser().sign_in(login)
    there, last = walk(browser, path, row)
    newest_first = [f"Book {number}" for number in range(many, 0, -1)]
    assert [len(page) for page in there] == [pages.SHOWN, pages.SHOWN, 3]
    assert [*chain(*there)] == newest_first
    back, _ = walk(browser, last, row, rel="prev")
    assert back[::-1] == there


def test_a_customer_sees_no_orders_of_others_on_any_page(shop, shop_session):
    add_orders(shop_session, "grace", [BEGINNING] * 60)
    browser = shop.browser().sign_in("ada")
    there, _ = walk(browser, f"/orders?cursor=older-9999999999999999-{'f' * 32}", "strong")
    assert "not ordered anything" in browser.get("/orders").text
    assert not any("Book" in title for page in there for title in page)


@pytest.mark.parametrize("path", ["/orders", "/staff", "/staff/stock"])
@pytest.mark.parametrize(
    "cursor", ["", "x", "older-1", f"newer-{'9' * 17}-{'0' * 32}", "%00", "%C3%A4"]
)
def test_a_cursor_that_is_none_leads_to_the_first_page(shop, shop_session, path, cursor):
    shop.add_books(HOBBIT)
    add_orders(shop_session, "basil", [BEGINNING])
    browser = shop.browser().sign_in("basil")
    first = browser.get(path)
    page = browser.get(f"{path}?cursor={cursor}")
    assert page.html.select_one("main").text == first.html.select_one("main").text
    assert not page.html.select(".pager")


def test_the_stock_is_walked_page_by_page_with_its_search(shop, monkeypatch):
    monkeypatch.setattr(staff_views, "BOOKS_SHOWN", 3)
    shop.add_books(
        *(HOBBIT | {"isbn": isbn(at), "title": f"Tea & Book {at}", "stock": at} for at in range(8))
    )
    shop.add_books(HOBBIT | {"title": "Other"})
    browser = shop.browser().sign_in("basil")
    there, last = walk(browser, "/staff/stock?q=tea+%26", "tbody td:nth-of-type(1)")
    assert [len(page) for page in there] == [3, 3, 2]
    assert [*chain(*there)] == [f"Tea & Book {at}" for at in range(8)]
    assert walk(browser, last, "tbody td:nth-of-type(1)", rel="prev")[0][::-1] == there
    assert "8 titles" in browser.get(last).text
