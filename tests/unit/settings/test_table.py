"""Settings: one read-only object, or one error that names every fault."""

import dataclasses
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyramid.exceptions import ConfigurationError
from sqlalchemy import engine_from_config
from sqlalchemy.engine import make_url

from pyramid_bookstore.db.engines import check_engines
from pyramid_bookstore.settings import KEYS, JwtSettings, Settings, as_text

DATABASE = {"bookstore.sqlalchemy.url": "sqlite://"}
JWT = {
    "bookstore.auth": "jwt",
    "bookstore.jwt.key": "s3cret-s3cret",
    "bookstore.jwt.algorithms": "HS256",
    "bookstore.roles.staff": "view add",
}


def settings(more=None):
    return Settings.from_mapping({**DATABASE, **(more or {})})


def faults(mapping, probes=()):
    """The lines of the error, one for each fault."""
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_mapping(mapping, probes)
    head, *lines = str(raised.value).split("\n")
    assert head == f"Invalid bookstore settings ({len(lines)}):"
    return [line.strip() for line in lines]


def fault(more):
    """The only fault of a mapping that has a database."""
    [line] = faults({**DATABASE, **more})
    return line


class TestDefaults:
    def test_every_setting_has_its_expected_default(self):
        assert {f.name: getattr(settings(), f.name) for f in dataclasses.fields(Settings)} == {
            "prefix": "/api/v1",
            "database": {"url": "sqlite://"},
            "database_prefix": "bookstore.sqlalchemy.",
            "replica": None,
            "replica_max_lag": 10,
            "dbsession": None,
            "migrate": False,
            "sample_data": False,
            "statement_timeout": 0,
            "retry_attempts": 3,
            "limit_default": 20,
            "limit_max": 100,
            "max_offset": 100_000,
            "concurrent_feeds": 2,
            "concurrent_searches": 2,
            "max_body_size": 1048576,
            "import_max_body_size": 67108864,
            "require_if_match": False,
            "idempotency_ttl": 86400,
            "auth": "host",
            "jwt": None,
            "roles": {},
            "anonymous": (),
            "holds": False,
            "holds_max_ttl": 3600,
            "stock_log": False,
            "stock_log_keep_days": 0,
            "docs": True,
            "permissions": {},
            "root_factory": None,
            "cors_origins": (),
            "cors_credentials": False,
            "cors_max_age": 600,
            "currency": None,
            "trade": False,
            "declared": {},
            "metrics": False,
            "title": "Bookstore",
            "log_format": "text",
            "log_sql_comment": False,
            "unknown_variables": (),
            "foreign_options": (),
        }

    def test_a_setting_of_none_counts_as_not_given(self):
        assert settings({key.name: None for key in KEYS if not key.family}) == settings()

    @pytest.mark.parametrize("key", [k for k in KEYS if not k.family], ids=lambda k: k.name)
    def test_every_default_is_a_valid_value(self, key):
        if key.default is not None:
            assert key.convert(key.default) == key.default

    def test_every_key_has_its_attribute(self):
        """The table of keys and the two settings classes have the same names."""
        no_keys = {"jwt", "database_prefix", "unknown_variables", "foreign_options"}
        attributes = {f.name for f in dataclasses.fields(Settings)} - no_keys
        attributes |= {f"jwt_{f.name}" for f in dataclasses.fields(JwtSettings)}
        assert sorted(key.attribute for key in KEYS) == sorted(attributes)

    def test_settings_are_read_only(self):
        made = settings()
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.migrate = True
        for mapping in (made.database, made.roles):
            with pytest.raises(TypeError):
                mapping["x"] = 1


def test_text_and_python_values_give_the_same_settings():
    strings = {
        "bookstore.migrate": "yes",
        "bookstore.limit.max": "50",
        "bookstore.limit.default": "5",
        "bookstore.anonymous": "view add",
        "bookstore.docs": "off",
        "bookstore.prefix": "/",
    }
    values = {
        "bookstore.migrate": True,
        "bookstore.limit.max": 50,
        "bookstore.limit.default": 5,
        "bookstore.anonymous": ["view", "add"],
        "bookstore.docs": 0,
        "bookstore.prefix": "",
    }
    assert settings(strings) == settings(values)
    assert settings(strings).limit_max == 50
    assert settings(strings).anonymous == ("view", "add")


