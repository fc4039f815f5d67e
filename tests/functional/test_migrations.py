"""The revisions in ``alembic/``: upgrade and downgrade, equal to the models, safe in parallel."""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import CommandLine
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import OperationalError
from uuid6 import uuid7

from pyramid_bookstore.catalogue.constraints import CHECKS
from pyramid_bookstore.catalogue.models import Book, columns_of
from pyramid_bookstore.db import autogenerate, migrations, revision
from pyramid_bookstore.db.base import TABLES
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine, make_one_time_engine
from pyramid_bookstore.plugin.tables import Base
from pyramid_bookstore.search import SEARCHES
from tests.support.crowd import PROCESSES, crowd

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def bare(backend, tmp_path):
    """URL of a database without tables; on SQLite not even the file is there."""
    if backend.name == "sqlite":
        yield f"sqlite:///{tmp_path}/50%25 off.sqlite"
        return
    url = backend.create()
    engine = make_one_time_engine({"url": url})
    migrations.downgrade(engine, "base")
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {revision.VERSION_TABLE}"))
    yield url
    backend.drop(url)


@pytest.fixture
def bare_engine(bare):
    engine = make_engine({"url": bare})
    yield engine
    engine.dispose()


def row(isbn="9781718500440", **more):
    now = datetime.now(UTC)
    fields = {
        "title": "Straße",
        "author": "Ægir",
        "isbn": isbn,
        "price": Decimal("39.99"),
        "stock": 1,
        "description": None,
        "extra": {},
    }
    return {"id": uuid7(), **columns_of(fields | more), "created_at": now, "updated_at": now}


def rows(number):
    return [row(f"{index:013}") for index in range(number)]


def names(connection):
    """The names of all our objects in the database."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master"
    else:
        query = """
            SELECT relname FROM pg_class UNION SELECT conname FROM pg_constraint
            UNION SELECT proname FROM pg_proc UNION SELECT tgname FROM pg_trigger
        """
    found = connection.execute(text(query)).scalars()
    return {name for name in found if "bookstore" in name}


def own_differences(connection, **options):
    options = {"version_table": revision.VERSION_TABLE} | options
    context = MigrationContext.configure(connection, opts=options)
    with warnings.catch_warnings():
        # An index on an expression, which no model declares: tests/functional/test_plans.py.
        warnings.filterwarnings("ignore", ".*expression.*")
        return compare_metadata(context, Base.metadata)


class TestRevisions:
    def test_upgrade_and_downgrade_can_be_repeated_and_leave_nothing_behind(self, bare_engine):
        """After a downgrade only the version table exists; all names begin with `bookstore_`."""
        engine = bare_engine
        with engine.connect() as connection:
            assert not revision.is_current(connection)
            assert revision.current(connection) is None
            assert names(connection) == set()
        migrations.upgrade(engine)
        with engine.connect() as connection:
            assert revision.is_current(connection)
            assert revision.current(connection) == revision.HEAD
            first = names(connection)
            assert all(
                name.removeprefix("sqlite_autoindex_").startswith("bookstore_") for name in first
            )
        migrations.downgrade(engine, "base")
        with engine.connect() as connection:
            assert not revision.is_current(connection)
            assert all("alembic_version" in name for name in names(connection))
        migrations.upgrade(engine)
        migrations.upgrade(engine)
        with engine.connect() as connection:
            assert names(connection) == first

    def test_the_migrated_schema_equals_the_models(self, engine):
        with engine.connect() as connection:
            assert own_differences(connection, include_object=autogenerate.own_objects) == []

    def test_every_declared_check_constraint_is_in_the_migrated_schema(self, engine):
        """Alembic's comparison does not look at them."""
        with engine.connect() as connection:
            found = inspect(connection).get_check_constraints("bookstore_books")
        assert {check["name"] for check in found} == {
            *(check.name for check in CHECKS),
            "bookstore_books_held_check",
        }

    def test_the_schema_comparison_ignores_only_what_models_cannot_declare(self, engine):
        """Ignored are SQLite's hidden column with its key, and each database's own kind of
        search index."""
        with engine.connect() as connection:
            found = own_differences(connection)
        hidden = {(kind, thing[-1].name) for kind, *thing in found if kind != "remove_column"}
        tables = {name for kind, name in hidden if kind == "remove_table"}
        assert all(name.startswith("bookstore_search") for name in tables)
        others = {(kind, name) for kind, name in hidden if name not in tables}
        others -= {("remove_index", name) for _, name in hidden if name.startswith("sqlite_")}
        if engine.dialect.name == "sqlite":
            assert tables
            assert others == {("remove_constraint", "bookstore_books_pkey")}
        else:
            indexes = SEARCHES["postgresql"].indexes
            assert others <= {("remove_index", name) for name in indexes}

    def test_the_schema_comparison_finds_an_extra_column_and_a_missing_index(self, engine):
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE bookstore_books ADD COLUMN colour TEXT"))
            connection.execute(text("DROP INDEX bookstore_books_price_idx"))
        with engine.connect() as connection:
            found = own_differences(connection, include_object=autogenerate.own_objects)
        assert {difference[0] for difference in found} == {"remove_column", "add_index"}

    def test_running_the_printed_statements_equals_migrating(self, bare, bare_engine):
        """``--sql`` is for operators whose databases are changed by hand."""
        there, back = io.StringIO(), io.StringIO()
        migrations.upgrade(bare_engine, sql=True, output=there)
        migrations.downgrade(bare_engine, f"{revision.HEAD}:base", sql=True, output=back)
        run_script(bare, there.getvalue())
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)
            assert own_differences(connection, include_object=autogenerate.own_objects) == []
            by_hand = names(connection)
        run_script(bare, back.getvalue())
        migrations.upgrade(bare_engine)
        with bare_engine.connect() as connection:
            assert names(connection) == by_hand

    def test_printing_statements_needs_no_connection(self, capsys):
        engine = make_engine({"url": "postgresql+psycopg://nobody@127.0.0.1:1/nothing"})
        migrations.upgrade(engine, sql=True)
        assert "CREATE TABLE bookstore_books" in capsys.readouterr().out

    def test_an_installed_package_uses_its_own_migration_scripts(self, tmp_path, monkeypatch):
        """A checkout uses its own folder; an installed wheel has the scripts in the package."""
        assert migrations.script_location() == CHECKOUT / "alembic"
        package = tmp_path / "pyramid_bookstore"
        monkeypatch.setattr(migrations, "__file__", str(package / "db" / "migrations.py"))
        (package / "migrations").mkdir(parents=True)
        (package / "migrations" / "env.py").touch()
        assert migrations.script_location() == package / "migrations"


