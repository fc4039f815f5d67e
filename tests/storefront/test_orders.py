"""Ordering: rows of the shop and stock of the bookstore, in one transaction."""

import pytest
from sqlalchemy import func, select

from storefront.models import Order, OrderLine, StockNote
from tests.storefront.conftest import DUNE, HOBBIT


@pytest.fixture
def books(shop):
    return shop.add_books(HOBBIT, DUNE)


@pytest.fixture
def browser(shop, books):
    return shop.browser().sign_in("ada")


def stock(shop, book):
    return shop.api("ada").get(f"/api/books/{book['id']}").json["stock"]


def count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def test_an_order_takes_the_copies_from_stock_and_empties_the_basket(
    shop, books, browser, shop_session
):
    browser.put_in_basket(HOBBIT["isbn"], 2)
    browser.put_in_basket(DUNE["isbn"])
    page = browser.order_form().submit(status=303).follow()
    assert "Thank you." in page.text
    assert "€42.00" in page.text
    assert [stock(shop, book) for book in books] == [3, 0]
    order = shop_session.scalars(select(Order)).one()
    assert order.user.login == "ada"
    assert sorted((line.title, line.quantity) for line in order.lines) == [
        ("Dune", 1),
        ("The Hobbit", 2),
    ]
    assert "There is nothing in it yet" in browser.get("/basket").text
    assert order.number in browser.get("/orders").text


def test_ordering_requires_sign_in(shop, books, shop_session):
    browser = shop.browser()
    page = browser.put_in_basket(HOBBIT["isbn"])
    assert page.html.select_one("#sign-in")["href"] == "/login?next=%2Fbasket"
    token = page.form_of("/basket")["csrf_token"].value
    answer = browser.post("/orders", {"csrf_token": token, "total": "16.00"}, status=303)
    assert answer.location == "http://example.com/login?next=%2Fbasket"
    assert count(shop_session, Order) == 0


def test_an_empty_basket_cannot_be_ordered(browser, shop_session):
    browser.put_in_basket(HOBBIT["isbn"])
    form = browser.order_form()
    browser.get("/basket").form_of("/basket").submit("action", value="remove")
    assert form.submit(status=303).location == "http://example.com/basket"
    assert count(shop_session, Order) == 0


@pytest.mark.parametrize("total", ["", "x", None])
def test_an_order_without_a_valid_total_is_refused(browser, total):
    browser.put_in_basket(HOBBIT["isbn"])
    token = browser.order_form()["csrf_token"].value
    fields = {"csrf_token": token} | ({} if total is None else {"total": total})
    assert "makes no sense" in browser.post("/orders", fields, status=400).text


def test_an_order_is_shown_only_to_its_customer_and_to_staff(shop, browser):
    browser.put_in_basket(HOBBIT["isbn"])
    address = browser.order_form().submit().location
    shop.browser().sign_in("grace").get(address, status=404)
    assert shop.browser().sign_in("basil").get(address).status_int == 200


def test_an_invalid_order_number_is_not_found(browser):
    browser.get("/orders/nonsense", status=404)


class TestRefusedOrders:
    """A refused order is rolled back, so these requests use real transactions."""

    @pytest.fixture
    def shop(self, open_shop):
        return open_shop()

    def test_an_order_of_more_than_the_stock_changes_nothing(self, shop, books, browser, rows):
        browser.put_in_basket(HOBBIT["isbn"], 2)
        browser.put_in_basket(DUNE["isbn"])
        form = browser.order_form()
        shop.api("basil").post_json(f"/api/books/{books[1]['id']}/stock", {"delta": -1})
        page = form.submit(status=303).follow()
        assert page.request.path == "/basket"
        assert "Sorry, the last copy of “Dune” has just been sold." in page.text
        assert [stock(shop, book) for book in books] == [5, 0]
        assert rows(Order) == rows(OrderLine) == 0
        assert page.html.select_one(".badge").text == "3"

    def test_all_books_with_too_little_stock_are_named_together(self, shop, books, browser):
        browser.put_in_basket(HOBBIT["isbn"], 4)
        browser.put_in_basket(DUNE["isbn"])
        form = browser.order_form()
        for book, left in zip(books, (3, 0), strict=True):
            shop.api("basil").put_json(f"/api/books/{book['id']}", {"stock": left})
        page = form.submit(status=303).follow()
        assert "there is only 3 copies of “The Hobbit” left; you asked for 4" in page.text
        assert "the last copy of “Dune” has just been sold" in page.text

    def test_an_order_at_an_outdated_price_is_refused(self, shop, books, browser, rows):
        browser.put_in_basket(HOBBIT["isbn"])
        form = browser.order_form()
        shop.api("basil").put_json(f"/api/books/{books[0]['id']}", {"price": 99})
        assert "A price has changed" in form.submit(status=303).follow().text
        assert stock(shop, books[0]) == 5
        assert rows(Order) == 0
        browser.order_form().submit(status=303).follow()
        assert rows(Order) == 1

    def test_an_order_of_a_deleted_book_is_refused(self, shop, books, browser):
        browser.put_in_basket(HOBBIT["isbn"])
        form = browser.order_form()
        shop.api("basil").delete(f"/api/books/{books[0]['id']}")
        assert "no longer in our catalogue" in form.submit(status=303).follow().text

    def test_submitting_an_order_twice_creates_one_order(self, shop, books, browser, rows):
        browser.put_in_basket(HOBBIT["isbn"])
        form = browser.order_form()
        first, second = form.submit(status=303), form.submit(status=303)
        assert first.location == second.location
        assert rows(Order) == 1
        assert stock(shop, books[0]) == 4

    def test_a_refused_order_leaves_no_stock_note(self, shop, books, browser, rows):
        """A subscriber writes the note on low stock in the transaction of the order."""
        browser.put_in_basket(HOBBIT["isbn"], 4)
        browser.put_in_basket(DUNE["isbn"])
        form = browser.order_form()
        shop.api("basil").put_json(f"/api/books/{books[1]['id']}", {"price": 11})
        noted = rows(StockNote)
        form.submit(status=303)
        assert rows(StockNote) == noted == 1

    @pytest.fixture
    def rows(self, shop):
        from sqlalchemy.orm import Session

        def rows(model):
            with Session(shop.engine) as session:
                return count(session, model)

        return rows
