"""`bookstore explain`: the path of a list and why, its SQL, its plan."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from pyramid_bookstore.catalogue.availability import HOLD_LINES
from pyramid_bookstore.cli import main
from pyramid_bookstore.db.engines import make_engine
from tests.support.catalogue import book_row, fill
from tests.support.server import write_ini


@pytest.fixture
def explain(database, tmp_path):
    engine = make_engine({"url": database})
    fill(engine, [book_row(n, title="Momo" if n % 3 else "Dune") for n in range(1, 400)])
    engine.dispose()
    ini = tmp_path / "shop.ini"
    ini.write_text(
        f"[app:main]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = {database}\n"
    )

    def explain(query, code=0):
        done = CliRunner().invoke(main, ["-c", str(ini), "explain", query])
        assert done.exit_code == code, done.output
        return done.output

    return explain


@pytest.mark.parametrize(
    ("query", "path", "found"),
    [
        ("search=momo dune", "collect", "0 books of 0."),
        ("search=momo&sort=price", "", "20 books of 266."),
        ("https://shop.example/api/v1/books?search=momo&page=2", "", "20 books of 266."),
        ("search=momo&sort=relevance&count=none", "", "20 books."),
        ("?search=dune%20anonymous&limit=5", "", "5 books of 133."),
        ("search=zzz", "collect", "Few or none of 399 books match."),
        ("", "planner", "There is nothing to look for"),
        ("in_stock=true", "", "20 books of 399."),
        ("http://[::1/books?search=momo#top", "", "20 books of 266."),
        ("search=momo?", "", "20 books of 266."),
    ],
)
def test_explain_shows_the_path_of_a_list_with_its_reason_sql_and_plan(explain, query, path, found):
    output = explain(query)
    assert output.startswith(f"Path: {path}")
    assert found in output
    assert "FROM bookstore_books" in output
    assert "\n--   " in output


@pytest.mark.parametrize(
    ("query", "said"),
    [("sort=foo", "sort: "), ("page=0", "page: "), ("q=a", "q: "), ("search=a&search=b", "search")],
)
def test_explain_names_what_is_wrong_with_a_query(explain, query, said):
    assert said in explain(query, code=1)


def test_explain_says_how_to_migrate_where_there_are_no_tables(explain, database):
    engine = make_engine({"url": database})
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE bookstore_alembic_version"))
        connection.execute(text("ALTER TABLE bookstore_books RENAME TO others"))
    engine.dispose()
    assert "migrate" in explain("search=momo", code=1)


def test_explain_takes_in_stock_for_what_holds_leave_as_the_service_does(database, tmp_path):
    engine = make_engine({"url": database})
    book = book_row(1, stock=1)
    fill(engine, [book | {"held": 1}, book_row(2, stock=1) | {"held": 0}])
    line = {"hold_id": UUID(int=1), "book_id": book["id"], "place": 0, "isbn": book["isbn"]}
    with engine.begin() as connection:
        until = datetime(2999, 1, 1, tzinfo=UTC)
        connection.execute(HOLD_LINES.insert(), line | {"quantity": 1, "expires_at": until})
    engine.dispose()
    for holds, total in (("true", 1), ("false", 2)):
        ini = write_ini(tmp_path, {"bookstore.sqlalchemy.url": database, "bookstore.holds": holds})
        done = CliRunner().invoke(main, ["-c", str(ini), "explain", "in_stock=true"])
        assert f"of {total}." in done.output, done.output
