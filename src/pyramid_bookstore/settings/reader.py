"""Reads settings by the table of keys and collects every fault. The table is in `table`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy.engine import make_url

from pyramid_bookstore.settings.converters import (
    ASYMMETRIC,
    PERMISSIONS,
    SYMMETRIC,
    Converter,
    nearest,
    similarity,
)
from pyramid_bookstore.settings.engine_options import (
    converted,
    is_database_url,
    is_engine_option,
)

ROOT = "bookstore."
OWN_DATABASE = "bookstore.sqlalchemy."
HOST_DATABASE = "sqlalchemy."
REPLICA = "bookstore.replica.sqlalchemy."
#: The beginning of the keys that `environment.override` makes of unknown variables.
UNKNOWN_VARIABLE = "bookstore.BOOKSTORE_"

#: From this similarity on, an unknown variable is a misspelt one of ours.
_MISSPELT = 0.8

#: Common wrong names that are not similar to the right ones.
_WRONG_NAMES = {
    "replica.url": "bookstore.replica.sqlalchemy.url",
    "jwt.secret": "bookstore.jwt.key",
    "jwt.secret_key": "bookstore.jwt.key",
    "jwt.public_key": "bookstore.jwt.key",
}

_URL_HINT = (
    "an SQLAlchemy database URL, such as sqlite:///bookstore.db"
    " or postgresql+psycopg://user:password@host/name (in a password @ is written %40)"
)


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the settings table.

    A family (``bookstore.sqlalchemy.*``, ``bookstore.roles.NAME``) takes any name in the last
    place and gives a mapping of those names to values.
    """

    name: str
    default: Any
    convert: Converter
    meaning: str
    family: bool = False
    #: The name of its value in `Settings`.
    attribute: str = ""

    @property
    def prefix(self) -> str:
        """The beginning of all names of a family, with the final dot."""
        return self.name.rpartition(".")[0] + "."

    @property
    def example(self) -> str:
        """The key's name, or a common name of the family."""
        return self.name.replace("*", "url")


def variable(name: str) -> str:
    """The environment variable of a key: upper case, dots to underscores."""
    return name.upper().replace(".", "_")


@dataclass(slots=True)
class Faults:
    """Every fault found so far, and the keys they are about; and what is passed over."""

    texts: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    unknown_variables: list[str] = field(default_factory=list)
    foreign_options: list[str] = field(default_factory=list)

    def add(self, key: str, text: str) -> None:
        self.texts.append(f"{key}: {text}")
        self.keys.add(key)

    def about(self, *prefixes: str) -> bool:
        """Whether a key with one of these prefixes has a fault already, so that rules about several
        keys need not report it again."""
        return any(key.startswith(prefixes) for key in self.keys)


#: A check that needs more than the settings, such as a driver or a file.
Probe: TypeAlias = Callable[[Mapping[str, Any], Faults], None]


def read(
    mapping: Mapping[Any, Any], keys: Iterable[Key], probes: Iterable[Probe] = ()
) -> tuple[dict[str, Any], list[str]]:
    """The converted values by attribute name, and the faults; with faults, do not use the values.

    ``None`` counts as not given. Of keys without our prefix only the host's ``sqlalchemy.*`` are
    read.
    """
    given = {k: v for k, v in mapping.items() if isinstance(k, str) and v is not None}
    ours = {name: value for name, value in given.items() if name.startswith(ROOT)}
    faults = Faults()
    values: dict[str, Any] = {}
    keys = tuple(keys)
    for key in keys:
        if key.family:
            names = [name for name in ours if name.startswith(key.prefix) and name != key.prefix]
            members = {n.removeprefix(key.prefix): _value(key, n, ours, faults) for n in names}
            values[key.attribute] = MappingProxyType(members)
        else:
            names = [key.name]
            values[key.attribute] = _value(key, key.name, ours, faults)
        for name in names:
            ours.pop(name, None)
    for name in sorted(ours):
        _unknown(name, keys, faults)
    _limits(values, given, faults)
    _databases(values, given, faults)
    _tokens(values, faults)
    _permissions(values, faults)
    _cors(values, faults)
    for probe in probes:
        probe(values, faults)
    values["unknown_variables"] = tuple(faults.unknown_variables)
    values["foreign_options"] = tuple(faults.foreign_options)
    return values, faults.texts


