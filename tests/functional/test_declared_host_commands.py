"""The commands in a host that declares fields in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.cli import main
from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.db.engines import make_one_time_engine
from tests.support.feeds import FAUST, MOMO

HOST = """
import colander
from pyramid.config import Configurator

class Shop(colander.MappingSchema):
    shelf = colander.SchemaNode(colander.String(), missing=colander.drop)

def main(global_config, **settings):
    config = Configurator(settings=settings)
    config.include("pyramid_bookstore")
    config.add_bookstore_field(
        "publisher", colander.SchemaNode(colander.String()), filter=True, facet=True
    )
    config.set_bookstore_extra_schema(Shop())
    return config.make_wsgi_app()

def around(global_config):
    return lambda app: lambda environ, start_response: app(environ, start_response)
"""
FEED = f"isbn,title,author,price,publisher\n{MOMO},Momo,Ende,15,Piper\n{FAUST},Faust,G,5,Reclam\n"


@pytest.fixture(params=["", "filter-with = around"])
def ini(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    (tmp_path / "a_shop_with_fields.py").write_text(HOST)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "host.ini"
    path.write_text(
        f"[app:main]\nuse = call:a_shop_with_fields:main\n{request.param}\n"
        f"bookstore.sqlalchemy.url = {database}\n"
        "[filter:around]\npaste.filter_factory = a_shop_with_fields:around\n"
    )
    return str(path)


def run(ini: str, *words: str, input: str | None = None) -> Result:
    done = CliRunner().invoke(main, ["-c", ini, *words], input=input)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def test_import_reindex_and_export_know_what_the_application_declares(ini: str) -> None:
    assert "brought up to date" in run(ini, "reindex").stdout
    assert "2 created" in run(ini, "import", "-", "--format", "csv", input=FEED).stdout
    assert "declared fields: nothing to do." in run(ini, "reindex").stdout
    chosen = run(ini, "export", "-", "--format", "ndjson", "--filter", "publisher=Reclam")
    assert json.loads(chosen.stdout)["extra"] == {"publisher": "Reclam"}
    assert "1 book of 1." in run(ini, "explain", "publisher=reclam").stdout


def test_the_hosts_schema_holds_for_an_import_of_the_command(ini: str) -> None:
    bad = FEED.replace("publisher\n", "extra\n").replace("Piper", '"{""shop"": 1}"')
    done = CliRunner().invoke(main, ["-c", ini, "import", "-", "--format", "csv"], input=bad)
    assert done.exit_code == 1
    assert "extra.shop: This is not a field of extra." in done.stderr


def test_check_does_not_load_the_application(ini: str) -> None:
    assert (
        "fields: Not looked at here: the application does so at its start,"
        in CliRunner().invoke(main, ["-c", ini, "check"]).stdout
    )


def test_a_script_has_the_rules_of_the_applications_registry(ini: str, database: str) -> None:
    run(ini, "reindex")
    with Ini(ini).application() as registry, Session(make_one_time_engine({"url": database})) as s:
        book = Bookstore.on(s, registry=registry).create(
            {"title": "Momo", "author": "Ende", "isbn": MOMO, "price": 5,
             "extra": {"publisher": "Piper"}}
        )  # fmt: skip
        s.commit()
        assert [each.isbn for each in page_of(registry, s)] == [book.isbn]


def page_of(registry: Any, session: Session) -> Any:
    return Bookstore.on(session, registry=registry).list(fields={"publisher": "piper"}).books