def run_script(url, script):
    if url.startswith("sqlite"):
        connection = sqlite3.connect(make_url(url).database)
        connection.executescript(script)
        connection.close()
    else:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(script)


def test_all_our_tables_are_named_without_their_models():
    assert {*TABLES} == {*Base.metadata.tables}


def test_an_upgrade_refuses_a_joint_history_that_lacks_a_table_whatever_was_imported(
    bare, bare_engine
):
    migrations.upgrade(bare_engine)
    with bare_engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {revision.VERSION_TABLE}"))
        connection.execute(text("DROP TABLE bookstore_idempotency_keys"))
    script = (
        "import sys, sqlalchemy\n"
        "from pyramid_bookstore.db.migrations import upgrade\n"
        "upgrade(sqlalchemy.create_engine(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, bare], capture_output=True, check=False)
    assert b"Unavailable: The database is not set up" in done.stderr


def test_an_empty_database_is_not_current_whatever_was_imported(bare):
    """A deployment script has imported nothing but the package."""
    script = (
        "import sys, sqlalchemy, pyramid_bookstore\n"
        "engine = sqlalchemy.create_engine(sys.argv[1])\n"
        "with engine.connect() as connection:\n"
        "    print(pyramid_bookstore.is_current(connection))\n"
        "pyramid_bookstore.upgrade(engine)\n"
        "with engine.connect() as connection:\n"
        "    print(pyramid_bookstore.is_current(connection))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, bare], capture_output=True, check=True)
    assert done.stdout.decode().split() == ["False", "True"]


class TestMigrationsOfAHost:
    """A host with migrations of its own in the same database."""

    def test_autogenerate_of_a_host_ignores_the_bookstore_tables(self, engine):
        host = MetaData()
        Table("orders", host, Column("id", Integer, primary_key=True))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE old_orders (id INTEGER PRIMARY KEY)"))
            options = {"include_object": migrations.include_object}
            found = compare_metadata(MigrationContext.configure(connection, opts=options), host)
        changes = {(change[0], change[1].name) for change in found}
        assert changes == {("add_table", "orders"), ("remove_table", "old_orders")}

    def test_autogenerate_compares_a_host_table_named_like_ours(self, engine):
        """A table in the metadata of the host belongs to the host."""
        host = MetaData()
        Table("bookstore_clerks", host, Column("id", Integer, primary_key=True))
        with engine.begin() as connection:
            host.create_all(connection)
            connection.execute(text("ALTER TABLE bookstore_clerks ADD COLUMN name TEXT"))
            options = {"include_object": migrations.include_object}
            found = compare_metadata(MigrationContext.configure(connection, opts=options), host)
        assert [change[0] for change in found] == ["remove_column"]

    def test_without_our_version_table_the_schema_decides_if_it_is_current(self, engine):
        """Without our version table the schema itself is compared with the code."""
        with engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {revision.VERSION_TABLE}"))
        with engine.connect() as connection:
            assert revision.current(connection) is None
            assert revision.is_current(connection)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE bookstore_totals RENAME COLUMN books TO volumes"))
        with engine.connect() as connection:
            assert not revision.is_current(connection)

    def test_migrating_works_on_a_plain_sqlalchemy_engine(self, bare, bare_engine):
        """Plain SQLAlchemy on SQLite begins no transaction before a DDL statement."""
        engine = create_engine(bare)
        with migrations.migration_lock(engine) as connection:
            driver = connection.connection.dbapi_connection
            assert engine.dialect.name != "sqlite" or driver.in_transaction
        migrations.upgrade(engine)
        engine.dispose()
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)

    def test_migrating_does_not_change_the_logging_of_the_host(self, bare_engine):
        root = logging.getLogger()
        before = (root.level, list(root.handlers))
        migrations.upgrade(bare_engine)
        assert (root.level, list(root.handlers)) == before


class TestAlembicCommand:
    """The ``alembic`` command with an INI."""

    def ini(self, folder, *lines):
        path = folder / "shop.ini"
        path.write_text(
            "\n".join(["[alembic]", f"script_location = {CHECKOUT / 'alembic'}", *lines]),
            encoding="utf-8",
        )
        return path

    def alembic(self, *words, env=None):
        surroundings = {k: v for k, v in os.environ.items() if not k.startswith("BOOKSTORE_")}
        command = [sys.executable, "-c", "from alembic.config import main; main()", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=surroundings | (env or {}), check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    @pytest.mark.parametrize("key", ["bookstore.sqlalchemy.url", "sqlalchemy.url"])
    def test_alembic_migrates_the_database_of_the_app_section(
        self, bare, bare_engine, tmp_path, key
    ):
        url = bare.replace("%", "%%")
        ini = self.ini(tmp_path, "[app:main]", "use = egg:pyramid_bookstore", f"{key} = {url}")
        self.alembic("-c", str(ini), "upgrade", "head")
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)
        assert revision.HEAD in self.alembic("-c", str(ini), "current").stdout

    def test_alembic_check_finds_nothing_after_an_upgrade_and_then_a_dropped_index(
        self, bare, bare_engine, tmp_path
    ):
        """In a process of its own, which has imported nothing but the environment.

        Its database is the one of the ``alembic`` section.
        """
        ini = self.ini(tmp_path, f"sqlalchemy.url = {bare.replace('%', '%%')}")
        self.alembic("-c", str(ini), "upgrade", "bookstore@head")
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)
        assert "No new upgrade operations" in self.alembic("-c", str(ini), "check").stdout
        with bare_engine.begin() as connection:
            connection.execute(text("DROP INDEX bookstore_idempotency_keys_expires_at_idx"))
        command = [sys.executable, "-c", "from alembic.config import main; main()"]
        command += ["-c", str(ini), "check"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "bookstore_idempotency_keys_expires_at_idx" in done.stdout + done.stderr

    def test_environment_variables_override_the_ini_for_alembic(self, bare, bare_engine, tmp_path):
        lines = ["[app:main]", "use = egg:pyramid_bookstore"]
        lines += ["bookstore.sqlalchemy.url = sqlite:////nowhere/at/all.db"]
        ini = self.ini(tmp_path, *lines)
        self.alembic("-c", str(ini), "upgrade", "head", env={"BOOKSTORE_SQLALCHEMY_URL": bare})
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)

    def test_alembic_logs_as_the_ini_configures(self, tmp_path):
        """The ``alembic`` command logs in the format that the INI configures."""
        lines = ["sqlalchemy.url = sqlite://", "[loggers]", "keys = root", "[handlers]"]
        lines += ["keys = out", "[formatters]", "keys = plain", "[logger_root]", "level = INFO"]
        lines += ["handlers = out", "[handler_out]", "class = StreamHandler", "formatter = plain"]
        lines += ["args = (sys.stdout,)", "[formatter_plain]", "format = said: %(message)s"]
        done = self.alembic("-c", str(self.ini(tmp_path, *lines)), "upgrade", "head")
        assert "said: Running upgrade  -> bookstore_0001" in done.stdout

    def test_alembic_prints_the_statements_with_sql(self, tmp_path):
        ini = self.ini(tmp_path, "sqlalchemy.url = postgresql+psycopg://127.0.0.1:1/nothing")
        printed = self.alembic("-c", str(ini), "upgrade", "head", "--sql").stdout
        assert "CREATE TRIGGER bookstore_books_added" in printed

    def test_alembic_without_connection_and_ini_raises_a_lookup_error(self):
        options = CommandLine().parser.parse_args(["upgrade", "head"])
        config = migrations._config()
        config.cmd_opts = options
        from alembic import command

        with pytest.raises(LookupError, match="no INI"):
            command.upgrade(config, "head")