def test_keys_of_other_packages_are_ignored():
    foreign = {
        "pyramid.includes": "x",
        "bookstore": 1,
        "bookstores.x": 1,
        "Bookstore.x": 1,
        5: 1,
        object(): 2,
    }
    assert settings(foreign) == settings()


class TestFaults:
    def test_all_faulty_settings_are_reported_in_one_error(self):
        lines = faults(
            {
                "bookstore.prefix": "api",
                "bookstore.limit.max": "many",
                "bookstore.migrate": "maybe",
                "bookstore.limits.default": "5",
                "bookstore.auth": "jwt",
                "bookstore.roles.staff": "veiw",
                "bookstore.replica.sqlalchemy.pool_size": "5",
            }
        )
        assert sorted(line.partition(": ")[0] for line in lines) == [
            "bookstore.jwt.algorithms",
            "bookstore.jwt.key",
            "bookstore.limit.max",
            "bookstore.limits.default",
            "bookstore.migrate",
            "bookstore.prefix",
            "bookstore.replica.sqlalchemy.url",
            "bookstore.roles.staff",
            "bookstore.sqlalchemy.url",
        ]

    @pytest.mark.parametrize(
        ("key", "best"),
        [
            ("bookstore.limits.max", "bookstore.limit.max"),
            ("bookstore.Migrate", "bookstore.migrate"),
            ("bookstore.max_body", "bookstore.max_body_size"),
            ("bookstore.sqlalchemy_url", "bookstore.sqlalchemy.url"),
            ("bookstore.sqlalchemy.", "bookstore.sqlalchemy.url"),
            ("bookstore.replica_sqlalchemy.url", "bookstore.replica.sqlalchemy.url"),
            ("bookstore.role.staff", "bookstore.roles.NAME"),
            ("bookstore.jwt.algorithm", "bookstore.jwt.algorithms"),
        ],
    )
    def test_an_unknown_key_is_reported_with_the_nearest_key(self, key, best):
        assert fault({key: "x"}) == f"{key}: no such setting, did you mean {best}?"

    def test_an_unknown_variable_is_reported_with_the_nearest_variable(self):
        assert fault({"bookstore.BOOKSTORE_LIMTI_MAX": "5"}) == (
            "BOOKSTORE_LIMTI_MAX: no such environment variable,"
            " did you mean BOOKSTORE_LIMIT_MAX (bookstore.limit.max)?"
        )

    @given(st.text(min_size=1))
    def test_any_unknown_bookstore_key_stops_the_start(self, rest):
        key = f"bookstore.x-{rest}"
        with pytest.raises(ConfigurationError, match="did you mean bookstore"):
            settings({key: "x"})

    def test_an_invalid_value_is_reported_with_the_allowed_values(self):
        assert fault({"bookstore.limit.max": "1001"}) == (
            "bookstore.limit.max: '1001' is not a whole number from 1 to 1000"
        )


class TestLimits:
    def test_a_default_limit_above_the_maximum_is_refused(self):
        line = fault({"bookstore.limit.default": "200"})
        assert line == "bookstore.limit.default: 200 is more than bookstore.limit.max, 100"

    def test_a_maximum_below_the_default_lowers_the_default_limit(self):
        made = settings({"bookstore.limit.max": "7"})
        assert (made.limit_default, made.limit_max) == (7, 7)

    def test_an_invalid_maximum_is_the_only_fault_reported(self):
        line = fault({"bookstore.limit.default": "200", "bookstore.limit.max": "x"})
        assert line.startswith("bookstore.limit.max: 'x'")


