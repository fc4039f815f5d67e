"""A role of PostgreSQL that lacks a right: `check` names it, `migrate` says what to do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pyramid.exceptions import ConfigurationError
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import ProgrammingError

from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.cli import main
from pyramid_bookstore.cli.rights import NEEDED
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.base import TABLES
from pyramid_bookstore.db.engines import make_engine, make_one_time_engine
from pyramid_bookstore.db.revision import VERSION_TABLE
from tests.support.api import API, BOOKS, assert_problem, new_book
from tests.support.catalogue import book_row
from tests.support.server import write_ini

EACH = [(table, kind) for table, kinds in NEEDED.items() for kind in kinds]


@pytest.fixture
def owner(postgres_backend: Any) -> Iterator[Engine]:
    """The owner of the tables, on a database with a book."""
    url = postgres_backend.create()
    engine = make_engine({"url": url})
    with engine.begin() as connection:
        connection.execute(insert(Book), book_row(1))
    yield engine
    engine.dispose()
    postgres_backend.drop(url)


def execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def role(owner: Engine) -> Iterator[str]:
    """A role whose name has to be quoted; it may do nothing yet."""
    name = f'"clerk-{secrets.token_hex(4)}"'
    execute(owner, f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    yield name
    execute(owner, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def url(owner: Engine, role: str) -> str:
    url = owner.url.set(username=role.strip('"'), password="secret")
    return url.render_as_string(hide_password=False)


@pytest.fixture
def granted(owner: Engine, role: str) -> None:
    """Grants the role what the service needs, and nothing more."""
    execute(owner, *(f"GRANT {', '.join(NEEDED[table])} ON {table} TO {role}" for table in NEEDED))


@pytest.fixture
def run(url: str, tmp_path: Any) -> Callable[..., str]:
    ini = str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": url}))

    def run(command: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["-c", ini, command])
        assert done.exit_code == code, done.output
        return done.output

    return run


def contents(engine: Engine) -> list[Any]:
    """Every row of our tables with the transaction that wrote it, and the sequences."""
    with engine.connect() as connection:
        rows = [
            connection.execute(text(f"SELECT xmin::text, t::text FROM {table} AS t")).all()
            for table in TABLES
        ]
        return [*rows, connection.execute(text("SELECT * FROM pg_sequences")).all()]


def test_every_table_of_ours_is_asked_about() -> None:
    assert {*NEEDED} == {*TABLES, VERSION_TABLE}


@pytest.mark.usefixtures("granted")
def test_a_role_with_what_is_needed_has_no_fault_and_check_leaves_nothing(
    owner: Engine, run: Any
) -> None:
    before = contents(owner)
    said = run("check")
    assert "ok       writing: " in said
    assert contents(owner) == before


def test_the_grants_of_the_guide_are_enough_for_check(owner: Engine, role: str, run: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "deploy.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```sql\n(GRANT.*?)```", page, re.DOTALL)
    execute(owner, block.replace(" TO shop;", f" TO {role};"))
    run("check")


@pytest.mark.usefixtures("granted")
def test_a_role_with_what_is_needed_can_use_every_operation(url: str, make_app: Any) -> None:
    from webtest import TestApp

    client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
    key = {"Idempotency-Key": "1"}
    made = client.post_json(BOOKS, new_book(5), headers=key, status=201).headers["Location"]
    client.post_json(BOOKS, new_book(5), headers=key, status=201)
    client.put_json(made, {"stock": 7})
    client.post_json(f"{made}/stock", {"delta": -1})
    body = b"isbn,title,author,price\n9783522202558,Momo,Michael Ende,15\n"
    client.post(f"{BOOKS}/import", body, content_type="text/csv", status=200)
    client.delete(made, status=204)
    assert client.get(BOOKS).json["total"] == 2
    assert client.get(f"{API}/ready").json["status"] == "ready"


@pytest.mark.usefixtures("granted")
def test_a_missing_right_is_a_fault_of_check_and_the_grant_that_it_names_helps(
    owner: Engine, role: str, run: Any
) -> None:
    for table, kind in EACH:
        execute(owner, f"REVOKE {kind} ON {table} FROM {role}")
        said = run("check", code=1)
        assert f"fault    rights: The role {role} lacks {kind} on {table}.\n" in said
        assert said.count(" lacks ") == 1, (table, kind)  # the grants before have helped
        grant = f"GRANT {kind} ON {table} TO {role}"
        assert f"As the owner of the table: {grant}\n" in said
        execute(owner, grant)
    run("check")


@pytest.mark.usefixtures("granted")
def test_a_book_is_deleted_without_a_right_on_the_table_of_sources(
    owner: Engine, role: str, url: str, make_app: Any
) -> None:
    """As the trigger acts with its owner's rights, an update needs no new one before it serves."""
    from webtest import TestApp

    execute(
        owner,
        "INSERT INTO bookstore_sources SELECT 'a', id, false FROM bookstore_books",
        f"REVOKE ALL ON bookstore_sources FROM {role}",
    )
    client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
    [book] = client.get(BOOKS).json["data"]
    client.delete(f"{BOOKS}/{book['id']}", status=204)
    with owner.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM bookstore_sources")) == 0