MIGRATE = "migrations.upgrade(engines.make_one_time_engine({'url': sys.argv[1]} | OPTIONS))"


def migrate_in_a_crowd(url, **options):
    prepare = "from pyramid_bookstore.db import engines, migrations"
    crowd(f"{prepare}\nOPTIONS = {options!r}", MIGRATE, url)


class TestParallelMigrations:
    def test_eight_processes_may_migrate_at_once(self, bare, bare_engine):
        """One migrates and the others wait; on SQLite they also create the file."""
        migrate_in_a_crowd(bare)
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)

    def test_parallel_migrations_work_under_repeatable_read(self, postgres_backend):
        """A snapshot taken before the wait for the lock would show an old database."""
        url = postgres_backend.create()
        migrations.downgrade(make_one_time_engine({"url": url}), "base")
        migrate_in_a_crowd(url, isolation_level="REPEATABLE READ")
        postgres_backend.drop(url)

    def test_eight_threads_may_migrate_at_once(self, bare, bare_engine):
        engines = [make_one_time_engine({"url": bare}) for _ in range(PROCESSES)]
        with ThreadPoolExecutor(PROCESSES) as pool:
            list(pool.map(migrations.upgrade, engines))
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)

    def test_a_migration_waits_for_a_long_transaction_on_sqlite(self, tmp_path, monkeypatch):
        """SQLite ends the wait of a writer after a timeout; the migration tries again."""
        url = f"sqlite:///{tmp_path}/db.sqlite"
        tries = []
        busy = make_engine({"url": url})
        impatient = make_engine({"url": url, "connect_args": {"timeout": 0}})
        busy_connection = busy.connect()
        busy_connection.begin()

        def sleep(_seconds):
            tries.append(1)
            if len(tries) == 3:
                busy_connection.close()

        monkeypatch.setattr(migrations.time, "sleep", sleep)
        migrations.upgrade(impatient)
        assert len(tries) == 3
        busy.dispose()
        impatient.dispose()

    def test_a_migration_gives_up_after_the_maximum_wait_on_sqlite(self, tmp_path, monkeypatch):
        url = f"sqlite:///{tmp_path}/db.sqlite"
        monkeypatch.setattr(migrations, "LOCK_TIMEOUT", -1)
        busy = make_engine({"url": url})
        impatient = make_one_time_engine({"url": url, "connect_args": {"timeout": 0}})
        with busy.begin(), pytest.raises(OperationalError, match="locked"):
            migrations.upgrade(impatient)
        busy.dispose()

    def test_a_migration_does_not_retry_other_errors(self):
        engine = make_one_time_engine({"url": "sqlite:////nowhere/at/all.db"})
        with pytest.raises(OperationalError, match="unable to open"):
            migrations.upgrade(engine)