class TestDatabase:
    def test_engine_settings_of_the_bookstore_replace_all_those_of_the_host(self):
        made = Settings.from_mapping(
            {
                "sqlalchemy.url": "postgresql://host/other",
                "sqlalchemy.echo": "true",
                "bookstore.sqlalchemy.url": "sqlite://",
                "bookstore.sqlalchemy.pool_size": 5,
            }
        )
        assert made.database == {"url": "sqlite://", "pool_size": 5}
        assert made.database_prefix == "bookstore.sqlalchemy."

    def test_without_its_own_url_the_engine_settings_of_the_host_apply(self):
        made = Settings.from_mapping({"sqlalchemy.url": "sqlite://", "sqlalchemy.echo": "false"})
        assert made.database == {"url": "sqlite://", "echo": "false"}
        assert made.database_prefix == "sqlalchemy."
        assert engine_from_config(made.database, "").dialect.name == "sqlite"

    @pytest.mark.parametrize("host", [{}, {"sqlalchemy.echo": "true"}, {"sqlalchemy.": "x"}])
    def test_without_any_database_url_the_error_says_what_to_set(self, host):
        [line] = faults(host)
        assert line.startswith("bookstore.sqlalchemy.url: no database: set it")
        assert "sqlalchemy.url," in line
        assert "bookstore.dbsession" in line

    def test_an_invalid_dbsession_is_the_only_fault_and_no_url_is_asked_for(self):
        [line] = faults({"bookstore.dbsession": "my session"})
        assert line.startswith("bookstore.dbsession: 'my session' is not the name of a request")

    def test_the_database_url_may_be_a_url_object(self):
        url = make_url("sqlite:///x.db")
        assert Settings.from_mapping({"bookstore.sqlalchemy.url": url}).database == {"url": url}

    @pytest.mark.parametrize(
        "url", ["", "pw-in-it", "postgresql://u:pw@h:port/b", "postgresql://u:pw@pw@h/b", 5]
    )
    @pytest.mark.parametrize(
        "key", ["bookstore.sqlalchemy.url", "sqlalchemy.url", "bookstore.replica.sqlalchemy.url"]
    )
    def test_an_invalid_url_is_reported_by_its_key_without_the_value(self, key, url):
        other = DATABASE if "replica" in key else {}
        [line] = faults({**other, key: url})
        assert line.startswith(f"{key}: the value is not an SQLAlchemy database URL, such as")
        assert "pw" not in line
        assert "%40" in line

    @pytest.mark.parametrize("prefix", ["bookstore.sqlalchemy.", "bookstore.replica.sqlalchemy."])
    def test_engine_settings_without_their_own_url_are_refused(self, prefix):
        mapping = {"sqlalchemy.url": "sqlite://", f"{prefix}pool_size": "5"}
        [line] = faults(mapping)
        assert line.startswith(f"{prefix}url: missing; it must be an SQLAlchemy")

    def test_the_replica_url_and_its_maximum_lag_are_read(self):
        more = {"bookstore.replica.sqlalchemy.url": "sqlite://", "bookstore.replica.max_lag": "3"}
        made = settings(more)
        assert made.replica == {"url": "sqlite://"}
        assert made.replica_max_lag == 3

    def test_a_replica_must_be_the_same_kind_of_database(self):
        line = fault({"bookstore.replica.sqlalchemy.url": "postgresql://h/b"})
        assert line == (
            "bookstore.replica.sqlalchemy.url: a replica of sqlite cannot be postgresql"
        )


class TestEngineOptions:
    def test_a_url_under_a_misspelt_key_is_reported_as_missing(self):
        misspelt, missing = faults({"bookstore.sqlalchemy.uri": "sqlite://"})
        assert misspelt == "bookstore.sqlalchemy.uri: no such option, did you mean url?"
        assert missing.startswith("bookstore.sqlalchemy.url: missing; it must be")

    @pytest.mark.parametrize("prefix", ["bookstore.sqlalchemy.", "bookstore.replica.sqlalchemy."])
    def test_invalid_engine_settings_are_reported_with_all_other_faults(self, prefix):
        """SQLAlchemy itself would report them only after all other faults are corrected."""
        given = {f"{prefix}url": "sqlite://", f"{prefix}pool_sise": "5", f"{prefix}echo": "loud"}
        other = DATABASE if "replica" in prefix else {}
        wrong = {"bookstore.migrate": "maybe", "bookstore.foo": "1"}
        lines = faults({**other, **given, **wrong}, [check_engines])
        assert len(lines) == 4
        text = "\n".join(lines)
        assert f"{prefix}*: SQLAlchemy says: Invalid argument(s) 'pool_sise'" in text
        assert f"{prefix}echo: 'loud' is not true or false" in text
        assert "bookstore.migrate: 'maybe'" in text
        assert "bookstore.foo: no such setting" in text

    def test_with_dbsession_the_host_engine_settings_are_checked_only_to_migrate(self):
        host = {"sqlalchemy.url": "sqlite://", "sqlalchemy.echo": "loud"}
        session = {"bookstore.dbsession": "dbsession"}
        assert Settings.from_mapping({**session, **host}).dbsession == "dbsession"
        [line] = faults({**session, **host, "bookstore.migrate": "true"}, [check_engines])
        assert line.startswith("sqlalchemy.echo: 'loud' is not true or false")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("replica.url", "bookstore.replica.sqlalchemy.url"),
        ("replica.max_leg", "bookstore.replica.max_lag"),
        ("jwt.secret", "bookstore.jwt.key"),
        ("jwt.keyfile", "bookstore.jwt.key_file"),
    ],
)
def test_a_short_or_misspelt_key_suggests_the_right_one(written, meant):
    line = fault({f"bookstore.{written}": "x"})
    assert line == f"bookstore.{written}: no such setting, did you mean {meant}?"


