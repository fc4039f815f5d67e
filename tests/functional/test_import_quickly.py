"""A large import drops and rebuilds indexes, but not where that would block or fail."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.errors import Report
from pyramid_bookstore.feeds import bulk_postgresql, bulk_sqlite
from pyramid_bookstore.feeds.importer import Importer
from pyramid_bookstore.feeds.intake import Intake
from tests.support.feeds import csv_of

INDEXES = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master ORDER BY name",
    "postgresql": "SELECT indexname, indexdef, obj_description(indexname::regclass, 'pg_class')"
    " FROM pg_indexes WHERE tablename = 'bookstore_books' ORDER BY indexname",
}


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bulk_postgresql, bulk_sqlite):
        monkeypatch.setattr(module, "MIN_ROWS", 5)


def load(engine: Engine, count: int, skip: int = 0, **options: Any) -> Report:
    rows = "".join(
        f"{book['isbn']},{book['title']},{book['author']},1.00,1\n"
        for book in csv_of(count + skip)[skip:]
    )
    with Intake() as intake, engine.begin() as connection:
        intake.read(io.BytesIO(f"isbn,title,author,price,stock\n{rows}".encode()), "csv")
        return Importer(intake, connection).run(**options)


def definitions(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(INDEXES[engine.dialect.name])).all())


def drops(engine: Engine) -> list[str]:
    """The indexes that are dropped from now on."""
    seen: list[str] = []

    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("DROP INDEX"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", before)
    return seen


def test_a_large_import_rebuilds_all_indexes_unchanged(engine: Engine) -> None:
    with engine.begin() as connection:
        # By the driver's cursor, where percent signs and colons are not parameters.
        cursor = connection.connection.cursor()
        cursor.execute("CREATE INDEX hosts_own ON bookstore_books (price) WHERE title <> '100%:x'")
        if engine.dialect.name == "postgresql":
            cursor.execute("COMMENT ON INDEX hosts_own IS 'the host''s 100% :x'")
    before = definitions(engine)
    assert load(engine, 20).created == 20
    assert definitions(engine) == before
    assert load(engine, 20, skip=10).unchanged == 10
    assert definitions(engine) == before


def test_a_large_import_that_fails_leaves_indexes_and_books_unchanged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = definitions(engine)

    def fail(done: int) -> None:
        if done == 20:  # all is merged, and no index is there yet
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(engine, 20, progress=fail)
    assert definitions(engine) == before
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM bookstore_books")) == 0


@pytest.fixture
def postgresql(postgres_backend: Any) -> Any:
    url = postgres_backend.create()
    engine = make_engine({"url": url})
    yield engine
    engine.dispose()
    postgres_backend.drop(url)


def test_postgresql_drops_no_index_if_the_catalogue_has_books(postgresql: Engine) -> None:
    load(postgresql, 1)
    seen = drops(postgresql)
    load(postgresql, 20)
    assert seen == []


def test_postgresql_drops_no_index_while_another_transaction_reads(postgresql: Engine) -> None:
    """Otherwise other requests would queue behind the import, which would wait for a lock."""
    seen = drops(postgresql)
    with postgresql.connect() as reader:
        reader.execute(text("SELECT * FROM bookstore_books")).all()  # and its transaction goes on
        assert load(postgresql, 20).created == 20
    assert seen == []


def test_postgresql_checks_for_books_again_after_it_has_the_lock(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])

    class Answer:
        def scalar_one(self) -> bool:
            return next(answers)

    with Intake() as intake, postgresql.begin() as connection:
        bulk = Importer(intake, connection)._bulk
        assert isinstance(bulk, bulk_postgresql.PostgresBulk)
        monkeypatch.setattr(bulk.connection, "execute", lambda statement: Answer())
        assert not bulk._locked_empty_table()


def test_postgresql_imports_as_a_role_that_does_not_own_the_tables(postgresql: Engine) -> None:
    """A role that may write but not alter the tables can still import."""
    role = f"clerk_{postgresql.url.database}"
    with postgresql.begin() as connection:
        tables = "bookstore_books, bookstore_totals"
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(f"GRANT ALL ON {tables} TO {role}")
    try:
        with Intake() as intake, postgresql.begin() as connection:
            rows = "".join(f"{book['isbn']},T,A,1\n" for book in csv_of(9))
            intake.read(io.BytesIO(f"isbn,title,author,price\n{rows}".encode()), "csv")
            connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
            assert Importer(intake, connection).run().created == 9
    finally:
        with postgresql.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


def test_postgresql_imports_into_a_table_with_deferred_triggers(postgresql: Engine) -> None:
    """PostgreSQL cannot create an index on a table that has pending trigger events."""
    with postgresql.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION hosts_own() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER hosts_own AFTER INSERT ON bookstore_books"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hosts_own()"
        )
    assert load(postgresql, 20).created == 20


def test_other_errors_of_the_lock_statement_are_raised(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Intake() as intake, postgresql.begin() as connection:
        bulk: Any = Importer(intake, connection)._bulk
        monkeypatch.setattr(bulk_postgresql, "BOOKS", SimpleNamespace(name="(", c=BOOKS.c))
        with pytest.raises(DBAPIError, match="syntax error"):
            bulk._locked_empty_table()


def test_sqlite_restores_the_cache_size_after_an_import(sqlite_backend: Any) -> None:
    url = sqlite_backend.create()
    engine = make_engine({"url": url})
    try:
        with Intake() as intake, engine.begin() as connection:
            rows = "".join(f"{book['isbn']},T,A,1\n" for book in csv_of(9))
            intake.read(io.BytesIO(f"isbn,title,author,price\n{rows}".encode()), "csv")
            connection.exec_driver_sql("PRAGMA cache_size = -1234")
            Importer(intake, connection).run()
            assert connection.exec_driver_sql("PRAGMA cache_size").scalar() == -1234
    finally:
        engine.dispose()
        sqlite_backend.drop(url)
