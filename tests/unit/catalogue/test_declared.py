"""What a declaration may say, and what is stored beside a book because of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import colander
import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError

from pyramid_bookstore.catalogue import facets
from pyramid_bookstore.catalogue.declaration import from_settings, together
from pyramid_bookstore.catalogue.declared import Declared, Keys, declare
from pyramid_bookstore.catalogue.extra import ExtraRules
from pyramid_bookstore.catalogue.query import list_query
from pyramid_bookstore.catalogue.schema import validate_extra
from pyramid_bookstore.catalogue.trade import TRADE
from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.web.mount import Mount
from tests.unit.catalogue.test_schema import faults

DATABASE = {"bookstore.sqlalchemy.url": "sqlite://"}


def declared_by(**fields: str) -> Declared:
    found: list[tuple[str, str]] = []
    made = together(
        from_settings(False, {name: words.split() for name, words in fields.items()}, found), found
    )
    assert found == []
    return made


def problems(trade: bool = False, **fields: str) -> dict[str, str]:
    found: list[tuple[str, str]] = []
    words = {name: text.split() for name, text in fields.items()}
    together(from_settings(trade, words, found), found)
    return dict(found)


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("Publisher", "text", "is no name for a field"), ("1st", "text", "is no name"),
        ("a" * 42, "text", "is no name"), ("a-b", "text", "is no name"),
        ("ä", "text", "is no name"),
        ("shelf", "", "a type is missing"), ("shelf", "string", "'string' is no type: take text"),
        ("shelf", "contributors", "is no type"),
        ("shelf", "text range", "cannot be for 'range', only for filter"),
        ("shelf", "boolean sort", "cannot be for 'sort', only for filter, facet"),
        ("shelf", "integer search", "cannot be for 'search'"),
        ("shelf", "texts sort", "cannot be for 'sort'"),
        ("title", "text filter", "'title' is taken by the bookstore"),
        ("limit", "integer filter", "'limit' is taken by the bookstore"),
        ("format", "text filter", "is taken by the bookstore"),
        ("price", "integer filter", "is taken by the bookstore"),
        ("extra", "text", "is taken"), ("facets", "text", "is taken"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_is_refused_with_the_way_out(
    name: str, words: str, said: str
) -> None:
    assert said in problems(**{name: words})[name]


def test_a_field_of_the_trade_cannot_be_declared_again() -> None:
    said = "this field is declared twice, once by bookstore.trade"
    assert problems(trade=True, publisher="text") == {"publisher": said}
    assert problems(trade=True) == {}


def test_the_parameters_of_two_fields_must_not_be_the_same() -> None:
    taken = problems(pages="integer filter", min_pages="text filter")
    assert taken == {"min_pages": "the name 'min_pages' is taken by the field pages"}
    assert problems(min_pages="text filter", pages="integer filter") == {
        "pages": "the name 'min_pages' is taken by the field min_pages"
    }
    assert "'contributor' is taken" in problems(trade=True, contributor="text")["contributor"]


def test_all_faults_of_the_settings_are_one_error() -> None:
    settings = DATABASE | {
        "bookstore.field.Publisher": "text", "bookstore.field.pages": "integer search",
        "bookstore.field.title": "text", "bookstore.field.shelf": "",
        "bookstore.limit.max": "x", "bookstore.trade": "true",
    }  # fmt: skip
    config = Configurator(settings=settings)
    config.include("pyramid_bookstore")
    with pytest.raises(ConfigurationError) as raised:
        config.commit()
    said = str(raised.value)
    for name in ("field.Publisher", "field.pages", "field.title", "limit.max"):
        assert f"\n  bookstore.{name}: " in said, said


INTEGER = colander.SchemaNode(colander.Integer())
STRING = colander.SchemaNode(colander.String())


def rules_of(settings: dict[str, str], *calls: tuple[Any, ...]) -> ExtraRules:
    config = Configurator(settings=DATABASE | settings)
    config.include("pyramid_bookstore")
    for name, node, *purposes in calls:
        config.add_bookstore_field(name, node, **dict.fromkeys(purposes, True))
    config.commit()
    found: ExtraRules = Mount.of(config.registry).rules
    return found


def test_a_host_declares_fields_beside_those_of_the_settings() -> None:
    rules = rules_of({"bookstore.field.shelf": "text filter"}, ("pages", INTEGER, "sort"))
    assert {*rules.declared.fields} == {"shelf", "pages"}
    assert rules.declared.keyed == ("pages",)
    assert rules_of({}).declared.fields == {}
    assert {*rules_of({"bookstore.trade": "true"}).declared.fields} == {each.name for each in TRADE}


def test_a_field_is_declared_by_the_settings_or_by_the_host() -> None:
    with pytest.raises(ConfigurationError, match="pages: this field is declared twice"):
        rules_of({"bookstore.field.pages": "integer"}, ("pages", INTEGER))
    with pytest.raises(ConfigurationConflictError):
        rules_of({}, ("pages", INTEGER), ("pages", STRING))


@pytest.mark.parametrize(
    "call",
    [
        ("Pages", INTEGER),
        ("pages", INTEGER, "search"),
        ("pages", "integer"),
        ("pages", colander.Integer()),
        ("pages", colander.SchemaNode(colander.DateTime())),
        ("pages", colander.SchemaNode(colander.Sequence(), INTEGER.clone())),
    ],
)
def test_a_host_that_declares_what_cannot_be_is_told_at_once(call: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"add_bookstore_field: (p|P)ages: "):
        rules_of({}, call)


@pytest.mark.parametrize(
    ("typ", "name"),
    [
        (colander.Integer(), "integer"), (colander.Float(), "number"), (colander.Date(), "date"),
        (colander.Decimal(), "number"), (colander.Money(), "number"),
        (colander.Boolean(), "boolean"), (colander.String(), "text"),
    ],
)  # fmt: skip
def test_a_node_of_colander_says_the_type(typ: Any, name: str) -> None:
    rules = rules_of(
        {}, ("shelf", colander.SchemaNode(typ, description="Where it stands."), "filter")
    )
    shelf = rules.declared.fields["shelf"]
    assert (shelf.type.name, shelf.text) == (name, "Where it stands.")


def test_what_a_node_demands_holds_and_its_preparer_too() -> None:
    texts = colander.SchemaNode(
        colander.Sequence(), STRING.clone(), validator=colander.Length(max=2)
    )
    rules = rules_of(
        {},
        ("shelf", colander.SchemaNode(colander.String(), preparer=str.upper,
                                      validator=colander.OneOf(["A", "B"]))),
        ("pages", colander.SchemaNode(colander.Integer(), validator=colander.Range(min=1))),
        ("published", colander.SchemaNode(colander.Date(), validator=lambda node, value: None)),
        ("codes", texts),
    )  # fmt: skip
    good = {"shelf": "a", "pages": 1, "published": "2024-05-17", "codes": ["x", "y"]}
    assert validate_extra(good, rules) == {**good, "shelf": "A"}
    assert validate_extra({}, rules) == {}
    with pytest.raises(ValidationFailed) as refused:
        validate_extra({"shelf": "c", "pages": 0, "codes": ["x", "y", "z"]}, rules)
    assert {fault.field for fault in refused.value.faults} == {
        "extra.shelf", "extra.pages", "extra.codes",
    }  # fmt: skip
    with pytest.raises(ValidationFailed, match="whole number"):
        validate_extra({"pages": "5"}, rules)


def test_a_value_that_the_host_allows_no_more_is_shown_in_a_facet_as_it_was_counted() -> None:
    pages = declare("pages", "integer", ["facet"])
    assert facets._value(pages, "many", "pages=:5") == "5"
    assert facets._value(pages, 5, "pages=:5") == 5


def _fails(node: Any, value: Any) -> None:
    raise TypeError("a defect of the host's")


def test_a_node_that_raises_what_it_should_not_is_a_fault_of_its_field() -> None:
    rules = rules_of({}, ("shelf", colander.SchemaNode(colander.String(), validator=_fails)))
    with pytest.raises(ValidationFailed) as refused:
        validate_extra({"shelf": "A"}, rules)
    assert [fault.field for fault in refused.value.faults] == ["extra.shelf"]


FIELDS = declared_by(
    publisher="text filter facet sort search", pages="integer filter", rating="number sort",
    published="date filter", language="texts facet", plain="text",
)  # fmt: skip


def test_keys_are_those_that_the_purposes_need() -> None:
    keys = FIELDS.keys_of(
        {"publisher": "Piper", "pages": 5, "rating": 1, "published": "2024-05", "language": ["eng"],
         "plain": "x", "other": 1}
    )  # fmt: skip
    assert keys.attributes == [
        "language=:eng", "pages:5", "published:2024", "published:2024-05", "publisher:piper",
        "publisher=:piper",
    ]  # fmt: skip
    assert {*(keys.sort_keys or {})} == {"publisher", "pages", "rating", "published"}
    assert keys.declared == FIELDS.fingerprint
    assert keys.extra_words.strip() == "piper"


def test_a_book_without_declared_members_has_no_keys() -> None:
    assert FIELDS.keys_of({}) == Keys() == Declared().keys_of({"publisher": "x"})
    assert FIELDS.keys_of({"other": 1}) == Keys(declared=FIELDS.fingerprint)


def test_values_from_before_the_declaration_are_left_out_and_named() -> None:
    invalid: list[str] = []
    keys = FIELDS.keys_of({"pages": "many", "publisher": "Piper", "rating": []}, invalid.append)
    assert sorted(invalid) == ["pages", "rating"]
    assert keys.attributes == ["publisher:piper", "publisher=:piper"]


def test_the_fingerprint_differs_where_other_keys_would_be_stored() -> None:
    assert declared_by(a="text filter", b="text").fingerprint == declared_by(
        b="text", a="text filter"
    ).fingerprint  # fmt: skip
    made = [
        declared_by(a=words).fingerprint
        for words in (
            "text", "text filter", "text sort", "text facet", "text search", "text filter facet",
            "integer", "integer facet sort", "integer filter facet sort",
        )
    ]  # fmt: skip
    assert len({*made}) == len(made)
    assert not Declared()
    assert FIELDS


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"pages": ["1"] * 101}, "pages", "At most 100 values"),
        ({"publisher": "x" * 1001}, "publisher", "at most 1000 characters"),
        ({"pages": "many"}, "pages", "whole number"),
        ({"min_pages": "many"}, "min_pages", "whole number"),
        ({"min_pages": 5, "max_pages": 4}, "min_pages", "must not be behind max_pages"),
        ({"min_published": "2024-02", "max_published": "2024-01"}, "min_published", "behind"),
        ({"sort": "pages"}, "sort", ""), ({"facets": "pages"}, "facets", ""),
        ({"min_rating": 5}, "min_rating", ""),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_refused(
    values: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        list_query(declared=FIELDS, **values)
    assert [fault.field for fault in refused.value.faults] == [field]
    assert message in refused.value.faults[0].message


def test_empty_parameters_are_not_given() -> None:
    found = list_query(
        declared=FIELDS, pages=["", " "], publisher="", min_pages="", max_published="2024",
        min_published="2024-12-31", max_pages=5,
    )  # fmt: skip
    assert found.filters == {"max_pages": 5, "max_published": "2024", "min_published": "2024-12-31"}


def test_members_that_are_declared_are_checked_and_others_are_free() -> None:
    rules = ExtraRules(None, FIELDS)
    given = {"publisher": " Piper ", "other": [1], "rating": Decimal("4.25")}
    assert validate_extra(given, rules) == given | {"publisher": "Piper"}
    found = faults(validate_extra, {"pages": "x", "language": ["eng", 5]}, rules=rules)
    assert {*found} == {"extra.pages", "extra.language.1"}


def test_a_purpose_is_only_for_the_types_that_have_it() -> None:
    assert declare("pages", "integer", ["filter"]).text == "The pages."
    assert declare("page_count", "integer", ()).text == "The page count."