class TestHostSession:
    def test_with_dbsession_no_database_url_is_needed(self):
        made = Settings.from_mapping({"bookstore.dbsession": "dbsession"})
        assert (made.dbsession, made.database, made.database_prefix) == ("dbsession", None, None)

    def test_with_dbsession_the_host_engine_settings_are_used_to_migrate(self):
        made = Settings.from_mapping(
            {
                "bookstore.dbsession": "dbsession",
                "sqlalchemy.url": "sqlite://",
                "bookstore.migrate": "true",
            }
        )
        assert made.database == {"url": "sqlite://"}

    @pytest.mark.parametrize("host", [{"sqlalchemy.url": "?"}, {"sqlalchemy.echo": "true"}])
    def test_with_dbsession_invalid_engine_settings_of_the_host_are_ignored(self, host):
        made = Settings.from_mapping({"bookstore.dbsession": "dbsession", **host})
        assert made.database is None

    def test_migrate_and_sample_data_need_a_database_url(self):
        lines = faults(
            {
                "bookstore.dbsession": "dbsession",
                "bookstore.migrate": "true",
                "bookstore.sample_data": "true",
            }
        )
        assert [line.partition(":")[0] for line in lines] == [
            "bookstore.migrate",
            "bookstore.sample_data",
        ]
        assert all("set bookstore.sqlalchemy.url" in line for line in lines)

    def test_dbsession_and_a_replica_cannot_be_combined(self):
        line = fault({"bookstore.dbsession": "db", "bookstore.replica.sqlalchemy.url": "sqlite://"})
        assert line.startswith("bookstore.replica.sqlalchemy.url: not together with")


class TestJwt:
    def test_all_jwt_settings_are_read(self):
        made = settings(
            {
                "bookstore.auth": "jwt",
                "bookstore.jwt.key_file": "jwks.json",
                "bookstore.jwt.algorithms": "RS256 EdDSA",
                "bookstore.jwt.issuer": "https://id.example",
                "bookstore.jwt.audience": "books shop",
                "bookstore.jwt.roles_claim": "groups",
                "bookstore.jwt.leeway": "30",
                "bookstore.roles.Staff": "view edit",
                "bookstore.roles.shop.clerk": "",
                "bookstore.anonymous": "view",
            }
        )
        assert made.jwt == JwtSettings(
            key=None,
            key_file="jwks.json",
            algorithms=("RS256", "EdDSA"),
            issuer="https://id.example",
            audience=("books", "shop"),
            roles_claim="groups",
            leeway=30,
        )
        assert made.roles == {"Staff": ("view", "edit"), "shop.clerk": ()}
        assert made.anonymous == ("view",)

    def test_jwt_settings_are_checked_but_unused_while_auth_is_host(self):
        """An INI may contain them before they are used, but an invalid value is refused."""
        made = settings({**JWT, "bookstore.auth": "host"})
        assert made.jwt is None
        assert made.roles == {"staff": ("view", "add")}
        assert settings({"bookstore.jwt.key": "x"}).jwt is None
        assert fault({"bookstore.jwt.leeway": "-1"}).startswith("bookstore.jwt.leeway: '-1'")

    def test_all_missing_jwt_settings_are_reported_together(self):
        lines = faults({**DATABASE, "bookstore.auth": "jwt"})
        assert [line.partition(":")[0] for line in lines] == [
            "bookstore.jwt.key",
            "bookstore.jwt.algorithms",
            "bookstore.roles.NAME",
        ]
        assert "or bookstore.jwt.key_file" in lines[0]
        assert "HS256" in lines[1]
        assert "EdDSA" in lines[1]
        assert "bookstore.anonymous" in lines[2]

    def test_a_blank_jwt_key_counts_as_missing(self):
        assert fault({**JWT, "bookstore.jwt.key": " "}).startswith("bookstore.jwt.key: bookstore")

    def test_jwt_key_and_jwt_key_file_cannot_be_combined(self):
        line = fault({**JWT, "bookstore.jwt.key_file": "k.pem"})
        assert line == "bookstore.jwt.key: not together with bookstore.jwt.key_file: set one"

    @pytest.mark.parametrize("other", ["RS256", "PS384", "ES512", "EdDSA"])
    def test_hs_and_public_key_algorithms_cannot_be_combined(self, other):
        line = fault({**JWT, "bookstore.jwt.algorithms": f"HS256 {other}"})
        assert "HS* must not be mixed" in line

    def test_anonymous_permissions_without_roles_are_enough(self):
        mapping = {**JWT, "bookstore.roles.staff": "", "bookstore.anonymous": "view"}
        assert settings(mapping).anonymous == ("view",)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("bookstore.jwt.key", b"s3cret"),
            ("bookstore.jwt.key_file", 5),
            ("bookstore.jwt.algorithms", "none"),
            ("bookstore.roles.staff", "all"),
            ("bookstore.anonymous", "all"),
        ],
    )
    def test_an_invalid_jwt_value_is_reported_once_and_not_as_missing(self, key, value):
        """It is not reported a second time as missing."""
        mapping = {**JWT, key: value}
        if key == "bookstore.jwt.key_file":
            del mapping["bookstore.jwt.key"]
        if key == "bookstore.anonymous":
            del mapping["bookstore.roles.staff"]
        line = fault(mapping)
        assert line.startswith(f"{key}: ")
        assert "s3cret" not in line


