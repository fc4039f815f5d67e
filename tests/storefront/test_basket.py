"""The basket is kept in a signed cookie."""

from uuid import uuid4

import pytest

from storefront.basket import MOST_TITLES, Basket, BasketFull
from tests.storefront.conftest import DUNE, HOBBIT

HOBBIT_ISBN = HOBBIT["isbn"]


@pytest.fixture
def books(shop):
    return shop.add_books(HOBBIT, DUNE)


@pytest.fixture
def browser(shop, books):
    return shop.browser()


def total(page):
    return page.html.select_one("#total").text


def test_a_new_basket_is_empty(browser):
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_a_book_can_be_added_changed_and_removed(browser):
    page = browser.put_in_basket(HOBBIT_ISBN, 2)
    assert "is in your basket" in page.text
    assert total(page) == "€32.00"
    assert page.html.select_one(".badge").text == "2"
    form = page.form_of("/basket")
    form["copies"] = "3"
    page = form.submit("action", value="set").follow()
    assert total(page) == "€48.00"
    page = page.form_of("/basket").submit("action", value="remove").follow()
    assert "There is nothing in it yet" in page.text


def test_adding_a_book_twice_adds_the_copies(browser):
    browser.put_in_basket(HOBBIT_ISBN, 2)
    assert total(browser.put_in_basket(HOBBIT_ISBN, 2)) == "€64.00"


def test_more_copies_than_in_stock_cannot_be_ordered(browser):
    browser.sign_in("ada")
    browser.put_in_basket(DUNE["isbn"])
    page = browser.put_in_basket(DUNE["isbn"])
    assert "Only 1 left" in page.text
    assert page.html.select_one("#order").has_attr("disabled")


def test_a_sold_out_book_cannot_be_added(shop, books, browser):
    shop.api("basil").put_json(f"/api/books/{books[1]['id']}", {"stock": 0})
    page = browser.get("/books/" + DUNE["isbn"])
    assert "Sold out" in page.text
    assert not page.html.select("form[action='/basket']")


def test_a_book_deleted_from_the_catalogue_disappears_from_the_basket(shop, books, browser):
    browser.put_in_basket(DUNE["isbn"])
    shop.api("basil").delete(f"/api/books/{books[1]['id']}")
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_sign_in_keeps_the_basket_and_sign_out_empties_it(browser):
    browser.put_in_basket(HOBBIT_ISBN)
    browser.sign_in("ada")
    page = browser.get("/basket")
    assert total(page) == "€16.00"
    page.form_of("/logout").submit()
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_a_forged_basket_cookie_gives_an_empty_basket(browser):
    browser.put_in_basket(HOBBIT_ISBN)
    value = browser.cookies["storefront_session"]
    browser.set_cookie("storefront_session", ("B" if value[0] == "A" else "A") + value[1:])
    assert "There is nothing in it yet" in browser.get("/basket").text


@pytest.mark.parametrize(
    "fields",
    [
        {"book": "nonsense", "copies": "1", "action": "add"},
        {"book": "", "copies": "1", "action": "add"},
        {"copies": "1", "action": "steal"},
    ],
)
def test_invalid_basket_forms_are_refused_and_change_nothing(browser, books, fields):
    page = browser.put_in_basket(HOBBIT_ISBN)
    token = page.form_of("/basket")["csrf_token"].value
    sent = {"book": books[0]["id"], "csrf_token": token} | fields
    browser.post("/basket", sent, status=404)
    assert total(browser.get("/basket")) == "€16.00"


@pytest.mark.parametrize("copies", ["", "x", "-1", "11", "9" * 400])
def test_a_number_of_copies_that_cannot_be_is_asked_for_again(browser, copies):
    form = browser.put_in_basket(HOBBIT_ISBN).form_of("/basket")
    form["copies"] = copies
    page = form.submit("action", value="set", status=303).follow()
    assert "Say how many copies, up to 10." in page.text
    assert total(page) == "€16.00"
    page = form.submit("action", value="remove", status=303).follow()
    assert "There is nothing in it yet" in page.text


def test_a_form_without_csrf_token_is_refused_and_changes_nothing(browser, books):
    sent = {"book": books[0]["id"], "copies": "1"}
    for form in (sent, sent | {"csrf_token": "of another visit"}):
        page = browser.post("/basket", form, status=400)
        assert "We do not know that form" in page.text
        assert "too long" not in page.text
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_a_basket_takes_a_limited_number_of_titles():
    basket = Basket({})
    for _ in range(MOST_TITLES):
        basket.put(uuid4(), 1)
    with pytest.raises(BasketFull):
        basket.put(uuid4(), 1)
    assert basket.count == MOST_TITLES


def test_a_full_basket_shows_a_message(shop, browser, books, monkeypatch):
    monkeypatch.setattr("storefront.basket.MOST_TITLES", 1)
    browser.put_in_basket(HOBBIT_ISBN)
    assert "Order these first" in browser.put_in_basket(DUNE["isbn"]).text
