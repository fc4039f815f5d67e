"""The bookstore as a standalone application, configured by an INI and the environment."""

from __future__ import annotations

import logging
from configparser import ConfigParser
from pathlib import Path

import pytest
from pyramid.exceptions import ConfigurationError
from pyramid.paster import get_app
from webtest import TestApp

from pyramid_bookstore import server, standalone, wsgi
from pyramid_bookstore.settings import KEYS, Settings
from tests.support.apps import close_app

CHECKOUT = Path(__file__).parents[2]
BOOKS = "/api/v1/books"
PROBLEM = "application/problem+json"


@pytest.fixture
def make(sqlite_backend):
    """``make(**settings)``: the standalone application in WebTest, on a new SQLite database."""
    made, urls = [], []

    def make(**settings):
        urls.append(sqlite_backend.create())
        settings = {f"bookstore.{name}": value for name, value in settings.items()}
        made.append(standalone.main({}, **{"bookstore.sqlalchemy.url": urls[-1]} | settings))
        return TestApp(made[-1])

    yield make
    for app in made:
        close_app(app)
    for url in urls:
        sqlite_backend.drop(url)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("BOOKSTORE_")]:
        monkeypatch.delenv(name)


class TestApplication:
    def test_the_standalone_application_serves_books(self, make):
        assert make().get(BOOKS).json["total"] == 0

    def test_a_path_without_a_route_gets_a_404_problem_document(self, make):
        """A client with a wrong path gets a problem document as for any other error."""
        app = make()
        for path in ("/api", "/api/v2/books", "/api/v1/nothing"):
            for method in ("GET", "POST", "DELETE"):
                answer = app.request(path, method=method, status=404)
                assert answer.content_type == PROBLEM
                assert answer.json["error"] == "not_found"
                assert answer.json["instance"] == path
                assert answer.headers["X-Request-ID"]

    def test_the_404_of_a_path_with_a_slash_at_the_end_says_so(self, make):
        app = make()
        hint = " The paths of the API have no slash at the end."
        for path in (f"{BOOKS}/", "/api/v1/stock/", f"{BOOKS}/x/"):
            message = app.get(path, status=404).json["message"]
            assert message == f"There is nothing here.{hint}"
        assert app.get("/api/v1/nothing", status=404).json["message"] == "There is nothing here."

    def test_the_log_has_the_path_asked_for_where_there_is_no_route(self, make, caplog):
        app = make(**{"log.format": "json"})
        with caplog.at_level(logging.INFO, "pyramid_bookstore.access"):
            for path in (f"{BOOKS}/", "/api/v1/a%0Ab%1B%C3%A9", f"/{'x' * 5000}"):
                app.get(path, status=404)
        records = [each for each in caplog.records if each.name == "pyramid_bookstore.access"]
        assert [each.bookstore["route"] for each in records] == [
            f"{BOOKS}/", "/api/v1/a%0Ab%1B%C3%A9", f"/{'x' * 199}",
        ]  # fmt: skip

    def test_a_preflight_of_a_path_without_a_route_is_a_404_too(self, make):
        app = make(**{"cors.origins": "https://shop.example"})
        headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
        for path, status in (
            ("/api/v1/nothing", 404),
            ("/nothing", 404),
            ("/api/v1/books/%FF", 400),
        ):
            answer = app.options(path, headers=headers, status=status)
            assert answer.content_type == PROBLEM
            assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert "Access-Control-Allow-Methods" not in answer.headers

    def test_a_path_that_is_not_utf_8_gets_a_400_problem_document(self, make):
        answer = make().get("/%FF", status=400)
        assert (answer.content_type, answer.json["error"]) == (PROBLEM, "bad_request")

    def test_a_defect_outside_our_routes_gets_500_without_details(self, make):
        """An exception outside our routes shows no internal details either."""
        app = make()

        def broken(event):
            raise ValueError("secret")

        from pyramid.events import NewRequest

        app.app.registry.registerHandler(broken, (NewRequest,))
        answer = app.get("/elsewhere", status=500)
        assert answer.json["error"] == "internal_error"
        assert "secret" not in answer.text

    def test_environment_variables_override_the_ini(self, make, monkeypatch):
        monkeypatch.setenv("BOOKSTORE_PREFIX", "/shop")
        assert make(prefix="/other").get("/shop/books").json["total"] == 0

    def test_an_unknown_environment_variable_stops_the_start(self, make, monkeypatch):
        monkeypatch.setenv("BOOKSTORE_LIMITS_MAX", "5")
        with pytest.raises(ConfigurationError, match="BOOKSTORE_LIMIT_MAX"):
            make()

    def test_the_standalone_application_checks_tokens(self, make):
        key = "x" * 32
        app = make(
            **{"auth": "jwt", "jwt.key": key, "jwt.algorithms": "HS256", "roles.clerk": "view"}
        )
        assert app.get(BOOKS, status=401).headers["WWW-Authenticate"].startswith("Bearer")
        assert app.get("/api/v1/health").json == {"status": "ok"}