class TestShownValues:
    SECRETS = {
        **JWT,
        "bookstore.sqlalchemy.url": "postgresql://u:hunter2@h/b?sslpassword=hunter2&sslmode=require",
        "bookstore.sqlalchemy.connect_args": {"password": "hunter2"},
        "bookstore.sqlalchemy.pool_size": 5,
        "bookstore.sqlalchemy.password": "hunter2",
        "bookstore.replica.sqlalchemy.url": make_url("postgresql://u:hunter2@h2/b"),
    }

    def test_repr_shows_no_secrets(self):
        made = settings(self.SECRETS)
        assert "limit_max=100" in repr(made)
        assert "algorithms=('HS256',)" in repr(made)
        assert "hunter2" not in repr(made)
        assert "s3cret" not in repr(made)

    def test_effective_settings_show_no_secrets(self):
        pairs = dict(settings(self.SECRETS).effective())
        assert "hunter2" not in str(pairs)
        assert "s3cret" not in str(pairs)
        url = pairs["bookstore.sqlalchemy.url"]
        assert url.startswith("postgresql://u:***@h/b?")
        assert "sslmode=require" in url
        assert pairs["bookstore.sqlalchemy.connect_args"] == "***"
        assert pairs["bookstore.sqlalchemy.pool_size"] == "5"
        assert pairs["bookstore.replica.sqlalchemy.url"] == "postgresql://u:***@h2/b"
        assert pairs["bookstore.jwt.key"] == "***"
        assert pairs["bookstore.jwt.key_file"] == "-"
        assert pairs["bookstore.jwt.algorithms"] == "HS256"
        assert pairs["bookstore.roles.staff"] == "view add"
        assert pairs["bookstore.docs"] == "true"

    def test_effective_settings_show_which_keys_set_the_database(self):
        pairs = dict(Settings.from_mapping({"sqlalchemy.url": "sqlite://"}).effective())
        assert pairs["sqlalchemy.url"] == "sqlite://"
        assert not any(name.startswith(("bookstore.sqlalchemy", "bookstore.jwt")) for name in pairs)

    def test_effective_settings_with_dbsession_show_no_database(self):
        pairs = dict(Settings.from_mapping({"bookstore.dbsession": "db"}).effective())
        assert pairs["bookstore.dbsession"] == "db"
        assert not any("sqlalchemy" in name for name in pairs)

    def test_values_are_shown_as_in_an_ini_file(self):
        assert [as_text(v) for v in (True, 0, "", None, (), ("a", "b"), 5)] == [
            *("true", "0", "-", "-", "-", "a b", "5")
        ]


def test_a_driver_that_is_not_installed_is_named_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    url = "postgresql+psycopg://shop@127.0.0.1/shop"
    [line] = faults({"bookstore.sqlalchemy.url": url}, [check_engines])
    assert "pip install 'pyramid_bookstore[postgres]'" in line
