"""The migrations of host and bookstore, as two histories or as one, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import webtest
from alembic import command
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from sqlalchemy import Engine, insert, inspect, text
from sqlalchemy.exc import IntegrityError

import pyramid_bookstore.testing as bookstore_testing
from pyramid_bookstore.catalogue.constraints import CHECKS, error_of_constraint
from pyramid_bookstore.catalogue.models import BOOKS, Book
from pyramid_bookstore.cli.checkup import check_all
from pyramid_bookstore.db import migrations, revision
from pyramid_bookstore.db.base import TABLES
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.errors import IsbnTaken, Unavailable, ValidationFailed
from pyramid_bookstore.settings import Settings
from tests.host.alembic_hosts import ORDERS, AlembicHost
from tests.support.apps import close_app
from tests.support.catalogue import book_row

CHECKOUT = Path(__file__).parents[2]

MakeHost = Callable[..., AlembicHost]


@pytest.fixture
def bare(backend: Any, tmp_path: Path) -> Iterator[str]:
    """URL of a database with nothing of the bookstore's in it."""
    if backend.name == "sqlite":
        yield f"sqlite:///{tmp_path}/host.sqlite"
        return
    url = backend.create()
    engine = make_engine({"url": url})
    migrations.downgrade(engine, "base")
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {revision.VERSION_TABLE}"))
    engine.dispose()
    yield url
    backend.drop(url)


@pytest.fixture
def bare_engine(bare: str) -> Iterator[Engine]:
    engine = make_engine({"url": bare})
    yield engine
    engine.dispose()