class TestStartFaults:
    """The error with which `pserve bad.ini` ends."""

    def test_all_invalid_settings_are_listed_in_one_error(self, make):
        key = {"auth": "jwt", "jwt.key": "short", "jwt.algorithms": "HS256", "roles.staff": "view"}
        with pytest.raises(ConfigurationError) as caught:
            make(prefiks="1", **key, **{"sqlalchemy.pool_sise": "5"})
        head, *lines = str(caught.value).split("\n")
        assert head == "Invalid bookstore settings (3):"
        key, prefix, engine = sorted(line.strip() for line in lines)
        assert key == "bookstore.jwt.key: has 5 bytes; HS256 needs at least 32"
        assert prefix == "bookstore.prefiks: no such setting, did you mean bookstore.prefix?"
        assert engine.startswith(
            "bookstore.sqlalchemy.*: SQLAlchemy says: Invalid argument(s) 'pool_sise'"
        )

    def test_a_session_of_a_host_stops_the_start(self, make, monkeypatch):
        """A standalone application adds no attributes to requests."""
        monkeypatch.setenv("BOOKSTORE_DBSESSION", "dbsession")
        with pytest.raises(ConfigurationError) as caught:
            make()
        said = str(caught.value)
        assert "bookstore.dbsession names request.dbsession, which the application does not" in said
        assert "as standalone, set bookstore.sqlalchemy.url instead" in said


class TestWsgiFactory:
    def test_the_wsgi_factory_reads_the_ini_named_by_bookstore_ini(
        self, sqlite_backend, tmp_path, monkeypatch
    ):
        url = sqlite_backend.create()
        ini = tmp_path / "shop.ini"
        text = "[app:{}]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = {}\n"
        ini.write_text(text.format("other", "nothing") + text.format("main", url))
        monkeypatch.setenv("BOOKSTORE_INI", str(ini))
        app = wsgi.make_app()
        assert TestApp(app).get(BOOKS).json["total"] == 0
        close_app(app)
        sqlite_backend.drop(url)

    def test_the_wsgi_factory_reads_production_ini_by_default(self, tmp_path, monkeypatch):
        """The error names the missing production.ini of the current folder."""
        monkeypatch.chdir(tmp_path)
        for value in (None, ""):
            if value is not None:
                monkeypatch.setenv("BOOKSTORE_INI", value)
            with pytest.raises(OSError, match=r"production\.ini"):
                wsgi.make_app()

    def test_the_wsgi_factory_configures_logging_from_the_ini(
        self, sqlite_backend, tmp_path, monkeypatch
    ):
        url = sqlite_backend.create()
        ini = tmp_path / "shop.ini"
        ini.write_text(
            f"[app:main]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = {url}\n"
            "[loggers]\nkeys = root, bookstore\n[handlers]\nkeys = none\n[formatters]\nkeys =\n"
            "[logger_root]\nlevel = NOTSET\nhandlers =\n[logger_bookstore]\nlevel = CRITICAL\n"
            "handlers = none\nqualname = test_of_the_factory\n"
            "[handler_none]\nclass = NullHandler\nargs = ()\n"
        )
        monkeypatch.setenv("BOOKSTORE_INI", str(ini))
        root = logging.getLogger()
        before = (root.level, list(root.handlers))
        try:
            close_app(wsgi.make_app())
            assert logging.getLogger("test_of_the_factory").level == logging.CRITICAL
        finally:
            root.setLevel(before[0])
            root.handlers[:] = before[1]
        sqlite_backend.drop(url)