@pytest.mark.usefixtures("granted")
def test_nobody_else_can_use_the_function_that_acts_with_the_owners_rights(
    owner: Engine, role: str
) -> None:
    with pytest.raises(ProgrammingError, match="permission denied for function"):
        execute(
            owner,
            f"SET LOCAL ROLE {role}",
            "CREATE TEMPORARY TABLE theirs (id uuid)",
            "CREATE TRIGGER theirs AFTER TRUNCATE ON theirs"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.bookstore_sources_removed()",
        )


def test_all_missing_rights_are_named_at_once(role: str, run: Any) -> None:
    said = run("check", code=1)
    assert said.count("fault    rights: ") == len(NEEDED)
    assert f"The role {role} lacks SELECT, INSERT, UPDATE on bookstore_totals." in said


@pytest.mark.usefixtures("granted")
def test_a_role_that_can_make_no_temporary_table_cannot_import(
    owner: Engine, role: str, run: Any
) -> None:
    name = owner.url.database
    execute(owner, f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    said = run("check", code=1)
    assert f"The role {role} lacks TEMPORARY on the database {name}, which imports need." in said
    execute(owner, f"GRANT TEMPORARY ON DATABASE {name} TO {role}")
    run("check")


@pytest.mark.usefixtures("granted")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("ALTER TABLE bookstore_books ENABLE ROW LEVEL SECURITY", "row-level security policy"),
        ("ALTER ROLE {role} SET default_transaction_read_only = on", "read-only transaction"),
        (
            "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO absent VALUES (1); RETURN NULL; END';"
            " CREATE TRIGGER theirs AFTER DELETE ON bookstore_books"
            " FOR EACH ROW EXECUTE FUNCTION theirs()",
            'relation "absent" does not exist',
        ),
    ],
)
def test_what_only_a_trial_finds_is_a_fault_in_the_databases_words(
    owner: Engine, role: str, run: Any, spoil: str, said: str
) -> None:
    execute(owner, spoil.format(role=role))
    [found] = [line for line in run("check", code=1).splitlines() if "fault    writing: " in line]
    assert said in found


@pytest.mark.usefixtures("granted")
def test_a_table_that_others_have_locked_is_a_warning_and_not_waited_for(
    owner: Engine, run: Any
) -> None:
    with owner.begin() as connection:
        connection.execute(text("LOCK TABLE bookstore_idempotency_keys IN SHARE MODE"))
        assert "warning  writing: Could not be tried: " in run("check")