def _value(key: Key, name: str, given: Mapping[str, Any], faults: Faults) -> Any:
    if name not in given:
        return key.default
    try:
        return key.convert(given[name])
    except ValueError as error:
        faults.add(name, str(error))
        return key.default


def _unknown(name: str, keys: Iterable[Key], faults: Faults) -> None:
    # Compared without the prefix, which would make all names similar.
    options = {key.example.removeprefix(ROOT): key.example for key in keys}
    if name.startswith(UNKNOWN_VARIABLE):
        _unknown_variable(name.removeprefix(ROOT), options, faults)
    else:
        options |= _WRONG_NAMES
        best = options[nearest(name.removeprefix(ROOT), options)]
        faults.add(name, f"no such setting, did you mean {best}?")


def _unknown_variable(name: str, options: Mapping[str, str], faults: Faults) -> None:
    """Others may have variables that begin like ours; only a misspelt one of ours is a fault."""
    rest = name.removeprefix(variable(ROOT))
    variables = {variable(option): example for option, example in options.items()}
    found = nearest(rest, variables)
    best = f"{variable(variables[found])} ({variables[found]})"
    if similarity(rest, found) >= _MISSPELT:
        faults.add(name, f"no such environment variable, did you mean {best}?")
    else:
        faults.unknown_variables.append(f"{name} (the nearest setting is {best})")


def _limits(values: dict[str, Any], given: Mapping[str, Any], faults: Faults) -> None:
    if values["limit_default"] <= values["limit_max"] or faults.about("bookstore.limit."):
        return
    if "bookstore.limit.default" in given:
        faults.add(
            "bookstore.limit.default",
            f"{values['limit_default']} is more than bookstore.limit.max, {values['limit_max']}",
        )
    # A lower maximum lowers the default too.
    values["limit_default"] = values["limit_max"]


def _engine_options(prefix: str, options: Mapping[str, Any], faults: Faults) -> None:
    """Adds a fault for every invalid option but the URL."""
    for name, value in options.items():
        try:
            converted(name, value)
        except ValueError as error:
            faults.add(prefix + name, str(error))


def _databases(values: dict[str, Any], given: Mapping[str, Any], faults: Faults) -> None:
    """Chooses the engine settings: our own, or the host's, or none with the host's session."""
    own, replica, session = values["database"], values["replica"], values["dbsession"]
    host = {
        name.removeprefix(HOST_DATABASE): value
        for name, value in given.items()
        if name.startswith(HOST_DATABASE) and name != HOST_DATABASE
    }
    values |= {"database": None, "database_prefix": None, "replica": replica or None}
    for prefix, engine in ((OWN_DATABASE, own), (REPLICA, replica)):
        _engine_options(prefix, engine, faults)
        if engine and not is_database_url(engine.get("url")) and not faults.about(f"{prefix}url"):
            problem = "the value is not" if "url" in engine else "missing; it must be"
            faults.add(f"{prefix}url", f"{problem} {_URL_HINT}")
    if own:
        values |= {"database": own, "database_prefix": OWN_DATABASE}
    elif "url" in host and is_database_url(host["url"]):
        # Hosts put options of their own there.
        foreign = {name for name in host if not is_engine_option(name, host["url"])}
        faults.foreign_options += sorted(HOST_DATABASE + name for name in foreign)
        host = {name: value for name, value in host.items() if name not in foreign}
        values |= {"database": MappingProxyType(host), "database_prefix": HOST_DATABASE}
        if session is None or values["migrate"] or values["sample_data"]:
            _engine_options(HOST_DATABASE, host, faults)
    elif session is None and not faults.about("bookstore.dbsession"):
        if "url" in host:
            faults.add("sqlalchemy.url", f"the value is not {_URL_HINT}")
        else:
            faults.add(
                "bookstore.sqlalchemy.url",
                "no database: set it (or sqlalchemy.url, when host and bookstore share a database,"
                " or bookstore.dbsession, when the host offers its session on the request)",
            )
    if session is not None:
        _host_session(values, faults)
    elif replica and values["database"] and not faults.texts:
        engines = (values["database"], replica)
        primary, copy = (make_url(each["url"]).get_backend_name() for each in engines)
        if primary != copy:
            faults.add(f"{REPLICA}url", f"a replica of {primary} cannot be {copy}")


