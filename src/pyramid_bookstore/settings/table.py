"""What may be set in the INI: one table of keys, and the frozen object made from it.

An unknown ``bookstore.*`` key or a bad value stops start-up with one `ConfigurationError` that
names every fault. Values may be strings, as an INI gives them, or Python values.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pyramid.exceptions import ConfigurationError
from sqlalchemy.engine import make_url

from pyramid_bookstore.settings.converters import (
    ALGORITHM_LIST,
    ATTRIBUTE,
    BOOLEAN,
    ENGINE,
    OPTIONAL_TEXT,
    PERMISSION_LIST,
    PREFIX,
    SECRET,
    TEXT,
    WORDS,
    choice,
    integer,
)
from pyramid_bookstore.settings.reader import Key, Probe, read

_MIB = 1024 * 1024
_DAY = 24 * 60 * 60

# fmt: off
# The one table of keys: one key, one row. docs/reference/settings.md is held to it by a test.
KEYS: tuple[Key, ...] = (
    Key("bookstore.prefix", "/api/v1", PREFIX,
        "Mount path; comes after the `route_prefix` given to `config.include`."),
    Key("bookstore.sqlalchemy.*", None, ENGINE,
        "Engine settings of the database; without any, the host's `sqlalchemy.*` are taken.",
        family=True, attribute="database"),
    Key("bookstore.replica.sqlalchemy.*", None, ENGINE,
        "Engine settings of a read replica: safe requests read there, unless they say"
        " `Cache-Control: no-cache`.", family=True, attribute="replica"),
    Key("bookstore.replica.max_lag", 10, integer(0, _DAY, "seconds"),
        "A replica further behind than this is passed over for the primary."),
    Key("bookstore.dbsession", None, ATTRIBUTE,
        "Request attribute under which the host offers its own Session; no engine is opened"
        " for requests then."),
    Key("bookstore.migrate", False, BOOLEAN,
        "Upgrade the schema at start; safe when many processes start at once."),
    Key("bookstore.sample_data", False, BOOLEAN,
        "Put the sample catalogue into an empty database at start."),
    Key("bookstore.statement_timeout", 0, integer(0, 2**31 - 1, "milliseconds"),
        "A statement that runs longer is cancelled and answered with 503; 0 means no limit."),
    Key("bookstore.retry.attempts", 3, integer(1, 100),
        "How often a write is tried in all when the database reports a serialization failure"
        " or deadlock."),
    Key("bookstore.limit.default", 20, integer(1, 1000),
        "Page size when the request names none; at most `bookstore.limit.max`, and lowered to"
        " it when not set."),
    Key("bookstore.limit.max", 100, integer(1, 1000),
        "Largest page size a request may ask for."),
    Key("bookstore.max_body_size", _MIB, integer(1, 1024 * _MIB, "bytes"),
        "Largest request body; more is refused with 413."),
    Key("bookstore.import.max_body_size", 64 * _MIB, integer(1, _MIB * _MIB, "bytes"),
        "Largest body of `POST /books/import`."),
    Key("bookstore.require_if_match", False, BOOLEAN,
        "Refuse PUT, PATCH and DELETE of a book without `If-Match` (428)."),
    Key("bookstore.idempotency.ttl", _DAY, integer(1, 366 * _DAY, "seconds"),
        "How long an `Idempotency-Key` and its answer are kept."),
    Key("bookstore.auth", "host", choice("host", "jwt"),
        "`host`: the host's security policy decides, and without one all is open; `jwt`: bearer"
        " tokens."),
    Key("bookstore.jwt.key", None, SECRET,
        "Key that tokens are checked with: the shared secret (HS*) or a PEM public key."),
    Key("bookstore.jwt.key_file", None, OPTIONAL_TEXT,
        "File with the key, PEM or JWKS; instead of `bookstore.jwt.key`."),
    Key("bookstore.jwt.algorithms", (), ALGORITHM_LIST,
        "Algorithms a token may be signed with; HS* never together with the others."),
    Key("bookstore.jwt.issuer", None, OPTIONAL_TEXT,
        "The `iss` a token must carry; not checked when not set."),
    Key("bookstore.jwt.audience", (), WORDS,
        "The `aud` of which a token must carry one."),
    Key("bookstore.jwt.roles_claim", "roles", TEXT,
        "The claim that lists the caller's roles."),
    Key("bookstore.jwt.leeway", 0, integer(0, 3600, "seconds"),
        "Clock difference forgiven in `exp` and `nbf`."),
    Key("bookstore.roles.NAME", (), PERMISSION_LIST,
        "Permissions of the role NAME.", family=True, attribute="roles"),
    Key("bookstore.anonymous", (), PERMISSION_LIST,
        "Permissions without a token."),
    Key("bookstore.docs", True, BOOLEAN,
        "Serve the browsable description at `/docs`."),
    Key("bookstore.metrics", False, BOOLEAN,
        "Serve Prometheus metrics at `/metrics`; needs the `metrics` extra."),
    Key("bookstore.title", "Bookstore", TEXT,
        "Title of the API's description."),
    Key("bookstore.log.format", "text", choice("text", "json"),
        "One log line per request: `text` for people, `json` for machines."),
    Key("bookstore.log.sql_comment", False, BOOLEAN,
        "Put the request's id into every statement as a comment, for the server's own log; reads"
        " are then not prepared, and slower."),
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtSettings:
    """How bearer tokens are checked; exactly one of `key` and `key_file` is set."""

    #: Shared secret or PEM text, as given.
    key: str | None = field(repr=False)
    #: Path of a PEM or JWKS file; whether it can be read is found out by a probe.
    key_file: str | None
    #: Never empty, never HS* together with the asymmetric ones.
    algorithms: tuple[str, ...]
    #: ``None``: any issuer.
    issuer: str | None
    #: Empty: no audience is asked for.
    audience: tuple[str, ...]
    #: Name of the claim with the roles.
    roles_claim: str
    #: Seconds.
    leeway: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked; each attribute's key, default and range are in `KEYS`."""

    #: Mount path without a final slash: ``/api/v1``, or ``""`` for the root.
    prefix: str
    #: Engine settings without their prefix, as given (``engine_from_config(database, "")``);
    #: ``None`` only with `dbsession`. With `dbsession` they serve migrations and tools alone.
    database: Mapping[str, Any] | None = field(repr=False)
    #: Where `database` was found: ``bookstore.sqlalchemy.`` or ``sqlalchemy.``.
    database_prefix: str | None
    #: Engine settings of the read replica, as `database`; never together with `dbsession`.
    replica: Mapping[str, Any] | None = field(repr=False)
    #: Seconds a replica may be behind.
    replica_max_lag: int
    #: Request attribute with the host's session.
    dbsession: str | None
    #: Upgrade the schema at start.
    migrate: bool
    #: Fill an empty database at start.
    sample_data: bool
    #: Milliseconds; 0 is no limit.
    statement_timeout: int
    #: Tries of a write in all, the first included.
    retry_attempts: int
    #: Page size when none is asked for; never more than `limit_max`.
    limit_default: int
    #: Largest page size.
    limit_max: int
    #: Bytes.
    max_body_size: int
    #: Bytes, for the import alone.
    import_max_body_size: int
    #: 428 for changes without If-Match.
    require_if_match: bool
    #: Seconds an idempotency key is kept.
    idempotency_ttl: int
    #: Who decides: the host's policy, or bearer tokens.
    auth: Literal["host", "jwt"]
    #: Set if and only if `auth` is ``jwt``.
    jwt: JwtSettings | None
    #: Role to permissions, short names (``view``, not ``bookstore.view``).
    roles: Mapping[str, tuple[str, ...]]
    #: Permissions without a token, short names.
    anonymous: tuple[str, ...]
    #: Serve ``/docs``.
    docs: bool
    #: Serve ``/metrics``.
    metrics: bool
    #: Title of the API's description.
    title: str
    #: Style of the request log.
    log_format: Literal["text", "json"]
    #: Put the request's id into every statement.
    log_sql_comment: bool

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], probes: Iterable[Probe] = ()) -> "Settings":
        """Settings from an INI section or ``registry.settings``; foreign keys are passed over.

        ``probes`` look beyond the mapping (`pyramid_bookstore.plugin.probes`). Raises
        `pyramid.exceptions.ConfigurationError` once, with a line for every fault.
        """
        values, faults = read(mapping, KEYS, probes)
        if faults:
            lines = "".join(f"\n  {fault}" for fault in faults)
            raise ConfigurationError(f"Invalid bookstore settings ({len(faults)}):{lines}")
        jwt = {name: values.pop(f"jwt_{name}") for name in JwtSettings.__dataclass_fields__}
        values["jwt"] = JwtSettings(**jwt) if values["auth"] == "jwt" else None
        return cls(**values)

    def effective(self) -> Iterator[tuple[str, str]]:
        """Key and value as text of every setting in force, in the table's order, for people to
        read: no password or key among them, ``-`` for what is not set."""
        for key in KEYS:
            if key.attribute == "roles":
                yield from ((key.prefix + name, as_text(self.roles[name])) for name in self.roles)
            elif key.family:
                engine = getattr(self, key.attribute) or MappingProxyType({})
                prefix = (key.attribute == "database" and self.database_prefix) or key.prefix
                yield from ((prefix + name, _engine_text(name, engine[name])) for name in engine)
            elif not key.name.startswith("bookstore.jwt."):
                yield key.name, as_text(getattr(self, key.attribute))
            elif self.jwt is not None:
                value = getattr(self.jwt, key.attribute.removeprefix("jwt_"))
                yield key.name, "***" if key.convert.hidden and value else as_text(value)


def as_text(value: object) -> str:
    """A setting's value as an INI would write it; ``-`` for what is not set."""
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
    # connect_args and the like may carry a password of their own.
    return str(value) if isinstance(value, str | int | float) else "***"