def kept(connection):
    """The stored total and the number of books."""
    total = connection.execute(text("SELECT sum(books) FROM bookstore_totals")).scalar_one()
    return int(total), connection.execute(select(func.count()).select_from(Book)).scalar_one()


class TestTotals:
    def test_the_total_follows_inserts_updates_and_deletes(self, engine):
        with engine.begin() as connection:
            assert kept(connection) == (0, 0)
            connection.execute(insert(Book), row())
            assert kept(connection) == (1, 1)
            connection.execute(insert(Book).values(rows(7)))
            assert kept(connection) == (8, 8)
            connection.execute(text("DELETE FROM bookstore_books WHERE isbn < '0000000000003'"))
            assert kept(connection) == (5, 5)
            connection.execute(text("DELETE FROM bookstore_books WHERE isbn = 'none'"))
            connection.execute(text("UPDATE bookstore_books SET stock = 2"))
            assert kept(connection) == (5, 5)
            connection.execute(text("DELETE FROM bookstore_books"))
            assert kept(connection) == (0, 0)

    def test_a_statement_that_changes_no_row_does_not_write_the_total(self, engine):
        """A statement that changes no row takes no lock on the total."""
        with engine.begin() as connection:
            before = connection.execute(text(versions_of(engine))).all()
            connection.execute(text("DELETE FROM bookstore_books"))
            assert connection.execute(text(versions_of(engine))).all() == before

    def test_the_total_follows_rollbacks_and_savepoints(self, engine):
        with engine.connect() as connection:
            with connection.begin():
                connection.execute(insert(Book).values(rows(3)))
            with connection.begin() as transaction:
                connection.execute(insert(Book), row())
                transaction.rollback()
            with connection.begin():
                inner = connection.begin_nested()
                connection.execute(insert(Book), row())
                assert kept(connection) == (4, 4)
                inner.rollback()
                assert kept(connection) == (3, 3)
            assert kept(connection) == (3, 3)

    def test_inserts_with_on_conflict_count_only_new_rows(self, engine):
        """ON CONFLICT counts what was inserted, not what was tried."""
        dialect = dialect_named(engine.dialect.name)
        with engine.begin() as connection:
            connection.execute(insert(Book).values(rows(3)))
            some_new = dialect.insert(Book).values([row(each["isbn"]) for each in rows(5)])
            connection.execute(some_new.on_conflict_do_nothing(index_elements=[Book.isbn]))
            assert kept(connection) == (5, 5)
            one_new = dialect.insert(Book).values([row(each["isbn"]) for each in rows(6)])
            update = {"stock": one_new.excluded.stock}
            connection.execute(
                one_new.on_conflict_do_update(index_elements=[Book.isbn], set_=update)
            )
            assert kept(connection) == (6, 6)

    def test_deleting_the_rows_of_the_total_does_not_change_it(self, engine):
        """So emptying all tables in any order leaves correct totals."""
        with engine.begin() as connection:
            connection.execute(insert(Book).values(rows(3)))
            connection.execute(text("DELETE FROM bookstore_totals"))
            assert kept(connection) == (3, 3)
            connection.execute(text("DELETE FROM bookstore_books"))
            assert kept(connection) == (0, 0)

    def test_the_total_shows_other_transactions_only_after_their_commit(self, engine):
        with engine.connect() as writer, engine.connect() as reader:
            reader = reader.execution_options(bookstore_read_only=True)
            writer.execute(insert(Book), row())
            assert kept(reader) == (0, 0)
            writer.commit()
            reader.rollback()
            assert kept(reader) == (1, 1)


