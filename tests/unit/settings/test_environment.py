"""Environment variables override single keys of the INI file, in the standalone application."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.settings import KEYS, Settings
from pyramid_bookstore.settings.environment import override
from pyramid_bookstore.settings.reader import variable

PLAIN = [key.name for key in KEYS if not key.family]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("BOOKSTORE_SQLALCHEMY_URL", "bookstore.sqlalchemy.url"),
        ("BOOKSTORE_SQLALCHEMY_POOL_SIZE", "bookstore.sqlalchemy.pool_size"),
        (
            "BOOKSTORE_REPLICA_SQLALCHEMY_POOL_PRE_PING",
            "bookstore.replica.sqlalchemy.pool_pre_ping",
        ),
        ("BOOKSTORE_REPLICA_MAX_LAG", "bookstore.replica.max_lag"),
        ("BOOKSTORE_ROLES_SHOP_STAFF", "bookstore.roles.shop_staff"),
        ("BOOKSTORE_LIMIT_MAX", "bookstore.limit.max"),
        ("BOOKSTORE_REQUIRE_IF_MATCH", "bookstore.require_if_match"),
        ("BOOKSTORE_IMPORT_MAX_BODY_SIZE", "bookstore.import.max_body_size"),
        ("BOOKSTORE_JWT_KEY_FILE", "bookstore.jwt.key_file"),
    ],
)
def test_an_environment_variable_sets_its_key(name, key):
    assert override({"other": "stays"}, {name: "5"}) == {"other": "stays", key: "5"}


@pytest.mark.parametrize("key", PLAIN)
def test_every_key_can_be_overridden_by_a_variable(key):
    assert override({key: "ini"}, {variable(key): "env"}) == {key: "env"}


def test_no_two_keys_share_a_variable():
    names = [variable(key.prefix if key.family else key.name) for key in KEYS]
    assert len(set(names)) == len(names)


@given(st.dictionaries(st.sampled_from(PLAIN), st.text()), st.sets(st.sampled_from(PLAIN)))
def test_variables_override_their_keys_and_leave_the_others(ini, keys):
    result = override(ini, {variable(key): "env" for key in keys})
    assert result == {**ini, **dict.fromkeys(keys, "env")}


def test_override_does_not_modify_its_arguments():
    ini, environ = {"bookstore.migrate": "no"}, {"BOOKSTORE_MIGRATE": "yes"}
    assert override(ini, environ) == {"bookstore.migrate": "yes"}
    assert (ini, environ) == ({"bookstore.migrate": "no"}, {"BOOKSTORE_MIGRATE": "yes"})


def test_a_variable_overrides_a_role_under_the_spelling_of_the_ini():
    ini = {"bookstore.roles.Staff": "view", "bookstore.roles.shop.clerk": "view"}
    environ = {"BOOKSTORE_ROLES_STAFF": "edit", "BOOKSTORE_ROLES_SHOP_CLERK": "stock"}
    assert override(ini, environ) == {
        "bookstore.roles.Staff": "edit",
        "bookstore.roles.shop.clerk": "stock",
    }


def test_a_variable_sets_the_real_key_not_a_misspelt_one_of_the_ini():
    result = override({"bookstore.limit_max": "5"}, {"BOOKSTORE_LIMIT_MAX": "6"})
    assert result == {"bookstore.limit_max": "5", "bookstore.limit.max": "6"}


@pytest.mark.parametrize("name", ["BOOKSTORE_INI", "PATH", "BOOKSTORES_X", "bookstore_limit_max"])
def test_variables_that_are_no_settings_are_ignored(name):
    assert override({}, {name: "x"}) == {}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("BOOKSTORE_LIMTI_MAX", "BOOKSTORE_LIMIT_MAX (bookstore.limit.max)"),
        ("BOOKSTORE_SQLALCHEMY_", "BOOKSTORE_SQLALCHEMY_URL (bookstore.sqlalchemy.url)"),
        ("BOOKSTORE_SQLALCHEMI_URL", "BOOKSTORE_SQLALCHEMY_URL (bookstore.sqlalchemy.url)"),
        ("BOOKSTORE_Docs", "BOOKSTORE_DOCS (bookstore.docs)"),
    ],
)
def test_a_misspelt_variable_stops_the_start_with_the_nearest_name(name, nearest):
    settings = override({"bookstore.sqlalchemy.url": "sqlite://"}, {name: "secret"})
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_mapping(settings)
    text = str(raised.value)
    assert f"{name}: no such environment variable, did you mean {nearest}?" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    "name", ["BOOKSTORE_ADMIN_EMAIL", "BOOKSTORE_HTTP_PORT", "BOOKSTORE_VERSION", "BOOKSTORE_"]
)
def test_a_variable_of_others_is_named_and_does_not_stop_the_start(name):
    given = override({"bookstore.sqlalchemy.url": "sqlite://"}, {name: "secret"})
    [(level, text)] = Settings.from_mapping(given).passed_over()
    assert level == logging.WARNING
    assert text.startswith(f"No setting of ours, so not used: {name} (the nearest setting is BOO")
    assert "secret" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOKSTORE_SERVICE_HOST", "10.0.0.1"),
        ("BOOKSTORE_SERVICE_PORT", "80"),
        ("BOOKSTORE_SERVICE_PORT_HTTP", "80"),
        ("BOOKSTORE_PORT", "tcp://10.0.0.1:80"),
        ("BOOKSTORE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("BOOKSTORE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("BOOKSTORE_DB_SERVICE_HOST", "10.0.0.2"),
        ("BOOKSTORE_DB_PORT", "tcp://10.0.0.2:5432"),
        ("BOOKSTORE_DB_PORT_5432_TCP_PROTO", "tcp"),
    ],
)
def test_variables_of_a_kubernetes_service_named_bookstore_are_ignored(name, value):
    assert override({}, {name: value}) == {}


@pytest.mark.parametrize("name", ["BOOKSTORE_PORT", "BOOKSTORE_HTTP_PORT", "BOOKSTORE_PORTS"])
def test_a_port_number_in_a_bookstore_variable_is_not_ignored(name):
    assert override({}, {name: "8081"}) == {f"bookstore.{name}": "8081"}
