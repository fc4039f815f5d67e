"""The pages of the staff: orders, notes on low stock, deliveries."""

import logging

import pytest
from sqlalchemy import select

from storefront.models import StockNote
from tests.storefront.conftest import DUNE, HOBBIT


@pytest.fixture
def books(shop):
    return shop.add_books(HOBBIT, DUNE | {"stock": 8})


@pytest.fixture
def staff(shop, books):
    return shop.browser().sign_in("basil")


def notes(page):
    return [item.a.text for item in page.html.select(".notes li")]


def test_staff_see_the_orders_and_their_totals(shop, staff):
    assert "Nobody has ordered anything yet" in staff.get("/staff").text
    ada = shop.browser().sign_in("ada")
    ada.put_in_basket(HOBBIT["isbn"], 2)
    ada.order_form().submit(status=303)
    page = staff.get("/staff")
    assert "The Hobbit" in page.html.select_one(".ledger").text
    assert [figure.text for figure in page.html.select(".tiles dd")] == ["1", "2", "€32.00", "1"]


def test_low_stock_is_noted_and_a_delivery_removes_the_note(shop, staff):
    ada = shop.browser().sign_in("ada")
    ada.put_in_basket(HOBBIT["isbn"], 3)
    ada.order_form().submit(status=303)
    page = staff.get("/staff")
    assert notes(page) == ["The Hobbit"]
    form = page.form_of("/staff/stock")
    form["copies"] = "10"
    page = form.submit(status=303).follow()
    assert "“The Hobbit”: 12 copies now." in page.text
    assert notes(page) == []


def test_low_stock_after_changes_through_the_api_is_noted_too(shop, staff, books, shop_session):
    api = shop.api("basil")
    api.post_json(f"/api/books/{books[0]['id']}/stock", {"delta": -5})
    api.put_json(f"/api/books/{books[1]['id']}", {"stock": 2})
    found = {note.title: note.stock for note in shop_session.scalars(select(StockNote))}
    assert found == {"The Hobbit": 0, "Dune": 2}
    api.delete(f"/api/books/{books[0]['id']}")
    assert notes(staff.get("/staff")) == ["Dune"]


def test_the_stock_page_is_searchable_and_lists_the_lowest_stock_first(staff):
    page = staff.get("/staff/stock")
    assert [row.a.text for row in page.html.select("tbody tr")] == ["The Hobbit", "Dune"]
    page = staff.get("/staff/stock?q=herbert")
    assert [row.a.text for row in page.html.select("tbody tr")] == ["Dune"]


@pytest.mark.parametrize("copies", ["0", "-3", "x", "", "10000"])
def test_a_delivery_with_an_invalid_number_of_copies_is_refused(staff, copies):
    form = staff.get("/staff/stock?q=hobbit").form_of("/staff/stock")
    form["copies"] = copies
    page = form.submit(status=303).follow()
    assert "Say how many copies" in page.text
    assert page.html.select_one("tbody .stock").text == "5"


def test_the_reason_is_shown_when_the_bookstore_refuses_a_delivery(shop, staff, books):
    full = 2**31 - 1
    shop.api("basil").put_json(f"/api/books/{books[0]['id']}", {"stock": full})
    form = staff.get("/staff/stock?q=hobbit").form_of("/staff/stock")
    form["copies"] = "1"
    assert str(full) in form.submit(status=303).follow().html.select_one(".flash.warning").text


def test_a_delivery_of_an_unknown_book_is_not_found(staff):
    token = staff.get("/staff").form_of("/logout")["csrf_token"].value
    staff.post("/staff/stock", {"csrf_token": token, "book": "x", "copies": "1"}, status=404)


def test_only_committed_stock_changes_are_logged(open_shop, caplog):
    shop = open_shop()
    book = shop.add_books(HOBBIT)[0]
    with caplog.at_level(logging.INFO, logger="storefront"):
        shop.api("basil").post_json(f"/api/books/{book['id']}/stock", {"delta": -2})
        shop.api("basil").post_json(f"/api/books/{book['id']}/stock", {"delta": -9}, status=409)
    assert [record.getMessage() for record in caplog.records] == [
        "9780261102217 “The Hobbit”: -2, 3 left"
    ]