@pytest.fixture
def host(bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHost]:
    """Make a host in a folder of its own; its models module is unloaded after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # alembic puts the host's folder there

    def make(**options: Any) -> AlembicHost:
        return AlembicHost(tmp_path / "host", bare, **options)

    yield make
    sys.modules.pop("host_models", None)


@pytest.fixture
def ready(bare: str) -> Iterator[Callable[[], tuple[int, str]]]:
    """Status and text of /ready of an application on the database."""
    config = Configurator(settings={"sqlalchemy.url": bare})
    config.include("pyramid_bookstore")
    app = config.make_wsgi_app()

    def ask() -> tuple[int, str]:
        answer = webtest.TestApp(app).get("/api/v1/ready", expect_errors=True)
        return answer.status_int, answer.text

    yield ask
    close_app(app)


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def versions(engine: Engine, table: str = "alembic_version") -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text(f"SELECT version_num FROM {table}")))


def generated(host: AlembicHost, **options: Any) -> str:
    """The revision that ``alembic revision --autogenerate`` writes, without its imports."""
    sys.modules.pop("host_models", None)
    script = command.revision(host.config(), "next", autogenerate=True, **options)
    text = Path(script.path).read_text(encoding="utf-8")
    return text[text.index("def upgrade") :]


class TestSeparateHistories:
    """Two histories, two version tables: the default."""

    @pytest.mark.parametrize("hosts_first", [True, False])
    def test_host_and_bookstore_migrate_in_any_order_and_downgrade_separately(
        self, host: MakeHost, bare_engine: Engine, ready: Any, hosts_first: bool
    ) -> None:
        alembic = host().config()
        assert ready()[0] == 503
        if hosts_first:
            command.upgrade(alembic, "head")
            assert ready()[0] == 503
            migrations.upgrade(bare_engine)
        else:
            migrations.upgrade(bare_engine)
            command.upgrade(alembic, "head")
        assert ready()[0] == 200
        assert versions(bare_engine) == {"shop_0001"}
        assert versions(bare_engine, revision.VERSION_TABLE) == {revision.HEAD}
        command.downgrade(alembic, "base")
        assert "customers" not in tables(bare_engine)
        assert ready()[0] == 200
        command.upgrade(alembic, "head")
        migrations.downgrade(bare_engine, "base")
        assert {"customers"} == {name for name in tables(bare_engine) if "version" not in name}
        assert ready()[0] == 503

    def test_ready_is_503_while_the_newest_migrations_are_missing(
        self, bare_engine: Engine, ready: Any
    ) -> None:
        migrations.upgrade(bare_engine, "bookstore_0001")
        status, said = ready()
        assert status == 503
        assert "at revision bookstore_0001" in said

    def test_autogenerate_ignores_the_tables_of_the_bookstore(
        self, host: MakeHost, bare_engine: Engine
    ) -> None:
        made = host()
        command.upgrade(made.config(), "head")
        migrations.upgrade(bare_engine)
        made.models(more=", Column('points', Integer)")
        written = generated(made)
        assert "op.add_column('customers', sa.Column('points'" in written
        assert "bookstore" not in written
        command.upgrade(made.config(), "head")
        command.check(made.config())
        with bare_engine.connect() as connection:
            assert revision.is_current(connection)

    def test_without_include_object_autogenerate_would_drop_the_books(
        self, host: MakeHost, bare_engine: Engine
    ) -> None:
        made = host(filtered=False)
        command.upgrade(made.config(), "head")
        migrations.upgrade(bare_engine)
        assert "op.drop_table('bookstore_books')" in generated(made)


class TestOneHistory:
    """One history, by ``version_locations`` and the branch label ``bookstore``."""

    @pytest.mark.parametrize("separator", ["newline", "space"])
    def test_each_branch_can_be_upgraded_and_downgraded(
        self, host: MakeHost, bare_engine: Engine, ready: Any, separator: str
    ) -> None:
        alembic = host(joint=True, separator=separator).config()
        assert ready()[0] == 503
        command.upgrade(alembic, "heads")
        assert ready()[0] == 200
        assert versions(bare_engine) == {"shop_0001", revision.HEAD}
        assert revision.VERSION_TABLE not in tables(bare_engine)
        command.downgrade(alembic, "bookstore@base")
        assert versions(bare_engine) == {"shop_0001"}
        assert ready()[0] == 503
        assert tables(bare_engine) == {"alembic_version", "customers"}
        command.upgrade(alembic, "bookstore@head")
        command.downgrade(alembic, "shop@base")
        assert versions(bare_engine) == {revision.HEAD}
        assert "customers" not in tables(bare_engine)
        assert ready()[0] == 200

    def test_ready_is_503_while_the_newest_migrations_are_missing(
        self, host: MakeHost, ready: Any
    ) -> None:
        """All tables exist, but by the host's version table the newest revisions are missing."""
        command.upgrade(host(joint=True).config(), "bookstore_0001")
        status, said = ready()
        assert status == 503
        assert "at revision bookstore_0001" in said

    def test_a_host_revision_can_depend_on_one_of_the_bookstore(
        self, host: MakeHost, bare_engine: Engine, ready: Any
    ) -> None:
        """If only the host is upgraded, Alembic first runs the revision that it depends on."""
        made = host(joint=True, dependent=True)
        command.upgrade(made.config(), "shop@head")
        assert {"orders", "bookstore_books"} <= tables(bare_engine)
        keys = inspect(bare_engine).get_foreign_keys("orders")
        assert [key["referred_table"] for key in keys] == ["bookstore_books"]
        command.upgrade(made.config(), "heads")
        assert ready()[0] == 200
        command.check(made.config())
        command.downgrade(made.config(), "shop_0001")
        assert "orders" not in tables(bare_engine)
        assert ready()[0] == 200

    def test_autogenerate_ignores_the_tables_of_the_bookstore(
        self, host: MakeHost, bare_engine: Engine
    ) -> None:
        made = host(joint=True, dependent=True)
        command.upgrade(made.config(), "heads")
        written = generated(made, head="shop@head")
        assert written.count("pass") == 2
        command.upgrade(made.config(), "heads")
        made.models(more=", Column('points', Integer)", orders=ORDERS)
        written = generated(made, head="shop@head")
        assert "add_column('customers'" in written
        assert "bookstore" not in written

    def test_separate_histories_can_be_joined_into_one(
        self, host: MakeHost, bare_engine: Engine, ready: Any
    ) -> None:
        """As described in docs/howto/migrations.md."""
        migrations.upgrade(bare_engine)
        alembic = host(joint=True).config()
        command.upgrade(alembic, "shop@head")
        command.stamp(alembic, "bookstore@head")
        with bare_engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {revision.VERSION_TABLE}"))
        assert versions(bare_engine) == {"shop_0001", revision.HEAD}
        command.upgrade(alembic, "heads")
        assert ready()[0] == 200

    @pytest.mark.parametrize("table", ["alembic_version", "shop_version"])
    def test_bookstore_migrate_changes_nothing_in_a_joint_history(
        self, host: MakeHost, bare: str, bare_engine: Engine, table: str
    ) -> None:
        """`bookstore.migrate` stops the start if the history is outdated, or else does nothing."""
        made = host(joint=True)
        env = made.folder / "alembic" / "env.py"
        env.write_text(
            env.read_text(encoding="utf-8").replace(
                "configure(", f"configure(version_table={table!r}, "
            ),
            encoding="utf-8",
        )
        settings = {"sqlalchemy.url": bare, "bookstore.migrate": "true"}
        command.upgrade(made.config(), "bookstore_0001")
        if table == "alembic_version":
            with pytest.raises(ConfigurationError, match=r"bookstore_0001.*run the migrat"):
                started(settings)
        command.upgrade(made.config(), "heads")
        before = tables(bare_engine)
        close_app(started(settings))
        assert tables(bare_engine) == before

    def test_check_names_the_migrations_of_the_application(
        self, host: MakeHost, bare_engine: Engine
    ) -> None:
        command.upgrade(host(joint=True).config(), "bookstore_0001")
        settings = Settings.from_mapping({"bookstore.sqlalchemy.url": "sqlite://"})
        findings = {each.subject: each for each in check_all(settings, bare_engine)}
        assert findings["schema"].verdict == "fault"
        assert "the application's own migrations" in findings["schema"].advice

    def test_the_naming_convention_of_the_host_leaves_our_names_as_they_are(
        self, host: MakeHost, bare_engine: Engine, ready: Any
    ) -> None:
        """The cookiecutter's convention, which puts something before the name of each CHECK."""
        made = host(joint=True)
        models = made.folder / "host_models.py"
        convention = (
            'MetaData(naming_convention={"ix": "ix_%(column_0_label)s",'
            ' "uq": "uq_%(table_name)s_%(column_0_name)s",'
            ' "ck": "ck_%(table_name)s_%(constraint_name)s",'
            ' "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",'
            ' "pk": "pk_%(table_name)s"})'
        )
        models.write_text(models.read_text(encoding="utf-8").replace("MetaData()", convention))
        command.upgrade(made.config(), "heads")
        assert ready()[0] == 200
        found = inspect(bare_engine)
        assert {check["name"] for check in found.get_check_constraints(BOOKS.name)} == {
            "bookstore_books_held_check",
            *(check.name for check in CHECKS),
        }
        assert found.get_unique_constraints(BOOKS.name)[0]["name"].startswith("bookstore_books_")
        assert all(
            found.get_pk_constraint(table)["name"].startswith(f"{table}_") for table in TABLES
        )
        for column, value in (("price", -1), ("title", ""), ("isbn", "1")):
            row = {**book_row(1), column: value}
            with pytest.raises(IntegrityError) as raised, bare_engine.begin() as connection:
                connection.execute(insert(Book), row)
            refused = error_of_constraint(diagnose(raised.value).constraint)
            assert isinstance(refused, ValidationFailed)
            assert refused.faults[0].field == column
        command.check(made.config())
        command.downgrade(made.config(), "bookstore@base")

    def test_names_that_a_convention_changed_before_are_known(self) -> None:
        refused = error_of_constraint("ck_bookstore_books_bookstore_books_price_check")
        assert isinstance(refused, ValidationFailed)
        assert isinstance(error_of_constraint("uq_bookstore_books_isbn_key"), IsbnTaken)
        assert error_of_constraint("ck_orders_price_check") is None

    def test_the_cookiecutters_fixture_runs_twice_with_our_remove(
        self, host: MakeHost, bare_engine: Engine, ready: Any
    ) -> None:
        """It drops the host's tables, purges the version table and migrates."""
        made = host(joint=True, dependent=True)
        sys.path.insert(0, str(made.folder))
        import host_models

        for _ in range(2):
            host_models.metadata.drop_all(bare_engine, [host_models.metadata.tables["orders"]])
            host_models.metadata.drop_all(bare_engine, [host_models.metadata.tables["customers"]])
            bookstore_testing.remove(bare_engine)
            command.stamp(made.config(), None, purge=True)
            command.upgrade(made.config(), "heads")
            assert ready()[0] == 200
        host_models.metadata.tables["orders"].drop(bare_engine)
        bookstore_testing.remove(bare_engine)  # the host's revisions are still in its table
        assert versions(bare_engine) == {"shop_0002"}
        assert not [name for name in tables(bare_engine) if name.startswith("bookstore_")]
        bookstore_testing.remove(bare_engine)

    def test_upgrade_refuses_bookstore_tables_without_a_version_table(
        self, bare_engine: Engine
    ) -> None:
        """There is a table with our name, and no version table that has its revision."""
        with bare_engine.begin() as connection:
            connection.execute(text("CREATE TABLE bookstore_books (id INTEGER PRIMARY KEY)"))
        with pytest.raises(Unavailable, match="not set up"):
            migrations.upgrade(bare_engine)


