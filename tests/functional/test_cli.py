"""``bookstore -c INI COMMAND``: behaviour common to all commands, `migrate` and `sample`."""

from __future__ import annotations

import errno
import subprocess

import click
import pytest
from pyramid.exceptions import ConfigurationError
from sqlalchemy import func, select, text

from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.cli import main
from pyramid_bookstore.cli.group import Group
from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.db import migrations, revision
from pyramid_bookstore.db.engines import make_engine, make_one_time_engine
from tests.support.cli import CliRunner
from tests.support.server import program


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("BOOKSTORE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def bare(backend, tmp_path):
    """URL of a database that was never migrated, or was downgraded to the base."""
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
    def test_migrate_goes_to_the_newest_revision_and_says_so(self, ini, bare):
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

    def test_migrate_sql_prints_the_statements_and_changes_nothing(self, ini, bare):
        """The statements are for an administrator to run."""
        printed = run("-c", ini, "migrate", "--sql").stdout
        assert "CREATE TABLE bookstore_books" in printed
        assert "INSERT INTO bookstore_alembic_version" in printed
        assert "already" not in run("-c", ini, "migrate").stdout

    def test_migrate_works_as_an_installed_program(self, ini):
        command = [program("bookstore"), "-c", ini, "migrate"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_migrate_needs_no_jwt_key(self, write, bare):
        """The machine that migrates does not need the secrets of the service."""
        ini = write(f"bookstore.sqlalchemy.url = {bare}", "bookstore.auth = jwt")
        run("-c", ini, "migrate")
        assert "jwt.key" in run("-c", ini, "fail", "settings", code=1).stderr

    def test_migrate_takes_the_plain_sqlalchemy_url_of_a_host(self, write, bare):
        run("-c", write(f"sqlalchemy.url = {bare}"), "migrate")


class TestSample:
    def test_sample_fills_an_empty_database_and_only_that(self, ini, bare):
        run("-c", ini, "migrate")
        assert run("-c", ini, "sample").stdout.endswith(" books added.\n")
        assert number_of_books(bare) >= 100
        said = run("-c", ini, "sample").stdout
        assert said == "Nothing added: there are books in the database already.\n"

    def test_sample_before_migrate_says_which_command_to_run(self, ini):
        said = run("-c", ini, "sample", code=1).stderr
        assert said.startswith("Error: The database is not set up; this code needs")
        assert said.endswith(f": run the migrations ({revision.MIGRATE}).\n")
        assert said.count("\n") == 1


class TestBeforeMigrating:
    @pytest.mark.parametrize("words", ["export -", "export out.csv", "import feed.csv"])
    def test_import_and_export_before_migrate_say_which_command_to_run(
        self, ini, tmp_path, monkeypatch, words
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "feed.csv").write_text("isbn,title\n9783522202558,Momo\n")
        done = run("-c", ini, *words.split(), code=1)
        assert done.stderr == (
            f"Error: The database is not set up; this code needs {revision.HEAD}:"
            f" run the migrations ({revision.MIGRATE}).\n"
        )
        assert done.stdout == ""
        assert not list(tmp_path.glob("out.csv*"))

    def test_without_our_version_table_the_error_names_no_command_of_ours(self, ini, bare):
        run("-c", ini, "migrate")
        engine = make_one_time_engine({"url": bare})
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE bookstore_alembic_version"))
            connection.execute(text("ALTER TABLE bookstore_books RENAME COLUMN stock TO copies"))
        said = run("-c", ini, "sample", code=1).stderr
        assert said.endswith(": run the migrations.\n")

    def test_a_damaged_schema_is_reported_with_the_message_of_the_driver(self, ini, bare):
        run("-c", ini, "migrate")
        engine = make_one_time_engine({"url": bare})
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE bookstore_books RENAME COLUMN stock TO copies"))
        said = run("-c", ini, "export", "-", code=1).stderr
        assert "stock" in said
        assert "migrations" not in said
        assert said.count("\n") == 1


class TestIni:
    def test_environment_variables_override_the_ini(self, write, bare):
        ini = write("bookstore.sqlalchemy.url = sqlite:////nowhere/at/all.sqlite")
        run("-c", ini, "migrate", env={"BOOKSTORE_SQLALCHEMY_URL": bare})
        engine = make_engine({"url": bare})
        with engine.connect() as connection:
            assert revision.is_current(connection)
        engine.dispose()

    def test_production_ini_is_read_by_default(self, write, bare, tmp_path, monkeypatch):
        write(f"bookstore.sqlalchemy.url = {bare}", name="production.ini")
        monkeypatch.chdir(tmp_path)
        run("migrate")

    def test_an_ini_path_with_a_hash_reads_that_app_section(self, tmp_path, bare):
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
    def test_an_unreadable_ini_gives_one_error_line_without_secrets(
        self, tmp_path, lines, words, command
    ):
        """The line does not show values from the file, which may be secrets."""
        path = tmp_path / "shop.ini"
        path.write_text("\n".join(lines), errors="surrogateescape")
        [said] = run("-c", str(path), *command.split(), code=1).stderr.splitlines()
        assert said.startswith("Error: ")
        assert words in said
        assert "cret" not in said

    def test_a_settings_file_that_is_not_an_ini_is_refused(self, tmp_path):
        for name in (str(tmp_path), str(tmp_path / "shop.yaml")):
            said = run("-c", name, "migrate", code=1).stderr
            assert said == f"Error: {name}: settings are in a file whose name ends in .ini.\n"

    def test_settings_of_the_ini_are_validated(self, write):
        ini = Ini(write("bookstore.sqlalchemy.url = sqlite://", "bookstore.limit.max = 7"))
        assert ini.settings.limit_max == 7
        ini = Ini(write("bookstore.sqlalchemy.url = sqlite://", "bookstore.limit.max = x"))
        with pytest.raises(ConfigurationError, match=r"bookstore\.limit\.max"):
            assert ini.settings


# A command that fails in the ways that commands can fail; the real ones are tested above.
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
    def test_an_expected_error_gives_a_short_message_and_exit_code_1(self, write, tmp_path):
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

    @pytest.mark.parametrize(
        "words", ["migrate", "import feed.csv", "export -", "reindex", "sample", "explain search=x"]
    )
    @pytest.mark.parametrize(
        ("url", "advice"),
        [
            (
                "postgresql+psycopg://nobody:secret@127.0.0.1:1/nothing?connect_timeout=1",
                "See that the server runs and that sqlalchemy.url names it.",
            ),
            ("sqlite:///{folder}/none/x.sqlite", "Make its folder, or let this user write there"),
            ("sqlite:///{folder}/feed.csv", "See that sqlalchemy.url names the right file"),
        ],
    )
    def test_every_command_names_ini_and_database_that_it_cannot_reach_and_what_to_do(
        self, write, tmp_path, monkeypatch, words, url, advice
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "feed.csv").write_text("isbn,title\n9783522202558,Momo\n" * 9)
        url = url.format(folder=tmp_path)
        ini = write(f"sqlalchemy.url = {url}")
        [said] = run("-c", ini, *words.split(), code=1).stderr.splitlines()
        assert said.startswith(f"Error: {url.replace(':secret', ':***')} (settings of {ini}): ")
        assert advice in said

    def test_a_missing_database_is_to_be_created(self, write, postgres):
        ini = write(f"bookstore.sqlalchemy.url = {postgres.url('no_such_shop')}")
        assert "Create it (createdb), or correct" in run("-c", ini, "migrate", code=1).stderr

    def test_an_unknown_command_or_option_shows_the_usage_and_exits_with_1(self, ini):
        """Exit code 2 is reserved for an import that rejected rows."""
        for words in (["migrate", "--sq"], ["nonsense"], ["--nonsense"]):
            assert "Usage: " in run(*words, code=1).stderr

    def test_an_unexpected_exception_is_not_caught(self, ini):
        done = CliRunner().invoke(main, ["fail", "otherwise"])
        assert isinstance(done.exception, ZeroDivisionError)

    def test_help_and_version_are_shown(self):
        assert "migrate" in run("--help").stdout
        assert "0.1.0" in run("--version").stdout
        assert isinstance(main, Group)


def test_a_reader_that_ends_early_causes_no_complaint(write):
    ini = write("bookstore.sqlalchemy.url = sqlite://")
    done = subprocess.run(
        ["bash", "-c", f"{program('bookstore')} -c {ini} openapi | head -n 1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_pipe_that_broke_within_a_command_is_no_error_of_ours():
    @click.command()
    def command():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    done = CliRunner().invoke(Group(commands={"command": command}), ["command"])
    assert (done.exit_code, done.output) == (1, "")
