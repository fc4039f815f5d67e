"""Several customers order the last copy: one gets it, the others get one clear message."""

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storefront.models import Order, OrderLine
from tests.storefront.conftest import DUNE, HOBBIT

SOLD = "Sorry, the last copy of “Dune” has just been sold."


def at_once(*calls):
    """Start the calls together, each in its own thread, and return their results."""
    barrier = threading.Barrier(len(calls))
    results = [None] * len(calls)

    def run(number, call):
        barrier.wait(timeout=30)
        results[number] = call()

    threads = [
        threading.Thread(target=run, args=(number, call)) for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


@pytest.fixture
def shop(open_shop):
    return open_shop()


def customer(shop, login, *isbns):
    browser = shop.browser().sign_in(login)
    for isbn in isbns:
        browser.put_in_basket(isbn)
    return browser


@pytest.mark.parametrize("customers", [2, 8])
def test_the_last_copy_is_sold_once_to_concurrent_customers(shop, customers):
    book = shop.add_books(DUNE)[0]
    logins = ("ada", "grace", "basil")
    browsers = [customer(shop, logins[n % 3], DUNE["isbn"]) for n in range(customers)]
    forms = [browser.order_form() for browser in browsers]
    answers = at_once(*(lambda form=form: form.submit(status=303) for form in forms))

    pages = [answer.follow() for answer in answers]
    assert sum("Thank you." in page.text for page in pages) == 1
    assert sum(SOLD in page.text for page in pages) == customers - 1
    assert shop.api("ada").get(f"/api/books/{book['id']}").json["stock"] == 0
    with Session(shop.engine) as session:
        assert len(session.scalars(select(Order)).all()) == 1
        assert len(session.scalars(select(OrderLine)).all()) == 1


def test_concurrent_orders_of_the_same_books_do_not_deadlock(shop):
    books = [DUNE | {"stock": 20}, HOBBIT | {"stock": 20}]
    ids = [book["id"] for book in shop.add_books(*books)]
    isbns = [book["isbn"] for book in books]
    browsers = [customer(shop, "ada", *isbns[:: 1 if n % 2 else -1]) for n in range(6)]
    forms = [browser.order_form() for browser in browsers]
    answers = at_once(*(lambda form=form: form.submit(status=303) for form in forms))
    assert all("Thank you." in answer.follow().text for answer in answers)
    api = shop.api("ada")
    assert [api.get(f"/api/books/{book_id}").json["stock"] for book_id in ids] == [14, 14]


def test_one_basket_submitted_twice_at_once_creates_one_order(shop):
    shop.add_books(HOBBIT)
    browser = customer(shop, "ada", HOBBIT["isbn"])
    forms = [browser.order_form() for _ in range(2)]
    answers = at_once(*(lambda form=form: form.submit(status=303) for form in forms))
    assert answers[0].location == answers[1].location
    with Session(shop.engine) as session:
        assert len(session.scalars(select(Order)).all()) == 1