def started(settings: dict[str, str]) -> Any:
    config = Configurator(settings=settings)
    config.include("pyramid_bookstore")
    return config.make_wsgi_app()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python in an environment with only the wheel; its dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    # Built in an isolated environment, as usual: that needs a package index.
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps",
        "-w", str(folder), str(copied(folder)))  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
        "--target", str(site), str(wheel))  # fmt: skip
    # After the wheel's own folder, and by a .pth without this environment's editable install: a
    # path that a .pth names is not searched for .pth files itself.
    purelib = {path for path in sys.path if path.endswith("site-packages")}
    (site / "dependencies.pth").write_text("\n".join(sorted(purelib)) + "\n", encoding="utf-8")
    return python


def copied(folder: Path) -> Path:
    """A copy of the sources of the wheel, so that the checkout is not changed."""
    target = folder / "sources"
    words = ["alembic", "src", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"]
    run("sh", "-c", f'mkdir "$0" && tar -C "$1" --exclude=*.egg-info --exclude=__pycache__ '
        f'-cf - {" ".join(words)} | tar -C "$0" -xf -', str(target), str(CHECKOUT))  # fmt: skip
    return target


def run(*words: str, cwd: Path | None = None) -> str:
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("BOOKSTORE_", "COV"))}
    surroundings.pop("PYTHONPATH", None)
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=cwd, env=surroundings
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
    return done.stdout