@pytest.mark.usefixtures("granted")
def test_a_request_that_needs_a_missing_right_gets_503_and_says_that_it_is_not_permitted(
    owner: Engine, role: str, url: str, make_app: Any
) -> None:
    from webtest import TestApp

    execute(owner, f"REVOKE INSERT ON bookstore_books FROM {role}")
    client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
    refused = assert_problem(client.post_json(BOOKS, new_book(5), status=503), 503, "unavailable")
    assert refused["detail"] == "The database does not permit this to the service."
    assert client.get(BOOKS).json["total"] == 1


class TestMigrate:
    """One sentence on standard error, exit code 1, no traceback; and what it advises helps."""

    @pytest.fixture
    def bare(self, owner: Engine) -> Engine:
        migrations.downgrade(owner, "base")
        execute(owner, f"DROP TABLE {VERSION_TABLE}")
        return owner

    def refused(self, run: Any) -> str:
        [said] = run("migrate", code=1).splitlines()
        assert said.startswith("Error: ")
        assert "Traceback" not in said
        return str(said)

    def test_without_the_right_to_make_tables(self, bare: Engine, role: str, run: Any) -> None:
        execute(bare, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE EXTENSION pg_trgm")
        said = self.refused(run)
        assert "permission denied for schema public" in said
        grant = f"GRANT USAGE, CREATE ON SCHEMA public TO {role}"
        assert grant in said
        execute(bare, grant)
        run("migrate")
        run("check")

    def test_without_the_right_to_make_the_extension(
        self, bare: Engine, role: str, run: Any
    ) -> None:
        execute(bare, f"GRANT CREATE ON SCHEMA public TO {role}")
        said = self.refused(run)
        assert f"needs the extension pg_trgm, and the role {role} may not create it" in said
        grant = f"GRANT CREATE ON DATABASE {bare.url.database} TO {role}"
        assert grant in said
        assert "CONTEXT" not in said
        execute(bare, grant)
        run("migrate")

    @pytest.mark.usefixtures("granted")
    def test_with_tables_of_another_owner(self, owner: Engine, role: str, run: Any) -> None:
        migrations.downgrade(owner, "bookstore_0002")
        execute(owner, f"GRANT CREATE ON SCHEMA public TO {role}")
        execute(owner, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
        said = self.refused(run)
        assert "must be owner of" in said
        assert f"GRANT {owner.url.username} TO {role}" in said

    def test_without_the_right_to_read_the_revision(self, role: str, run: Any) -> None:
        said = self.refused(run)
        assert f"permission denied for table {VERSION_TABLE}" in said
        assert "belong to the role bookstore" in said

    def test_at_start_it_is_an_error_of_the_settings(
        self, bare: Engine, url: str, make_app: Any
    ) -> None:
        execute(bare, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        settings = {"bookstore.sqlalchemy.url": url, "bookstore.migrate": "true"}
        with pytest.raises(ConfigurationError, match="GRANT USAGE, CREATE ON SCHEMA public"):
            make_app(settings)

    def test_other_errors_are_raised_as_they_are(self, owner: Engine) -> None:
        engine = make_one_time_engine({"url": owner.url})
        with pytest.raises(ZeroDivisionError), migrations.refusal_explained(engine):
            raise ZeroDivisionError
        with pytest.raises(ProgrammingError), migrations.refusal_explained(engine):
            execute(engine, "SELECT * FROM absent")


def test_a_schema_that_the_role_may_not_use_is_named(
    owner: Engine, role: str, granted: None, run: Any
) -> None:
    assert "ok       schema: " in run("check")
    execute(owner, "REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    output = run("check", 1)
    assert f"fault    rights: The role {role} lacks USAGE on the schema public" in output
    assert f"GRANT USAGE ON SCHEMA public TO {role}" in output
    assert "Not set up" not in output
    execute(owner, f"GRANT USAGE ON SCHEMA public TO {role}")
    assert "ok       schema: " in run("check")
