"""Engine settings that SQLAlchemy refuses stop start-up in the way of all other faulty settings."""

import math

import pytest
from pyramid.exceptions import ConfigurationError
from sqlalchemy import NullPool, QueuePool, make_url

from pyramid_bookstore.db.engine_options import converted, option_faults
from pyramid_bookstore.db.engines import make_engine
from tests.support.apps import build_app

SQLITE, POSTGRESQL = "sqlite:///never.sqlite", "postgresql+psycopg://h/b"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"pool_size": "many"}, r"pool_size: 'many' is not a whole number"),
        ({"pool_timeout": "0.5"}, r"pool_timeout: '0\.5'"),
        ({"bogus": "1"}, "bogus: no such engine setting"),
        ({"connect_args": "{}"}, r"connect_args: must be a mapping, which .* not a str"),
        ({"poolclass": "FOO"}, r"poolclass: must be a class of pools"),
        ({"isolation_level": "FOO"}, r"isolation_level: 'FOO' is not one of .*SERIALIZABLE"),
        ({"isolation_level": "autocommit"}, r"isolation_level: AUTOCOMMIT would leave changes"),
        ({"poolclass": NullPool, "pool_size": "5"}, r"bookstore\.sqlalchemy\.\*: .*'pool_size'"),
        ({"url": "mysql://x/y"}, "url: .*postgresql and sqlite, not on mysql"),
        ({"url": "nothing like a URL"}, "URL"),
        ({"url": "postgresql+nonsense://x/y"}, "nonsense"),
        ({"url": "postgresql+pg8000://x/y"}, r"pyramid_bookstore\[postgres\]"),
    ],
)
def test_refused(settings, named):
    settings = {"url": SQLITE} | settings
    with pytest.raises(ConfigurationError, match=named) as refused:
        build_app({f"bookstore.sqlalchemy.{name}": value for name, value in settings.items()})
    assert "bookstore.sqlalchemy." in str(refused.value)


def names(options):
    return [name for name, _, _ in option_faults(options)]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("pool_size", ["0", " 5 ", 5], ["-1", "x", "", True, 2.5]),
        ("max_overflow", ["-1", -1], ["-2", "1e3"]),
        ("pool_recycle", ["-1", "3600"], [math.inf]),
        ("query_cache_size", ["0"], ["big"]),
        ("echo", ["true", "Debug", True], ["loud"]),
        ("pool_pre_ping", ["false", "1", False], ["maybe"]),
        ("pool_reset_on_return", ["rollback", "None", None, False], ["never"]),
        ("poolclass", [QueuePool], ["QueuePool", int]),
        ("connect_args", [{}], ["{}"]),
        ("json_serializer", [str], ["json.dumps"]),
        ("plugins", [[]], ["geoalchemy2"]),
        ("isolation_level", ["serializable", "READ_UNCOMMITTED"], ["REPEATABLE READ", 5]),
    ],
)
def test_values(name, good, bad):
    for value in good:
        assert names({"url": SQLITE, name: value}) == [], value
    for value in bad:
        assert names({"url": SQLITE, name: value}) == [name], value


def test_what_one_database_has_and_another_has_not():
    for url, known in ((SQLITE, False), (POSTGRESQL, True)):
        given = {"url": url, "isolation_level": "SERIALIZABLE", "client_encoding": "utf8"}
        assert ("client_encoding" not in names(given)) is known
    assert names({"url": POSTGRESQL, "isolation_level": "repeatable read"}) == []


@pytest.mark.parametrize("url", ["mysql://h/b", "postgresql+nonsense://h/b", "?", None])
def test_a_bad_url_is_another_fault(url):
    options = {"url": url, "isolation_level": "SERIALIZABLE", "pool_sise": "5"}
    assert list(option_faults(options)) == [("pool_sise", "no such engine setting", "pool_size")]


@pytest.mark.parametrize(
    "plugin", [{"url": f"{SQLITE}?plugin=x"}, {"url": SQLITE, "plugins": ["x"]}]
)
def test_what_a_plugin_takes_only_it_can_know(plugin):
    assert names({**plugin, "colour": "red"}) == []
    assert names({**plugin, "pool_size": "red"}) == ["pool_size"]


def test_texts_mean_what_they_say():
    """SQLAlchemy hands most on as they are: "false" was true."""
    options = {"url": SQLITE, "pool_pre_ping": "false", "query_cache_size": "7", "echo": "off"}
    assert converted(options) == {
        "url": SQLITE,
        "pool_pre_ping": False,
        "query_cache_size": 7,
        "echo": False,
    }
    engine = make_engine(options)
    assert engine.pool._pre_ping is False
    assert engine.hide_parameters is True
    assert make_engine({"url": make_url(SQLITE), "hide_parameters": "no"}).hide_parameters is False
