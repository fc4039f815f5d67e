"""`extra`: the host's own fields are checked together with ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import colander
import pytest
import webtest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.testing import book_fields
from tests.support.apps import close_app


class Extra(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The additional fields that this host has for a book."""

    publisher = colander.SchemaNode(colander.String(), validator=colander.Length(max=20))
    pages = colander.SchemaNode(colander.Integer(), missing=colander.drop)


@pytest.fixture
def client(database: str) -> Iterator[webtest.TestApp]:
    config = Configurator(settings={"bookstore.sqlalchemy.url": database})
    config.include("pyramid_bookstore")
    config.set_bookstore_extra_schema(Extra)
    app = config.make_wsgi_app()
    yield webtest.TestApp(app)
    close_app(app)


def test_faults_of_the_host_schema_are_reported_with_ours(client: webtest.TestApp) -> None:
    wrong = book_fields(title="", extra={"publisher": "x" * 21, "pages": "many"})
    details = client.post_json("/api/v1/books", wrong, status=422).json["details"]
    assert [fault["pointer"] for fault in details] == [
        "/title",
        "/extra/publisher",
        "/extra/pages",
    ]
    assert details[1]["field"] == "extra.publisher"


def test_extra_that_fits_the_host_schema_is_stored_and_can_be_patched(
    client: webtest.TestApp,
) -> None:
    extra = {"publisher": "No Starch", "pages": 560}
    made = client.post_json("/api/v1/books", book_fields(extra=extra)).json
    assert made["extra"] == extra
    path = "/api/v1/books/" + made["id"]
    assert client.patch_json(path, {"extra": {"pages": 600}}).json["extra"]["pages"] == 600
    refused = client.patch_json(path, {"extra": {"publisher": None}}, status=422)
    assert refused.json["details"][0]["field"] == "extra.publisher"
    assert client.get(path).json["extra"] == {"publisher": "No Starch", "pages": 600}


@pytest.mark.parametrize("schema", [None, {"a": 1}, colander.SchemaNode(colander.String())])
def test_an_extra_schema_that_is_no_mapping_schema_is_refused(schema: Any) -> None:
    config = Configurator(settings={"sqlalchemy.url": "sqlite://"})
    config.include("pyramid_bookstore")
    with pytest.raises(ConfigurationError, match="colander mapping schema"):
        config.set_bookstore_extra_schema(schema)


def test_setting_the_extra_schema_twice_is_a_configuration_conflict() -> None:
    config = Configurator(settings={"sqlalchemy.url": "sqlite://"})
    config.include("pyramid_bookstore")
    config.set_bookstore_extra_schema(Extra)
    config.set_bookstore_extra_schema(Extra)
    with pytest.raises(ConfigurationError, match="extra schema"):
        config.make_wsgi_app()
