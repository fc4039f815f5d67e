"""``bookstore -c INI COMMAND``: what every command has in common, `migrate` and `sample`."""

from __future__ import annotations

import subprocess

import click
import pytest
from click.testing import CliRunner
from pyramid.exceptions import ConfigurationError
from sqlalchemy import func, select, text

from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.cli import main
from pyramid_bookstore.cli.group import Group
from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.db import migrations, revision
from pyramid_bookstore.db.engines import make_engine, make_one_time_engine
from tests.support.crowd import PROCESSES, crowd
from tests.support.server import program


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("BOOKSTORE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def bare(backend, tmp_path):
    """URL of a database that was never migrated, or is back where it began."""
    if backend.name == "sqlite":
        yield f"sqlite:///{tmp_path}/shop.sqlite"
        return
    url = backend.create()
    migrations.downgrade(make_one_time_engine({"url": url}), "base")
    yield url
    backend.drop(url)


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="shop.ini"):
        path = tmp_path / name
        path.write_text("\n".join(["[app:main]", "use = egg:pyramid_bookstore", *lines]))
        return str(path)

    return write


@pytest.fixture
def ini(write, bare):
    return write(f"bookstore.sqlalchemy.url = {bare}")


def run(*words, code=0, **options):
    done = CliRunner().invoke(main, words, **options)
    assert done.exit_code == code, (done.output, done.exception)
    return done


def number_of_books(url):
    engine = make_one_time_engine({"url": url})
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(Book)).scalar_one()


class TestMigrate:
    def test_to_the_newest(self, ini, bare):
        head = revision.HEAD
        assert run("-c", ini, "migrate").stdout == (
            f"The database is at revision {head} now (before: none).\n"
        )
        assert run("-c", ini, "migrate").stdout == (
            f"The database is at revision {head} already.\n"
        )
        engine = make_engine({"url": bare})
        with engine.connect() as connection:
            assert revision.is_current(connection)
        engine.dispose()

    def test_sql(self, ini, bare):
        """Printed for a person with the rights to run it; the database is left as it was."""
        printed = run("-c", ini, "migrate", "--sql").stdout
        assert "CREATE TABLE bookstore_books" in printed
        assert "INSERT INTO bookstore_alembic_version" in printed
        assert "already" not in run("-c", ini, "migrate").stdout

    def test_eight_at_once(self, ini, bare):
        said = crowd(
            "from pyramid_bookstore.cli import main", "main(sys.argv[1:])", "-c", ini, "migrate"
        )
        assert len(said) == PROCESSES

    def test_as_a_program(self, ini):
        command = [program("bookstore"), "-c", ini, "migrate"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_no_key_for_tokens_is_needed(self, write, bare):
        """Where the schema is changed, secrets of the running service need not be."""
        ini = write(f"bookstore.sqlalchemy.url = {bare}", "bookstore.auth = jwt")
        run("-c", ini, "migrate")
        assert "jwt.key" in run("-c", ini, "fail", "settings", code=1).stderr

    def test_the_hosts_database(self, write, bare):
        run("-c", write(f"sqlalchemy.url = {bare}"), "migrate")


class TestSample:
    def test_an_empty_database_and_a_full_one(self, ini, bare):
        run("-c", ini, "migrate")
        assert run("-c", ini, "sample").stdout.endswith(" books added.\n")
        assert number_of_books(bare) >= 100
        said = run("-c", ini, "sample").stdout
        assert said == "Nothing added: there are books in the database already.\n"

    def test_before_migrating(self, ini):
        said = run("-c", ini, "sample", code=1).stderr
        assert said.startswith("Error: The database is not set up; this code needs")
        assert said.endswith(": run the migrations (bookstore -c INI migrate).\n")
        assert said.count("\n") == 1


class TestBeforeMigrating:
    @pytest.mark.parametrize("words", ["export -", "export out.csv", "import feed.csv"])
    def test_feeds_say_what_to_run(self, ini, tmp_path, monkeypatch, words):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "feed.csv").write_text("isbn,title\n9783522202558,Momo\n")
        done = run("-c", ini, *words.split(), code=1)
        assert done.stderr == (
            f"Error: The database is not set up; this code needs {revision.HEAD}:"
            " run the migrations (bookstore -c INI migrate).\n"
        )
        assert done.stdout == ""
        assert not list(tmp_path.glob("out.csv*"))

    def test_migrations_of_the_hosts_are_run_as_the_host_runs_them(self, ini, bare):
        run("-c", ini, "migrate")
        engine = make_one_time_engine({"url": bare})
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE bookstore_alembic_version"))
            connection.execute(text("ALTER TABLE bookstore_books RENAME COLUMN stock TO copies"))
        said = run("-c", ini, "sample", code=1).stderr
        assert said.endswith(": run the migrations.\n")

    def test_a_schema_that_someone_damaged_is_told_in_the_drivers_words(self, ini, bare):
        run("-c", ini, "migrate")
        engine = make_one_time_engine({"url": bare})
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE bookstore_books RENAME COLUMN stock TO copies"))
        said = run("-c", ini, "export", "-", code=1).stderr
        assert "stock" in said
        assert "migrations" not in said
        assert said.count("\n") == 1


