"""The command ``bookstore -c INI openapi`` prints the document."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from openapi_spec_validator import validate

from pyramid_bookstore.cli import main
from tests.description.support import description
from tests.support.tokens import SECRET


@pytest.fixture
def write(tmp_path):
    def write(*lines, use="egg:pyramid_bookstore"):
        path = tmp_path / "shop.ini"
        path.write_text("\n".join(["[app:main]", f"use = {use}", *lines]))
        return str(path)

    return write


def printed(*words):
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    validate(document)
    return document


def test_the_command_prints_the_document_that_is_served(write, make_app):
    """It is the same document as over HTTP; the command does not connect to the database."""
    away = "postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=1"
    ini = write(f"bookstore.sqlalchemy.url = {away}", "bookstore.limit.max = 7",
                "bookstore.limit.default = 7", "bookstore.migrate = true")  # fmt: skip
    settings = {"bookstore.limit.max": "7", "bookstore.limit.default": "7"}
    app = make_app({"bookstore.sqlalchemy.url": "sqlite://", **settings})
    assert printed("-c", ini, "openapi") == description(app)


def test_the_printed_document_describes_the_jwt_security(write):
    ini = write("bookstore.sqlalchemy.url = sqlite://", "bookstore.auth = jwt",
                f"bookstore.jwt.key = {SECRET}", "bookstore.jwt.algorithms = HS256",
                "bookstore.anonymous = view")  # fmt: skip
    document = printed("-c", ini, "openapi")
    assert document["components"]["securitySchemes"]["credentials"]["bearerFormat"] == "JWT"


def test_with_load_the_document_is_that_of_the_host_application(write, tmp_path, monkeypatch):
    """With --load, the route prefix and the extra schema of the application are used."""
    (tmp_path / "a_host_to_load.py").write_text(
        "import colander\n"
        "from pyramid.config import Configurator\n"
        "class Cover(colander.MappingSchema):\n"
        "    artist = colander.SchemaNode(colander.String())\n"
        "def main(global_config, **settings):\n"
        "    config = Configurator(settings=settings)\n"
        "    config.include('pyramid_bookstore', route_prefix='shop')\n"
        "    config.set_bookstore_extra_schema(Cover())\n"
        "    if 'session' in settings:\n"
        "        config.add_request_method(lambda request: None, 'dbsession', reify=True)\n"
        "    return config.make_wsgi_app()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    lines = [f"bookstore.sqlalchemy.url = sqlite:///{tmp_path}/shop.sqlite"]
    host = "call:a_host_to_load:main"
    document = printed("-c", write(*lines, use=host), "openapi", "--load")
    assert document["servers"] == [{"url": "/shop/api/v1"}]
    assert "artist" in document["components"]["schemas"]["Extra"]["properties"]
    ini = write("bookstore.dbsession = dbsession", "session = true", use=host)
    assert printed("-c", ini, "openapi", "--load")["servers"] == document["servers"]


def test_invalid_settings_end_the_command_with_an_error(write):
    done = CliRunner().invoke(main, ["-c", write(), "openapi"])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
