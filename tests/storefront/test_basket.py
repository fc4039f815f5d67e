"""The basket lives in a signed cookie."""

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


def test_empty(browser):
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_put_in_change_and_take_out(browser):
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


def test_putting_in_twice_adds_up(browser):
    browser.put_in_basket(HOBBIT_ISBN, 2)
    assert total(browser.put_in_basket(HOBBIT_ISBN, 2)) == "€64.00"


def test_more_than_there_are_cannot_be_ordered(browser):
    browser.sign_in("ada")
    browser.put_in_basket(DUNE["isbn"])
    page = browser.put_in_basket(DUNE["isbn"])
    assert "Only 1 left" in page.text
    assert page.html.select_one("#order").has_attr("disabled")


def test_sold_out_books_cannot_be_put_in(shop, books, browser):
    shop.api("basil").put_json(f"/api/books/{books[1]['id']}", {"stock": 0})
    page = browser.get("/books/" + DUNE["isbn"])
    assert "Sold out" in page.text
    assert not page.html.select("form[action='/basket']")


def test_books_taken_out_of_the_catalogue_drop_out(shop, books, browser):
    browser.put_in_basket(DUNE["isbn"])
    shop.api("basil").delete(f"/api/books/{books[1]['id']}")
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_a_basket_is_kept_through_sign_in_and_not_through_sign_out(browser):
    browser.put_in_basket(HOBBIT_ISBN)
    browser.sign_in("ada")
    page = browser.get("/basket")
    assert total(page) == "€16.00"
    page.form_of("/logout").submit()
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_a_forged_cookie_is_an_empty_basket(browser):
    browser.put_in_basket(HOBBIT_ISBN)
    value = browser.cookies["storefront_session"]
    browser.set_cookie("storefront_session", ("B" if value[0] == "A" else "A") + value[1:])
    assert "There is nothing in it yet" in browser.get("/basket").text


@pytest.mark.parametrize(
    "fields",
    [
        {"book": "nonsense", "copies": "1", "action": "add"},
        {"book": "", "copies": "1", "action": "add"},
        {"copies": "x", "action": "add"},
        {"copies": "-1", "action": "set"},
        {"copies": "11", "action": "set"},
        {"copies": "9" * 400, "action": "set"},
        {"copies": "1", "action": "steal"},
    ],
)
def test_forms_that_we_did_not_make(browser, books, fields):
    page = browser.put_in_basket(HOBBIT_ISBN)
    token = page.form_of("/basket")["csrf_token"].value
    sent = {"book": books[0]["id"], "csrf_token": token} | fields
    browser.post("/basket", sent, status=404)
    assert total(browser.get("/basket")) == "€16.00"


def test_forms_without_the_token_do_nothing(browser, books):
    page = browser.post("/basket", {"book": books[0]["id"], "copies": "1"}, status=400)
    assert "gone stale" in page.text
    assert "There is nothing in it yet" in browser.get("/basket").text


def test_no_end_of_titles_would_not_fit_into_a_cookie():
    basket = Basket({})
    for _ in range(MOST_TITLES):
        basket.put(uuid4(), 1)
    with pytest.raises(BasketFull):
        basket.put(uuid4(), 1)
    assert basket.count == MOST_TITLES


def test_a_full_basket_says_so(shop, browser, books, monkeypatch):
    monkeypatch.setattr("storefront.basket.MOST_TITLES", 1)
    browser.put_in_basket(HOBBIT_ISBN)
    assert "Order these first" in browser.put_in_basket(DUNE["isbn"]).text
