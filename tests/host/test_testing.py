"""Functions of `pyramid_bookstore.testing` that no other test of this folder uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import webtest
from sqlalchemy import create_engine

from pyramid_bookstore import testing
from pyramid_bookstore.values.isbn import canonical
from tests.host.hosts import cookiecutter


def test_migrate_works_on_the_bookstores_own_engine(make_app: Any, tmp_path: Path) -> None:
    app = make_app({"sqlalchemy.url": f"sqlite:///{tmp_path}/own.sqlite"})
    testing.migrate(app)
    assert webtest.TestApp(app).get("/api/v1/books").json["total"] == 0


def test_with_dbsession_migrate_and_transaction_need_the_hosts_engine(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/host.sqlite")
    app = cookiecutter(engine)
    with pytest.raises(ValueError, match="pass the host's"):
        testing.migrate(app)
    with pytest.raises(ValueError, match="factory"), testing.transaction(app):
        pass
    testing.migrate(app, engine)
    assert webtest.TestApp(app).get("/shop/books").json["total"] == 0
    engine.dispose()


@pytest.mark.parametrize("number", [0, 7, 123456789, 999999999])
def test_isbn_returns_a_valid_canonical_isbn(number: int) -> None:
    assert canonical(testing.isbn(number)) == testing.isbn(number)


def test_book_fields_gives_each_book_a_different_isbn() -> None:
    fields = [testing.book_fields(title=str(number)) for number in range(50)]
    assert len({book["isbn"] for book in fields}) == 50
    assert fields[7]["title"] == "7"