def versions_of(engine):
    columns = "slot, xmin::text" if engine.dialect.name == "postgresql" else "slot, books"
    return f"SELECT {columns} FROM bookstore_totals ORDER BY slot"


@pytest.fixture
def postgres_engine(postgres_backend):
    url = postgres_backend.create()
    engine = make_engine({"url": url})
    yield engine
    engine.dispose()
    postgres_backend.drop(url)


class TestTotalsOnPostgreSQL:
    def test_truncate_of_books_or_totals_keeps_the_total_right(self, postgres_engine):
        with postgres_engine.begin() as connection:
            connection.execute(insert(Book).values(rows(3)))
            connection.execute(text("TRUNCATE bookstore_books"))
            assert kept(connection) == (0, 0)
            connection.execute(insert(Book).values(rows(2)))
            connection.execute(text("TRUNCATE bookstore_totals"))
            assert kept(connection) == (2, 2)
            connection.execute(text("TRUNCATE bookstore_totals, bookstore_books"))
            assert kept(connection) == (0, 0)

    def test_rows_added_by_copy_are_counted(self, postgres_engine):
        given = row() | {"extra": "{}"}
        columns = ", ".join(given)
        with postgres_engine.begin() as connection:
            cursor = connection.connection.cursor()
            with cursor.copy(f"COPY bookstore_books ({columns}) FROM STDIN") as copy:
                for number in range(50):
                    copy.write_row(
                        list((given | {"id": uuid7(), "isbn": f"{number:013}"}).values())
                    )
            assert kept(connection) == (50, 50)

    def test_a_truncate_with_an_old_snapshot_is_refused(self, postgres_engine):
        """Its snapshot is older than the rows that it removes, so they cannot be counted."""
        old = postgres_engine.connect().execution_options(isolation_level="REPEATABLE READ")
        kept(old)
        with postgres_engine.begin() as connection:
            connection.execute(insert(Book).values(rows(3)))
        with pytest.raises(OperationalError, match="could not serialize"):
            old.execute(text("TRUNCATE bookstore_books"))
        old.close()
        with postgres_engine.connect() as connection:
            assert kept(connection) == (3, 3)

    def test_two_transactions_that_insert_books_do_not_block_each_other(self, postgres_engine):
        """Two open transactions insert a book each, in different slots of the total."""
        found = {}
        slot = text("SELECT mod(pg_backend_pid(), 64)")
        connections = [postgres_engine.connect() for _ in range(3)]
        for connection in connections:
            found.setdefault(connection.execute(slot).scalar_one(), connection)
            connection.rollback()
        assert len(found) >= 2, "three processes started in a row share one slot"
        first, second = list(found.values())[:2]
        first.execute(insert(Book), row("0000000000001"))
        second.execute(text("SET LOCAL lock_timeout = '1s'"))
        second.execute(insert(Book), row("0000000000002"))
        second.commit()
        first.commit()
        assert kept(first) == (2, 2)
        for connection in connections:
            connection.close()

    def test_the_total_is_counted_with_another_search_path(self, postgres_engine):
        """The trigger functions find their tables with any search path of the session."""
        with postgres_engine.begin() as connection:
            connection.execute(text("SET LOCAL search_path = pg_catalog"))
            statement = insert(Book.__table__.to_metadata(MetaData(), schema="public"))
            connection.execute(statement, row())
            connection.execute(text("SET LOCAL search_path = public"))
            assert kept(connection) == (1, 1)


def test_vacuum_does_not_renumber_the_rows_on_sqlite(sqlite_backend):
    """The search index refers to rows by number; VACUUM must not renumber them."""
    url = sqlite_backend.create()
    engine = make_engine({"url": url})
    with engine.begin() as connection:
        connection.execute(insert(Book).values(rows(5)))
        connection.execute(text("DELETE FROM bookstore_books WHERE isbn < '0000000000002'"))
    numbers = text("SELECT seq, isbn FROM bookstore_books ORDER BY isbn")
    with engine.connect() as connection:
        before = connection.execute(numbers).all()
    engine.dispose()
    plain = sqlite3.connect(make_url(url).database)
    plain.execute("VACUUM")
    plain.close()
    with engine.connect() as connection:
        assert connection.execute(numbers).all() == before
        assert inspect(engine).get_pk_constraint("bookstore_books")["constrained_columns"] == [
            "seq"
        ]
    engine.dispose()
    sqlite_backend.drop(url)


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    scripts = ScriptDirectory.from_config(migrations._config())
    assert scripts.get_current_head() == revision.HEAD