class TestIni:
    def test_the_environment_comes_first(self, write, bare):
        ini = write("bookstore.sqlalchemy.url = sqlite:////nowhere/at/all.sqlite")
        run("-c", ini, "migrate", env={"BOOKSTORE_SQLALCHEMY_URL": bare})
        engine = make_engine({"url": bare})
        with engine.connect() as connection:
            assert revision.is_current(connection)
        engine.dispose()

    def test_production_ini_by_default(self, write, bare, tmp_path, monkeypatch):
        write(f"bookstore.sqlalchemy.url = {bare}", name="production.ini")
        monkeypatch.chdir(tmp_path)
        run("migrate")

    def test_a_section_by_name(self, tmp_path, bare):
        path = tmp_path / "shop.ini"
        path.write_text(f"[app:two]\nuse = egg:pyramid_bookstore\nsqlalchemy.url = {bare}\n")
        run("-c", f"{path}#two", "migrate")
        said = run("-c", str(path), "migrate", code=1).stderr
        assert "main" in said

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            (["[app:main]", "a = 1", "key = s%cret"], "key in [app:main]: write %% for a percent"),
            (["[app:main]", "key = s%(ecret)s"], "key in [app:main]: write %% for a percent"),
            (["", "key = secret"], "line 2: settings stand below a section, as [app:main]."),
            (["[app:main]", "secret"], "line 2: this is neither a [section] nor name = value."),
            (["[app:main]", "a = secret", "a = 2"], "option 'a' in section 'app:main' already"),
            (["[app:main]", "use = call:no_such:main"], "imported: No module named 'no_such'."),
            (["[app:main]", "use = call:pyramid_bookstore:no"], "has no attribute 'no'."),
            (["[app:main]", "use = egg:no-such"], "cannot be imported: No package metadata"),
            (["[app:main]", "use = egg:pyramid_bookstore#no"], "Entry point 'no' not found"),
            (["[app:main]", "key = caf\udce9"], "is not UTF-8"),
        ],
    )
    @pytest.mark.parametrize("command", ["migrate", "openapi --load"])
    def test_files_that_cannot_be_read_get_one_line(self, tmp_path, lines, words, command):
        """Without the values there, which may be secrets."""
        path = tmp_path / "shop.ini"
        path.write_text("\n".join(lines), errors="surrogateescape")
        [said] = run("-c", str(path), *command.split(), code=1).stderr.splitlines()
        assert said.startswith("Error: ")
        assert words in said
        assert "cret" not in said

    def test_a_file_of_another_kind(self, tmp_path):
        for name in (str(tmp_path), str(tmp_path / "shop.yaml")):
            said = run("-c", name, "migrate", code=1).stderr
            assert said == f"Error: {name}: settings are in a file whose name ends in .ini.\n"

    def test_checked_settings(self, write):
        ini = Ini(write("bookstore.sqlalchemy.url = sqlite://", "bookstore.limit.max = 7"))
        assert ini.settings.limit_max == 7
        ini = Ini(write("bookstore.sqlalchemy.url = sqlite://", "bookstore.limit.max = x"))
        with pytest.raises(ConfigurationError, match=r"bookstore\.limit\.max"):
            assert ini.settings


# A command that fails in the ways commands fail; the real ones are looked at above.
@click.command("fail")
@click.argument("how")
@click.pass_obj
def fail(ini, how):
    if how == "settings":
        assert ini.settings
    if how == "key":
        raise KeyError("main")
    if how == "silent":
        raise OSError
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def with_fail(monkeypatch):
    monkeypatch.setitem(main.commands, "fail", fail)


class TestErrors:
    def test_one_line_and_exit_code_1(self, write, tmp_path):
        away = "postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=1"
        cases = {
            "no such file": ("-c", str(tmp_path / "none.ini"), "migrate"),
            "no database": ("-c", write(name="a.ini"), "migrate"),
            "no server": ("-c", write(f"sqlalchemy.url = {away}", name="b.ini"), "migrate"),
            "no server to export": (
                "-c",
                write(f"sqlalchemy.url = {away}", name="e.ini"),
                "export",
                "-",
            ),
            "no file": (
                "-c",
                write("sqlalchemy.url = sqlite:////nowhere/x.sqlite", name="c.ini"),
                "migrate",
            ),
            "no such dialect": (
                "-c",
                write("sqlalchemy.url = mysql://127.0.0.1/x", name="d.ini"),
                "migrate",
            ),
            "key": ("fail", "key"),
            "silent": ("fail", "silent"),
        }
        for name, words in cases.items():
            done = run(*words, code=1)
            assert done.stderr.startswith("Error: "), name
            assert done.stderr.count("\n") <= 2, (name, done.stderr)
            assert "Traceback" not in done.stderr, name
            assert done.stdout == "", name

    def test_wrong_words(self, ini):
        """2 is for an import that was not quite right; a wrong word does nothing at all."""
        for words in (["migrate", "--sq"], ["nonsense"], ["--nonsense"]):
            assert "Usage: " in run(*words, code=1).stderr

    def test_a_defect_shows_itself(self, ini):
        done = CliRunner().invoke(main, ["fail", "otherwise"])
        assert isinstance(done.exception, ZeroDivisionError)

    def test_help_and_version(self):
        assert "migrate" in run("--help").stdout
        assert "0.1.0" in run("--version").stdout
        assert isinstance(main, Group)