WHERE = "import pyramid_bookstore.db.migrations as m; print(m.script_location())"
UPGRADE = """
import sys
from pyramid_bookstore.db import engines, migrations
migrations.upgrade(engines.make_one_time_engine({"url": sys.argv[1]}))
"""
ALEMBIC = "from alembic.config import main; main(prog='alembic')"


class TestInstalledWheel:
    """Installed, the revisions are found in the package: by us, and by the host's version_locations
    as ``pyramid_bookstore:migrations/versions``."""

    def test_migrations_from_the_wheel_run_by_alembic_and_by_the_library(
        self, installed: Path, host: MakeHost, bare: str, bare_engine: Engine, ready: Any
    ) -> None:
        python = str(installed)
        made = host(joint=True, locations="pyramid_bookstore:migrations/versions")
        where = run(python, "-c", WHERE, cwd=made.folder).strip()
        assert where.startswith(str(installed.parents[1]))
        assert where.endswith("pyramid_bookstore/migrations")
        run(python, "-c", ALEMBIC, "-c", str(made.ini), "upgrade", "heads", cwd=made.folder)
        assert versions(bare_engine) == {"shop_0001", revision.HEAD}
        assert ready()[0] == 200
        run(python, "-c", ALEMBIC, "-c", str(made.ini), "downgrade", "base", cwd=made.folder)
        assert "bookstore_books" not in tables(bare_engine)
        run(python, "-c", UPGRADE, bare, cwd=made.folder)
        assert versions(bare_engine, revision.VERSION_TABLE) == {revision.HEAD}
        assert ready()[0] == 200

    def test_path_separator_os_finds_no_revisions_in_a_package_location(
        self, installed: Path, host: MakeHost, bare_engine: Engine, ready: Any
    ) -> None:
        """docs/howto/migrations.md warns of this: nothing is upgraded, and there is no error."""
        locations = "pyramid_bookstore:migrations/versions"
        made = host(joint=True, locations=locations, separator="space")
        text = made.ini.read_text(encoding="utf-8")
        text = text.replace("path_separator = space", "path_separator = os")
        made.ini.write_text(text.replace(f" {locations}", f":{locations}"), encoding="utf-8")
        python = str(installed)
        run(python, "-c", ALEMBIC, "-c", str(made.ini), "upgrade", "heads", cwd=made.folder)
        assert "bookstore_books" not in tables(bare_engine)
        assert ready()[0] == 503


def test_the_bookstore_of_a_history_of_its_own_is_removed_too(engine: Engine) -> None:
    migrations.upgrade(engine)
    bookstore_testing.remove(engine)
    assert not any(name.startswith("bookstore_") for name in inspect(engine).get_table_names())
