"""At the checkout copies are kept while the customer pays."""

from datetime import UTC, datetime, timedelta

import pytest

from storefront.formats import minutes_until
from tests.storefront.conftest import DUNE, HOBBIT


@pytest.fixture
def shop(open_shop):
    return open_shop()


@pytest.fixture
def books(shop):
    return shop.add_books(HOBBIT, DUNE)


@pytest.fixture
def browser(shop, books):
    browser = shop.browser().sign_in("ada")
    browser.put_in_basket(HOBBIT["isbn"], 2)
    browser.put_in_basket(DUNE["isbn"])
    return browser


def numbers(shop, book):
    found = shop.api("ada").get(f"/api/books/{book['id']}").json
    return found["stock"], found["available"]


def keep(browser, action="keep"):
    form = browser.get("/basket").form_of("/checkout")
    return form.submit("action", value=action, status=303).follow()


def test_copies_are_kept_and_the_minutes_shown(shop, books, browser):
    page = keep(browser)
    assert page.html.select_one("#kept").text == "Kept for you for 15 more minutes."
    assert [numbers(shop, book) for book in books] == [(5, 3), (1, 0)]
    assert not page.html.select_one("#order").has_attr("disabled")
    assert "Sold out" in shop.browser().get("/books/" + DUNE["isbn"]).text


def test_an_order_takes_what_is_kept(shop, books, browser):
    keep(browser)
    page = browser.order_form().submit(status=303).follow()
    assert "Thank you." in page.text
    assert [numbers(shop, book) for book in books] == [(3, 3), (0, 0)]


def test_what_is_kept_can_be_given_back(shop, books, browser):
    keep(browser)
    page = keep(browser, "give back")
    assert page.html.select_one("#keep") is not None
    assert [numbers(shop, book) for book in books] == [(5, 5), (1, 1)]
    keep(browser, "give back")


def test_another_basket_gives_back_what_was_kept(shop, books, browser):
    keep(browser)
    page = browser.get("/basket").form_of("/basket").submit("action", value="remove").follow()
    assert page.html.select_one("#kept") is None
    assert [numbers(shop, book) for book in books] == [(5, 5), (1, 1)]


def test_a_hold_that_ran_out_sells_what_is_left(shop, books, browser, monkeypatch):
    monkeypatch.setattr("storefront.basket.KEPT", 1)
    keep(browser)
    later = datetime.now(UTC) + timedelta(seconds=2)
    for module in ("stock.holds", "stock.shelf", "catalogue.availability"):
        monkeypatch.setattr(f"pyramid_bookstore.{module}.now", lambda: later)
    page = browser.get("/basket")
    assert page.html.select_one("#kept") is None
    page = page.form_of("/orders").submit(status=303).follow()
    assert "Thank you." in page.text
    assert [numbers(shop, book) for book in books] == [(3, 3), (0, 0)]


def test_what_somebody_else_keeps_cannot_be_kept_or_ordered(shop, books, browser):
    other = shop.browser().sign_in("grace")
    other.put_in_basket(DUNE["isbn"])
    checkout = other.get("/basket").form_of("/checkout")
    order = other.order_form()
    keep(browser)
    page = checkout.submit("action", value="keep", status=303).follow()
    assert "has just been sold" in page.text
    page = order.submit(status=303).follow()
    assert "Sorry, the last copy of “Dune” has just been sold." in page.text
    assert numbers(shop, books[1]) == (1, 0)


def test_a_kept_book_that_is_deleted_is_named(shop, books, browser):
    keep(browser)
    form = browser.order_form()
    shop.api("basil").delete(f"/api/books/{books[1]['id']}")
    assert "no longer in our catalogue" in form.submit(status=303).follow().text
    assert numbers(shop, books[0]) == (5, 3)


def test_an_empty_basket_keeps_nothing(shop, books, browser):
    form = browser.get("/basket").form_of("/checkout")
    for _ in books:
        browser.get("/basket").form_of("/basket").submit("action", value="remove")
    form.submit("action", value="keep", status=303)
    assert [numbers(shop, book) for book in books] == [(5, 5), (1, 1)]


def test_a_minute_begun_counts():
    assert minutes_until(datetime.now(UTC) + timedelta(seconds=61)) == 2
    assert minutes_until(datetime.now(UTC) + timedelta(seconds=59)) == 1
