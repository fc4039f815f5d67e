"""Invalid engine settings stop the start with the same error as other invalid settings."""

import logging
import math

import pytest
from pyramid.exceptions import ConfigurationError
from sqlalchemy import NullPool, make_url

from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.settings.engine_options import all_converted, converted
from pyramid_bookstore.web.mount import Mount
from tests.support.apps import build_app

SQLITE = "sqlite:///never.sqlite"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"pool_size": "many"}, r"pool_size: 'many' is not a whole number"),
        ({"pool_timeout": "0.5"}, r"pool_timeout: '0\.5'"),
        ({"bogus": "1"}, r"Invalid argument\(s\) 'bogus'"),
        ({"connect_args": "{}"}, r"sqlalchemy\.connect_args: can be given in Python only"),
        ({"poolclass": "FOO"}, r"sqlalchemy\.poolclass: can be given in Python only"),
        ({"isolation_level": "FOO"}, r"isolation_level 'FOO' is not one of .*SERIALIZABLE"),
        ({"isolation_level": "autocommit"}, r"isolation_level: AUTOCOMMIT would leave changes"),
        ({"poolclass": NullPool, "pool_size": "5"}, r"bookstore\.sqlalchemy\.\*: .*'pool_size'"),
        ({"url": "mysql://x/y"}, "url: .*postgresql and sqlite, not on mysql"),
        ({"url": "nothing like a URL"}, "URL"),
        ({"url": "postgresql+nonsense://x/y"}, "nonsense"),
        ({"url": "postgresql+pg8000://x/y"}, r"pyramid_bookstore\[postgres\]"),
        ({"url": "postgresql+psycopg2://x/y"}, r"not postgresql\+psycopg2: write postgresql\+psy"),
        ({"url": "postgres://x/y"}, r"write postgresql\+psycopg://"),
    ],
)
def test_an_invalid_engine_setting_stops_the_start_and_is_named(settings, named):
    settings = {"url": SQLITE} | settings
    with pytest.raises(ConfigurationError, match=named) as refused:
        build_app({f"bookstore.sqlalchemy.{name}": value for name, value in settings.items()})
    assert "bookstore.sqlalchemy." in str(refused.value)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("pool_size", ["0", " 5 ", 5], ["-1", "x", "", True, 2.5]),
        ("max_overflow", ["-1", -1], ["-2", "1e3"]),
        ("pool_recycle", ["-1", "3600"], [math.inf]),
        ("query_cache_size", ["0"], ["big"]),
        ("label_length", ["30"], ["0", "x"]),
        ("echo", ["true", "debug", " DEBUG ", True], ["loud"]),
        ("pool_reset_on_return", [" ROLLBACK ", "None", None, False], []),
        ("creator", [print], ["x"]),
        ("pool_pre_ping", ["false", "1", False], ["maybe"]),
        ("isolation_level", ["serializable", "READ_UNCOMMITTED"], ["autocommit"]),
        ("what only SQLAlchemy knows", ["anything", None], []),
    ],
)
def test_engine_settings_accept_valid_values_and_refuse_invalid_ones(name, good, bad):
    for value in good:
        converted(name, value)
    for value in bad:
        with pytest.raises(ValueError, match=r"is not|AUTOCOMMIT|in Python only"):
            converted(name, value)


def test_engine_settings_given_as_text_are_converted_to_their_type():
    """SQLAlchemy passes most of them on as text, so "false" would count as true."""
    options = {"url": SQLITE, "pool_pre_ping": "false", "query_cache_size": "7", "echo": "off"}
    assert all_converted(options) == {
        "url": SQLITE,
        "pool_pre_ping": False,
        "query_cache_size": 7,
        "echo": False,
    }
    engine = make_engine(options)
    assert engine.pool._pre_ping is False
    assert engine.hide_parameters is True
    assert make_engine({"url": make_url(SQLITE), "hide_parameters": "no"}).hide_parameters is False


FOREIGN = {
    "pool_class_name": "x",
    "default.url": "sqlite://",
    "convert_unicode": "true",
    "encoding": "utf-8",
}


@pytest.mark.parametrize("url", [SQLITE, "sqlite://", "postgresql+psycopg://x/y"])
def test_options_of_others_beside_the_hosts_url_are_passed_over_and_told(url, caplog):
    caplog.set_level(logging.INFO)
    known = {"sqlalchemy.url": url, "sqlalchemy.pool_size": "3", "sqlalchemy.paramstyle": "named"}
    foreign = {f"sqlalchemy.{name}": value for name, value in FOREIGN.items()}
    app = build_app(known | foreign)
    assert Mount.of(app.registry).settings.database.keys() == {"url", "pool_size", "paramstyle"}
    [told] = [line for line in caplog.messages if "No options of SQLAlchemy" in line]
    assert told.endswith(
        "sqlalchemy.convert_unicode, sqlalchemy.default.url, sqlalchemy.encoding,"
        " sqlalchemy.pool_class_name"
    )


@pytest.mark.parametrize("name", FOREIGN)
def test_options_of_others_beside_our_own_url_are_faults(name):
    with pytest.raises(ConfigurationError, match=name):
        build_app({"bookstore.sqlalchemy.url": SQLITE, f"bookstore.sqlalchemy.{name}": "x"})


def test_a_host_without_its_driver_gets_the_fault_of_the_driver_alone():
    with pytest.raises(ConfigurationError, match=r"\(1\):\n  sqlalchemy.url: the .* driver"):
        build_app({"sqlalchemy.url": "postgresql+pg8000://x/y", "sqlalchemy.default.url": "x"})


@pytest.mark.parametrize("value", ["loud", "maybe"])
def test_an_invalid_value_of_a_known_option_of_the_hosts_is_a_fault(value):
    with pytest.raises(ConfigurationError, match=r"sqlalchemy\.echo"):
        build_app({"sqlalchemy.url": SQLITE, "sqlalchemy.echo": value})