def _host_session(values: Mapping[str, Any], faults: Faults) -> None:
    """Settings that exclude ``bookstore.dbsession``, or need a database besides it."""
    upgrade = ", or call pyramid_bookstore.upgrade(engine)"
    for name, instead in (("migrate", upgrade), ("sample_data", "")):
        if values[name] and values["database"] is None:
            needed = "needs a database at start, before there is a request with a session"
            faults.add(f"bookstore.{name}", f"{needed}: set bookstore.sqlalchemy.url{instead}")
    if values["replica"]:
        faults.add(
            "bookstore.replica.sqlalchemy.url",
            "not together with bookstore.dbsession: all reads go through the host's session then",
        )


def _permissions(values: Mapping[str, Any], faults: Faults) -> None:
    for name, asked in values["permissions"].items():
        key = f"bookstore.permission.{name}"
        if name not in PERMISSIONS:
            best = nearest(name, PERMISSIONS)
            faults.add(key, f"no such permission, did you mean bookstore.permission.{best}?")
        elif values["auth"] == "jwt" and asked not in ("", f"bookstore.{name}"):
            faults.add(
                key,
                "not together with bookstore.auth = jwt: tokens know the bookstore's own"
                " permissions only, which bookstore.roles.NAME gives; leave it out",
            )


def _cors(values: Mapping[str, Any], faults: Faults) -> None:
    if values["cors_credentials"] and values["cors_origins"] == ("*",):
        faults.add(
            "bookstore.cors.credentials",
            "not together with bookstore.cors.origins = *: every page on the web could act with a"
            " visitor's cookies; name the origins",
        )


def _tokens(values: dict[str, Any], faults: Faults) -> None:
    """The settings that ``bookstore.auth = jwt`` needs."""
    if values["auth"] != "jwt":
        return
    sources = values["jwt_key"], values["jwt_key_file"]
    if not faults.about("bookstore.jwt.key"):
        if not any(sources):
            faults.add(
                "bookstore.jwt.key", "bookstore.auth = jwt needs it, or bookstore.jwt.key_file"
            )
        elif all(sources):
            faults.add("bookstore.jwt.key", "not together with bookstore.jwt.key_file: set one")
    algorithms = values["jwt_algorithms"]
    if not algorithms and not faults.about("bookstore.jwt.algorithms"):
        faults.add(
            "bookstore.jwt.algorithms",
            f"bookstore.auth = jwt needs at least one of {' '.join((*SYMMETRIC, *ASYMMETRIC))}",
        )
    if {*algorithms} & {*SYMMETRIC} and {*algorithms} & {*ASYMMETRIC}:
        # A public key could be used as a shared secret (RFC 8725, section 3.1).
        faults.add("bookstore.jwt.algorithms", "HS* must not be mixed with RS*, PS*, ES* or EdDSA")
    granted = (*values["roles"].values(), values["anonymous"])
    if not any(granted) and not faults.about("bookstore.roles.", "bookstore.anonymous"):
        faults.add(
            "bookstore.roles.NAME",
            "bookstore.auth = jwt needs a role with permissions, as in bookstore.roles.staff ="
            " view add edit, or bookstore.anonymous; nobody could do anything",
        )
