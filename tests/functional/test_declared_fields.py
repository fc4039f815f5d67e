"""Declared fields: lists by them are those of a model in memory, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

import pytest
from webtest import TestApp

from tests.support.api import isbn

FIELDS = {
    "bookstore.field.publisher": "text filter facet sort search",
    "bookstore.field.pages": "integer filter sort",
    "bookstore.field.rating": "number filter sort",
    "bookstore.field.published": "date filter sort facet",
    "bookstore.field.signed": "boolean filter facet",
    "bookstore.field.language": "texts filter facet",
}
PUBLISHERS = ("Piper", "PIPER", "dtv", "S. Fischer", "Éditions du Seuil", "岩波書店")
DATES = ("2023", "2023-11", "2024", "2024-02", "2024-02-29", "2025-01-01", "-0044")


def made(chosen: random.Random, number: int) -> dict[str, Any]:
    extra: dict[str, Any] = {"shelf": number}
    values = {
        "publisher": chosen.choice(PUBLISHERS),
        "pages": chosen.choice((-5, 0, 7, 80, 352, 10_000)),
        "rating": chosen.choice((-2.5, 0, 0.25, 3, 4.125)),
        "published": chosen.choice(DATES),
        "signed": chosen.choice((True, False)),
        "language": chosen.sample(("eng", "ger", "fre"), chosen.randint(1, 3)),
    }
    extra |= {name: value for name, value in values.items() if chosen.random() < 0.7}
    price = chosen.choice((1, 5, 9.5))
    return {
        "title": chosen.choice(("The Hobbit", "Faust", "Emma")),
        "author": "Anon",
        "isbn": isbn(number),
        "price": price,
        "stock": chosen.choice((0, 3)),
        "extra": extra,
    }


@pytest.fixture(scope="module")
def numbers() -> random.Random:
    return random.Random(5)


@pytest.fixture
def shop(client_with: Callable[..., TestApp], numbers: random.Random) -> tuple[TestApp, list[Any]]:
    client = client_with({"bookstore.migrate": "true", **FIELDS})
    books = [client.post_json("/api/v1/books", made(numbers, number)).json for number in range(60)]
    return client, books


def listed(client: TestApp, **parameters: Any) -> Any:
    query = urlencode({"limit": 100} | parameters, doseq=True)
    return client.get(f"/api/v1/books?{query}").json


Rule = Callable[[dict[str, Any]], bool]

RULES: dict[tuple[str, Any], Rule] = {
    ("publisher", "piper"): lambda e: e.get("publisher", "").casefold() == "piper",
    ("publisher", ("DTV", "editions du seuil")): lambda e: (
        e.get("publisher") in ("dtv", "Éditions du Seuil")
    ),
    ("language", "ger"): lambda e: "ger" in e.get("language", ()),
    ("language", ("eng", "fre")): lambda e: bool({"eng", "fre"} & {*e.get("language", ())}),
    ("signed", "true"): lambda e: e.get("signed") is True,
    ("pages", "80"): lambda e: e.get("pages") == 80,
    ("min_pages", "0"): lambda e: e.get("pages", -99) >= 0,
    ("max_pages", "80"): lambda e: e.get("pages", 99_999) <= 80,
    ("max_rating", "0.25"): lambda e: e.get("rating", 99) <= 0.25,
    ("min_rating", "-2.5"): lambda e: "rating" in e,
    ("published", "2024"): lambda e: e.get("published", "").startswith("2024"),
    ("published", "2024-02"): lambda e: e.get("published", "").startswith("2024-02"),
    ("min_published", "2024-02"): lambda e: e.get("published", "") >= "2024-02",
    ("max_published", "2024"): lambda e: (
        "published" in e and (e["published"][0] == "-" or e["published"][:4] <= "2024")
    ),
}


def pairs() -> Iterator[dict[str, Any]]:
    for name, value in RULES:
        yield {name: value}
    for (one, first), (other, second) in combinations(RULES, 2):
        if one != other:
            yield {one: first, other: second}


def test_each_filter_alone_and_in_pairs_finds_what_a_model_finds(shop: Any) -> None:
    client, books = shop
    for given in pairs():
        rules = [RULES[name, value] for name, value in given.items()]
        found = listed(client, **given)
        wanted = [book["isbn"] for book in books if all(rule(book["extra"]) for rule in rules)]
        assert [book["isbn"] for book in found["data"]] == wanted[::-1], given
        assert found["total"] == len(wanted), given


@pytest.mark.parametrize("field", ["publisher", "pages", "rating", "published"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_pages_and_cursors_of_a_sort_by_a_declared_field_have_every_book_once(
    shop: Any, field: str, sign: str
) -> None:
    client, books = shop
    whole = [book["isbn"] for book in listed(client, sort=f"{sign}{field}")["data"]]
    assert sorted(whole) == sorted(book["isbn"] for book in books)
    values = [book["extra"].get(field) for book in listed(client, sort=f"{sign}{field}")["data"]]
    if field in ("pages", "rating"):
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=sign == "-")
    found: list[str] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = listed(client, sort=f"{sign}{field},-price", limit=7, **more)
        found += [book["isbn"] for book in page["data"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert sorted(found) == sorted(whole)


def test_a_search_finds_words_of_a_declared_field_marked_for_it(shop: Any) -> None:
    client, books = shop
    found = {book["isbn"] for book in listed(client, search="seuil faust")["data"]}
    assert found == {
        book["isbn"]
        for book in books
        if book["title"] == "Faust" and "Seuil" in book["extra"].get("publisher", "")
    }
    assert found


def test_facets_are_those_of_a_model_over_all_filters_but_their_own(shop: Any) -> None:
    client, books = shop
    parameters = {"facets": "publisher,language,published,signed", "publisher": "piper"}
    found = listed(client, min_price=5, **parameters)["facets"]
    priced = [book["extra"] for book in books if book["price"] >= 5]
    own = [extra for extra in priced if extra.get("publisher", "").casefold() == "piper"]
    languages = Counter(each for extra in own for each in extra.get("language", ()))
    assert {each["value"]: each["books"] for each in found["language"]} == languages
    publishers = Counter(extra["publisher"].casefold() for extra in priced if "publisher" in extra)
    assert {each["value"].casefold(): each["books"] for each in found["publisher"]} == publishers
    years = Counter(extra["published"][:4] for extra in own if extra.get("published", "-") > "0")
    assert {
        each["value"]: each["books"] for each in found["published"] if each["value"] > "0"
    } == years
    assert {each["value"] for each in found["signed"]} <= {True, False}


def test_a_change_of_extra_moves_the_book_to_where_it_is_found(shop: Any) -> None:
    client, books = shop
    path = f"/api/v1/books/{books[0]['id']}"
    client.patch_json(
        path, {"extra": {"publisher": "Nowhere"}}, headers={"Content-Type": "application/json"}
    )
    assert listed(client, publisher="nowhere")["total"] == 1
    client.patch_json(
        path, {"extra": {"publisher": None}}, headers={"Content-Type": "application/json"}
    )
    assert listed(client, publisher="nowhere")["total"] == 0
    client.delete(path)
    assert listed(client)["total"] == 59


def test_books_that_are_imported_are_found_and_go_out_unchanged(
    shop: Any, make_client: Callable[..., TestApp]
) -> None:
    client, books = shop
    exported = client.get("/api/v1/books/export?publisher=piper").body
    other = make_client({"bookstore.migrate": "true", **FIELDS})
    done = other.post("/api/v1/books/import", exported, content_type="text/csv").json
    piper = [book for book in books if book["extra"].get("publisher", "").lower() == "piper"]
    assert done["created"] == len(piper) > 0
    assert listed(other, publisher="piper")["total"] == len(piper)
    assert other.get("/api/v1/books/export").body == exported
    # An update by the feed moves it; a feed without `extra` leaves it where it is.
    changed = f'isbn,extra\n{piper[0]["isbn"]},"{{""publisher"":""Other""}}"\n'
    other.post("/api/v1/books/import", changed.encode(), content_type="text/csv")
    assert listed(other, publisher="other")["total"] == 1
    priced = f"isbn,price\n{piper[0]['isbn']},3\n"
    other.post("/api/v1/books/import", priced.encode(), content_type="text/csv")
    assert listed(other, publisher="other", max_price=3)["total"] == 1
    assert listed(other, publisher="piper")["total"] == len(piper) - 1


def test_a_feed_is_checked_by_the_declaration(shop: Any) -> None:
    client, _ = shop
    row = f'isbn,extra\n{isbn(1)},"{{""pages"":""many""}}"\n'
    refused = client.post(
        "/api/v1/books/import", row.encode(), content_type="text/csv", status=422
    ).json
    assert refused["details"][0]["field"] == "extra.pages"
