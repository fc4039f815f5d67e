"""Declared fields of one book: what is written, patched and refused, beside a host's schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import colander
import pytest
from pyramid.config import PHASE1_CONFIG, Configurator
from pyramid.exceptions import ConfigurationError
from webtest import TestApp

from pyramid_bookstore.web.mount import Mount
from tests.support.api import isbn

FIELDS = {
    "bookstore.migrate": "true",
    "bookstore.field.publisher": "text filter facet sort search",
    "bookstore.field.pages": "integer filter sort",
    "bookstore.field.rating": "number filter sort",
    "bookstore.field.published": "date filter sort",
    "bookstore.field.language": "texts filter facet",
}
MakeClient = Callable[..., TestApp]


@pytest.fixture
def client(client_with: MakeClient) -> TestApp:
    return client_with(FIELDS)


def post(client: TestApp, number: int, status: int = 201, **extra: Any) -> Any:
    fields = {"title": "Faust", "author": "Goethe", "isbn": isbn(number), "price": 5}
    return client.post_json("/api/v1/books", fields | {"extra": extra}, status=status).json


def total(client: TestApp, query: str) -> int:
    found: int = client.get(f"/api/v1/books?{query}").json["total"]
    return found


def patch(client: TestApp, book: Any, extra: Any, status: int = 200) -> Any:
    return client.patch_json(
        f"/api/v1/books/{book['id']}",
        {"extra": extra},
        headers={"Content-Type": "application/merge-patch+json"},
        status=status,
    ).json


def test_a_patch_moves_a_book_by_what_it_changes_and_leaves_the_rest(client: TestApp) -> None:
    book = post(client, 1, publisher="Piper", pages=7, other={"a": 1})
    patch(client, book, {"pages": 9})
    assert total(client, "publisher=piper&min_pages=9") == 1
    patch(client, book, {"publisher": None})
    assert (total(client, "publisher=piper"), total(client, "search=piper")) == (0, 0)
    assert total(client, "pages=9") == 1
    assert patch(client, book, None)["extra"] == {}
    assert total(client, "min_pages=0") == 0


def test_fields_may_name_declared_ones_and_nothing_else_of_extra_comes(client: TestApp) -> None:
    book = post(client, 1, publisher="Piper", pages=7, other=1)
    [some] = client.get("/api/v1/books?fields=title,publisher,rating").json["data"]
    assert some == {"title": "Faust", "extra": {"publisher": "Piper"}}
    [listed] = client.get("/api/v1/books?fields=publisher,extra").json["data"]
    assert listed == {"extra": book["extra"]}


def test_a_database_in_memory_needs_no_reindex(make_client: MakeClient) -> None:
    client = make_client(FIELDS, url="sqlite://")
    post(client, 1, publisher="Piper")
    assert total(client, "publisher=piper") == 1


def test_a_patch_to_a_value_that_is_not_valid_changes_nothing(client: TestApp) -> None:
    book = post(client, 1, publisher="Piper", pages=7)
    refused = patch(client, book, {"pages": "many", "language": ["eng", 5]}, status=422)
    assert {each["pointer"] for each in refused["details"]} == {
        "/extra/pages", "/extra/language/1",
    }  # fmt: skip
    assert total(client, "pages=7") == 1


LIMITS = {
    "pages": [-(2**63), -1, 0, 1, 2**63 - 1],
    "published": ["-9999", "-0001", "0001", "9999-12-31"],
    "publisher": ["a" * 1000],
}


def test_values_at_the_limits_are_kept_sorted_and_found(client: TestApp) -> None:
    number = 0
    for name, values in LIMITS.items():
        for value in values:
            number += 1
            post(client, number, **{name: value})
            assert total(client, f"{name}={value}") == 1, value
    for name, values in LIMITS.items():
        found = client.get(f"/api/v1/books?sort={name}&limit=100").json["data"]
        assert [each["extra"][name] for each in found if name in each["extra"]] == values
    assert total(client, f"min_pages={-(2**63)}&max_pages={2**63 - 1}") == 5
    assert total(client, "min_published=-9999&max_published=9999") == 4
    assert total(client, "max_published=-0001") == 2


@pytest.mark.parametrize(
    "text", ["9223372036854775807", "-99999999.999999999", "0.000001", "-12.5", "0"]
)
def test_numbers_at_the_limits_are_compared_exactly(client: TestApp, text: str) -> None:
    body = f'{{"title":"T","author":"A","isbn":"{isbn(1)}","price":1,"extra":{{"rating":{text}}}}}'
    client.post("/api/v1/books", body, content_type="application/json")
    assert total(client, f"rating={text}") == 1
    assert total(client, f"min_rating={text}&max_rating={text}") == 1


@pytest.mark.parametrize(
    "query",
    [
        "pages=9223372036854775808", "min_pages=9223372036854775808", "rating=1e5",
        "published=2024-02-30", "publisher=%00", "min_pages=x", "min_pages=2&max_pages=1",
        "facets=pages", "facets=other", "sort=language", "publisher=" + "x" * 1001,
        "min_publisher=a", "fields=other",
        "min_pages=1&min_pages=2", "published=0000", "min_published=%EF%BC%92024",
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_422_with_its_name(client: TestApp, query: str) -> None:
    answer = client.get(f"/api/v1/books?{query}", status=422).json
    assert answer["details"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "extra",
    [{"pages": 2**63}, {"rating": 10**30}, {"published": "2024-02-30"}, {"publisher": "x" * 1001}],
)
def test_values_beyond_the_limits_are_refused(client: TestApp, extra: dict[str, Any]) -> None:
    refused = post(client, 1, status=422, **extra)
    assert [each["field"] for each in refused["details"]] == [f"extra.{next(iter(extra))}"]


def test_the_list_shows_the_fields_asked_for_and_counts_none_of_no_books(client: TestApp) -> None:
    found = client.get("/api/v1/books?facets=publisher,language&publisher=piper").json
    assert found["facets"] == {"publisher": [], "language": []}


class Host(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    shelf = colander.SchemaNode(colander.String(), missing="A1")

    def schema_type(self) -> colander.Mapping:
        return colander.Mapping(unknown="raise")


def with_schema(schema: Any) -> Callable[[Configurator], None]:
    def configure(config: Configurator) -> None:
        def set_schema() -> None:
            Mount.of(config.registry).extra_schema = schema

        config.action(("test", "extra"), set_schema, order=PHASE1_CONFIG)

    return configure


def test_declared_fields_are_allowed_beside_a_host_schema_that_allows_no_others(
    make_client: MakeClient,
) -> None:
    client = make_client(FIELDS, configure=with_schema(Host()))
    book = post(client, 1, publisher="Piper")
    assert book["extra"] == {"publisher": "Piper", "shelf": "A1"}
    refused = post(client, 2, status=422, publisher=5, other=1)
    assert {each["field"] for each in refused["details"]} == {
        "extra.publisher", "extra.other",
    }  # fmt: skip
    assert patch(client, book, {"pages": 5})["extra"]["pages"] == 5
    assert total(client, "publisher=piper&pages=5") == 1


def test_a_field_is_declared_or_in_the_host_schema_but_not_both(make_client: MakeClient) -> None:
    schema = colander.MappingSchema()
    schema.add(colander.SchemaNode(colander.String(), name="publisher", missing="Nobody"))
    with pytest.raises(ConfigurationError, match="publisher: the schema of extra has it already"):
        make_client(FIELDS, configure=with_schema(schema))


def test_a_declared_field_beside_the_others_is_said_to_be_a_member_of_extra(
    client: TestApp,
) -> None:
    fields = {"title": "Faust", "author": "Goethe", "isbn": isbn(1), "price": 5}
    refused = client.post_json("/api/v1/books", fields | {"publisher": "Piper"}, status=422)
    [fault] = refused.json["details"]
    assert (fault["field"], fault["message"]) == ("publisher", "This field is a member of extra.")
