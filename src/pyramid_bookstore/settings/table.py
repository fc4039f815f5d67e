"""The settings: the class `Settings` is also the table of all keys.

An unknown ``bookstore.*`` key or an invalid value stops start-up with one `ConfigurationError` that
names every fault. Values may be strings, as in an INI, or Python values.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from pyramid.exceptions import ConfigurationError
from sqlalchemy.engine import make_url

from pyramid_bookstore.settings.converters import (
    ALGORITHM_LIST,
    ATTRIBUTE,
    BOOLEAN,
    CURRENCY,
    ENGINE,
    FACTORY,
    FIELD,
    OPTIONAL_TEXT,
    ORIGINS,
    PERMISSION,
    PERMISSION_LIST,
    PREFIX,
    SECRET,
    TEXT,
    WORDS,
    Converter,
    choice,
    integer,
)
from pyramid_bookstore.settings.engine_options import PUBLIC
from pyramid_bookstore.settings.reader import Key, Probe, read
from pyramid_bookstore.values.types import INTEGER_MAX

_MIB = 1024 * 1024
_DAY = 24 * 60 * 60


def _key(name: str, default: Any, convert: Converter, meaning: str, *, family: bool = False) -> Any:
    """A field of the settings, with its key in the INI."""
    key = Key(name, default, convert, meaning, family=family)
    return field(metadata={"key": key}, repr=not (convert.hidden or convert is ENGINE))


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class JwtSettings:
    """How bearer tokens are checked; exactly one of `key` and `key_file` is set."""

    key: str | None = _key("bookstore.jwt.key", None, SECRET,
        "Key that tokens are checked with: the shared secret (HS*) or a PEM public key.")
    key_file: str | None = _key("bookstore.jwt.key_file", None, OPTIONAL_TEXT,
        "File with the key, PEM or JWKS; instead of `bookstore.jwt.key`.")
    #: Never empty.
    algorithms: tuple[str, ...] = _key("bookstore.jwt.algorithms", (), ALGORITHM_LIST,
        "Algorithms a token may be signed with; HS* never together with the others.")
    issuer: str | None = _key("bookstore.jwt.issuer", None, OPTIONAL_TEXT,
        "The `iss` a token must carry; not checked when not set.")
    audience: tuple[str, ...] = _key("bookstore.jwt.audience", (), WORDS,
        "The `aud` of which a token must carry one.")
    roles_claim: str = _key("bookstore.jwt.roles_claim", "roles", TEXT,
        "The claim that lists the caller's roles.")
    leeway: int = _key("bookstore.jwt.leeway", 0, integer(0, 3600, "seconds"),
        "Clock difference forgiven in `exp` and `nbf`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, validated. Each field has its key; a test compares docs/reference/settings.md
    with them."""

    #: Without a final slash: ``/api/v1``, or ``""`` for the root.
    prefix: str = _key("bookstore.prefix", "/api/v1", PREFIX,
        "Mount path; comes after the `route_prefix` given to `config.include`.")
    #: The options without their prefix, as given. With `dbsession` only migrations and commands use
    #: them, and they may be ``None``.
    database: Mapping[str, Any] | None = _key("bookstore.sqlalchemy.*", None, ENGINE,
        "Engine settings of the database; without any, the host's `sqlalchemy.*` are taken.",
        family=True)
    #: The prefix of the options in `database`: ``bookstore.sqlalchemy.`` or ``sqlalchemy.``.
    database_prefix: str | None
    #: Never together with `dbsession`.
    replica: Mapping[str, Any] | None = _key("bookstore.replica.sqlalchemy.*", None, ENGINE,
        "Engine settings of a read replica: safe requests read there, unless they say"
        " `Cache-Control: no-cache`.", family=True)
    replica_max_lag: int = _key("bookstore.replica.max_lag", 10, integer(0, _DAY, "seconds"),
        "A replica further behind than this is passed over for the primary.")
    dbsession: str | None = _key("bookstore.dbsession", None, ATTRIBUTE,
        "Request attribute under which the host offers its own Session; no engine is opened"
        " for requests then.")
    migrate: bool = _key("bookstore.migrate", False, BOOLEAN,
        "Upgrade the schema at start; safe when many processes start at once.")
    sample_data: bool = _key("bookstore.sample_data", False, BOOLEAN,
        "Put the sample catalogue into an empty database at start.")
    statement_timeout: int = _key(
        "bookstore.statement_timeout", 0, integer(0, INTEGER_MAX, "milliseconds"),
        "A statement that runs longer is cancelled and answered with 503; 0 means no limit.")
    retry_attempts: int = _key("bookstore.retry.attempts", 3, integer(1, 100),
        "How often a write is tried in all when the database reports a serialization failure"
        " or deadlock.")
    limit_default: int = _key("bookstore.limit.default", 20, integer(1, 1000),
        "Page size when the request names none; at most `bookstore.limit.max`, and lowered to"
        " it when not set.")
    limit_max: int = _key("bookstore.limit.max", 100, integer(1, 1000),
        "Largest page size a request may ask for.")
    max_offset: int = _key("bookstore.max_offset", 100_000, integer(0, INTEGER_MAX, "books"),
        "Books that a `page` of the list may pass over; further on, a cursor is needed.")
    concurrent_feeds: int = _key("bookstore.concurrent.feeds", 2, integer(1, 1000),
        "Imports and exports over HTTP that a process serves at once; more are refused with 503."
        " Keep it below the server's threads.")
    concurrent_searches: int = _key("bookstore.concurrent.searches", 2, integer(1, 1000),
        "Costly lists (exact totals of many matches, say) that a process works on at once, in a"
        " catalogue of more than 50,000 books; as many more wait a second, the others are refused"
        " with 503. Twice this must stay below the server's threads.")
    max_body_size: int = _key("bookstore.max_body_size", _MIB, integer(1, 1024 * _MIB, "bytes"),
        "Largest request body; more is refused with 413.")
    import_max_body_size: int = _key(
        "bookstore.import.max_body_size", 64 * _MIB, integer(1, _MIB * _MIB, "bytes"),
        "Largest body of `POST /books/import`.")
    require_if_match: bool = _key("bookstore.require_if_match", False, BOOLEAN,
        "Refuse PUT, PATCH and DELETE of a book without `If-Match` (428).")
    idempotency_ttl: int = _key(
        "bookstore.idempotency.ttl", _DAY, integer(1, 366 * _DAY, "seconds"),
        "How long an `Idempotency-Key` and its answer are kept.")
    auth: Literal["host", "jwt"] = _key("bookstore.auth", "host", choice("host", "jwt"),
        "`host`: the host's security policy decides, and without one all is open; `jwt`: bearer"
        " tokens.")
    #: Set if and only if `auth` is ``jwt``; has its own keys.
    jwt: JwtSettings | None
    #: Role to permissions, short names (``view``, not ``bookstore.view``).
    roles: Mapping[str, tuple[str, ...]] = _key("bookstore.roles.NAME", (), PERMISSION_LIST,
        "Permissions of the role NAME.", family=True)
    anonymous: tuple[str, ...] = _key("bookstore.anonymous", (), PERMISSION_LIST,
        "Permissions without a token.")
    #: By the short name of ours; empty where nobody is asked.
    permissions: Mapping[str, str] = _key("bookstore.permission.NAME", "", PERMISSION,
        "What the host's policy is asked for instead of `bookstore.NAME`; empty: nobody is asked.",
        family=True)
    #: In Python also the factory itself.
    root_factory: str | None = _key("bookstore.root_factory", None, FACTORY,
        "Dotted name of the factory of our routes' context; without it, the host's root factory.")
    cors_origins: tuple[str, ...] = _key("bookstore.cors.origins", (), ORIGINS,
        "Origins whose pages may call from a browser, exactly as a browser sends them; `*`: all.")
    cors_credentials: bool = _key("bookstore.cors.credentials", False, BOOLEAN,
        "Whether those pages may send cookies; never together with `*`.")
    cors_max_age: int = _key("bookstore.cors.max_age", 600, integer(0, _DAY, "seconds"),
        "How long a browser may keep the answer to a preflight.")
    currency: str | None = _key("bookstore.currency", None, CURRENCY,
        "ISO 4217 code of every price; shown in the index and the description.")
    trade: bool = _key("bookstore.trade", False, BOOLEAN,
        "Declare the trade's fields: publisher, language, form, pages, subjects and others.")
    declared: Mapping[str, tuple[str, ...]] = _key("bookstore.field.NAME", (), FIELD,
        "Declare the member NAME of `extra`.", family=True)
    holds: bool = _key("bookstore.holds", False, BOOLEAN,
        "Let shops hold copies for customers who pay: `/holds`, and `available` beside `stock`.")
    holds_max_ttl: int = _key("bookstore.holds.max_ttl", 3600, integer(1, 366 * _DAY, "seconds"),
        "Longest time that copies may be held, counted from the placing or the last prolonging.")
    stock_log: bool = _key("bookstore.stock_log", False, BOOLEAN,
        "Write down every change of a stock: `GET /books/{id}/stock`.")
    stock_log_keep_days: int = _key("bookstore.stock_log.keep_days", 0, integer(0, 36_500, "days"),
        "How long movements of the stock are kept, at least; 0 means for good.")
    docs: bool = _key("bookstore.docs", True, BOOLEAN,
        "Serve the browsable description at `/docs`.")
    metrics: bool = _key("bookstore.metrics", False, BOOLEAN,
        "Serve Prometheus metrics at `/metrics`; needs the `metrics` extra.")
    title: str = _key("bookstore.title", "Bookstore", TEXT,
        "Title of the API's description.")
    log_format: Literal["text", "json"] = _key("bookstore.log.format", "text",
        choice("text", "json"),
        "One log line per request: `text` for people, `json` for machines.")
    log_sql_comment: bool = _key("bookstore.log.sql_comment", False, BOOLEAN,
        "Put the request's id into every statement as a comment, for the server's own log; reads"
        " are then not prepared, and slower.")
    # fmt: on
    #: Variables ``BOOKSTORE_…`` that are no settings, each with the nearest setting.
    unknown_variables: tuple[str, ...] = ()
    #: Keys ``sqlalchemy.…`` of the host's that are no options of an engine.
    foreign_options: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], probes: Iterable[Probe] = ()) -> "Settings":
        """Settings from an INI section or ``registry.settings``; other keys are ignored.

        ``probes`` check more than the values (`pyramid_bookstore.plugin.probes`). Raises
        `pyramid.exceptions.ConfigurationError` with a line for every fault.
        """
        values, faults = read(mapping, KEYS, probes)
        if faults:
            lines = "".join(f"\n  {fault}" for fault in faults)
            raise ConfigurationError(f"Invalid bookstore settings ({len(faults)}):{lines}")
        jwt = {name: values.pop(f"jwt_{name}") for name in JwtSettings.__dataclass_fields__}
        values["jwt"] = JwtSettings(**jwt) if values["auth"] == "jwt" else None
        return cls(**values)

    def passed_over(self) -> Iterator[tuple[int, str]]:
        """What was given and is not used: the level of `logging` for it, and a sentence."""
        for name in self.unknown_variables:
            yield logging.WARNING, f"No setting of ours, so not used: {name}"
        if self.foreign_options:
            names = ", ".join(self.foreign_options)
            yield logging.INFO, f"No options of SQLAlchemy's, so not used: {names}"

    def permission(self, own: str) -> str:
        """The permission to ask for where ``own`` (``bookstore.view``) is needed; ``""`` if nobody
        is asked."""
        return self.permissions.get(own.removeprefix("bookstore."), own)

    def effective(self) -> Iterator[tuple[str, str]]:
        """Key and value of every setting as text, in the table's order, for people to read: without
        passwords and keys, and with ``-`` for what is not set."""
        for key in KEYS:
            if key.attribute in ("roles", "permissions", "declared"):
                members = getattr(self, key.attribute)
                yield from ((key.prefix + name, as_text(members[name])) for name in members)
            elif key.family:
                engine = getattr(self, key.attribute) or MappingProxyType({})
                prefix = (key.attribute == "database" and self.database_prefix) or key.prefix
                yield from ((prefix + name, _engine_text(name, engine[name])) for name in engine)
            elif not key.name.startswith("bookstore.jwt."):
                yield key.name, as_text(getattr(self, key.attribute))
            elif self.jwt is not None:
                value = getattr(self.jwt, key.attribute.removeprefix("jwt_"))
                yield key.name, "***" if key.convert.hidden and value else as_text(value)


def _keys() -> Iterator[Key]:
    for declared in fields(Settings):
        if declared.name == "jwt":
            yield from (
                replace(each.metadata["key"], attribute=f"jwt_{each.name}")
                for each in fields(JwtSettings)
            )
        elif "key" in declared.metadata:
            yield replace(declared.metadata["key"], attribute=declared.name)


KEYS: tuple[Key, ...] = tuple(_keys())


def as_text(value: object) -> str:
    """A setting's value as in an INI; ``-`` for what is not set."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        value = " ".join(value)
    return "-" if value in (None, "") else str(value)


def _engine_text(name: str, value: Any) -> str:
    if name == "url":
        url = make_url(value)
        query = {k: "hidden" if "pass" in k.lower() else v for k, v in url.query.items()}
        return url.set(query=query).render_as_string(hide_password=True)
    return str(value) if name in PUBLIC else "***"  # connect_args, say, may have a password