class TestShippedInis:
    """The files at the top of the checkout."""

    def read(self, name):
        parser = ConfigParser(interpolation=None)
        parser.optionxform = str
        assert parser.read(CHECKOUT / name, encoding="utf-8")
        return parser

    def test_production_ini_as_shipped_does_not_start_without_a_jwt_key(self):
        """Without a key, production.ini as shipped does not start."""
        with pytest.raises(ConfigurationError) as caught:
            get_app(str(CHECKOUT / "production.ini"))
        assert "bookstore.jwt.key" in str(caught.value)
        assert "bookstore.jwt.algorithms" in str(caught.value)
        assert "settings (2)" in str(caught.value)

    def test_production_ini_contains_every_plain_setting(self):
        """Every plain setting is in the file, so nobody has to know the defaults."""
        given = set(self.read("production.ini")["app:main"])
        plain = {key.name for key in KEYS if not key.family}
        optional = {name for name in plain if name.startswith("bookstore.jwt.")}
        # These two settings do not apply to a standalone server with its own database.
        unused = {"bookstore.dbsession", "bookstore.replica.max_lag"}
        assert plain - optional - unused - given == set()

    def test_production_ini_is_valid_with_a_jwt_key(self):
        given = dict(self.read("production.ini")["app:main"])
        del given["use"]
        secret = {"bookstore.jwt.key": "x" * 32, "bookstore.jwt.algorithms": "HS256"}
        settings = Settings.from_mapping(given | secret)
        assert settings.auth == "jwt"
        assert settings.migrate is settings.sample_data is False
        assert set(settings.roles) == {"clerk", "editor", "manager"}

    def test_the_limits_of_the_server_are_not_below_those_of_the_bookstore(self):
        """A too large body must get the answer of the bookstore, not of the server."""
        parser = self.read("production.ini")
        largest = int(parser["app:main"]["bookstore.import.max_body_size"])
        options = parser["server:main"]
        assert int(options["max_request_body_size"]) > largest
        assert int(options["threads"]) <= int(parser["app:main"]["bookstore.sqlalchemy.pool_size"])
        assert options["trusted_proxy"] != "*"

    @pytest.mark.parametrize("name", ["development.ini", "production.ini"])
    def test_the_shipped_inis_listen_on_localhost_only(self, name):
        options = self.read(name)["server:main"]
        assert (options["host"], options["port"]) == ("127.0.0.1", "6543")

    @pytest.mark.parametrize("name", ["development.ini", "production.ini"])
    def test_the_server_accepts_the_options_of_the_shipped_inis(self, name, monkeypatch):
        made = []

        class Server(server.GracefulServer):
            def run(self):
                made.append(self)

        monkeypatch.setattr(server.graceful, "GracefulServer", Server)
        options = dict(self.read(name)["server:main"])
        del options["use"]
        server.serve(lambda *args: [], {"http_port": "0"}, **options)
        (listener,) = made[0]._listeners()
        assert listener.adj.port == 0
        assert listener.effective_host == "127.0.0.1"
        listener.close()
        listener.task_dispatcher.shutdown(timeout=5)
