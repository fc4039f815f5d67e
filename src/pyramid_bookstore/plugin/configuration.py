"""The steps of `includeme`. Each registers actions only: what depends on settings is done when the
host's configuration is executed, so settings that the host makes after the include count too.
"""

import logging
from typing import Any

import colander
from pyramid.config import PHASE0_CONFIG, PHASE1_CONFIG, PHASE2_CONFIG, Configurator
from pyramid.config.actions import action_method
from pyramid.events import ApplicationCreated
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import IRequestFactory, ISecurityPolicy

from pyramid_bookstore.catalogue.declaration import from_settings, together
from pyramid_bookstore.catalogue.declared import declare, kind_of
from pyramid_bookstore.catalogue.extra import ExtraRules
from pyramid_bookstore.db.database import Database
from pyramid_bookstore.db.replica import Replica
from pyramid_bookstore.observability import sql_comment
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.plugin.bookstore import BOOKSTORE, stock_options
from pyramid_bookstore.plugin.host_checks import check_host
from pyramid_bookstore.plugin.host_errors import add_bookstore_error_views
from pyramid_bookstore.plugin.probes import PROBES
from pyramid_bookstore.plugin.routing import OwnPath
from pyramid_bookstore.plugin.server_hooks import add_server_hooks
from pyramid_bookstore.plugin.unclaimed import Unclaimed
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.transactions.retry import mark_retryable_errors
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger("pyramid_bookstore")

_INCLUDED = "bookstore.included"


def refuse_second_include(config: Configurator) -> None:
    """Raises `ConfigurationError` if the bookstore is included already."""
    if config.registry.get(_INCLUDED):
        raise ConfigurationError(
            "pyramid_bookstore is included in this application already. One application mounts it"
            " once; a second bookstore goes into an application of its own (paste's urlmap)."
        )
    config.registry[_INCLUDED] = True
    # Pyramid silently ignores a second include of the same function, even with another prefix.
    # Without this entry it calls `includeme` again, and so this function.
    seen: set[str] = getattr(config.action_state, "_seen_files", set())
    seen.discard("pyramid_bookstore:includeme")


@action_method  # type: ignore[untyped-decorator]  # pyramid ships no types
def add_mount(config: Configurator) -> None:
    """Read the settings and make the engines and the `Mount`."""

    def make() -> None:
        settings = Settings.from_mapping(config.registry.settings, PROBES)
        for level, text in settings.passed_over():
            log.log(level, text)
        prefix = (config.route_prefix or "").strip("/")
        path = (f"/{prefix}" if prefix else "") + settings.prefix
        database = None
        if settings.dbsession is None:
            database = _database(settings)
            mark_retryable_errors(database.writing)
            if settings.log_sql_comment:
                sql_comment.add_to(*database.engines.values())
        mount = Mount(
            settings, database, path, resources=[each.served(settings) for each in RESOURCES]
        )
        mount.stock = stock_options(settings)
        if settings.metrics:
            from pyramid_bookstore.observability.metrics import Metrics  # needs the metrics extra

            mount.metrics = Metrics(database)
        mount.register(config.registry)

    introspectable = config.introspectable(
        "bookstore", "mount", "pyramid_bookstore", "bookstore mount"
    )
    config.action(
        ("bookstore", "mount"), make, order=PHASE0_CONFIG, introspectables=(introspectable,)
    )


def _database(settings: Settings) -> Database:
    timeout = settings.statement_timeout
    database = Database(settings.database or {}, statement_timeout=timeout)
    if settings.replica is not None:
        database.replica = Replica(
            settings.replica, max_lag=settings.replica_max_lag, statement_timeout=timeout
        )
    return database


def add_request_method(config: Configurator) -> None:
    """`request.bookstore`, unless the class of requests has it."""
    factory = config.registry.queryUtility(IRequestFactory)
    if getattr(factory, "bookstore", None) is not BOOKSTORE:
        config.add_request_method(BOOKSTORE, "bookstore", property=True)


def add_directives(config: Configurator) -> None:
    """The directives for hosts, and the predicates of our own views and routes."""
    config.add_directive("set_bookstore_extra_schema", set_bookstore_extra_schema)
    config.add_directive("add_bookstore_field", add_bookstore_field)
    config.add_directive("add_bookstore_error_views", add_bookstore_error_views)
    config.add_view_predicate("bookstore_path", OwnPath)
    config.add_route_predicate("bookstore_unclaimed", Unclaimed)


def set_bookstore_extra_schema(config: Configurator, schema: Any) -> None:
    """Check the fields below a book's `extra` against a colander schema of the host's.

    ``schema`` is a mapping schema, the class or an instance; anything else raises
    `ConfigurationError`. Its errors are reported together with the bookstore's own, and its fields
    are in the API's description.
    """
    if isinstance(schema, type) and issubclass(schema, colander.SchemaNode):
        schema = schema()
    if not isinstance(schema, colander.SchemaNode) or not isinstance(schema.typ, colander.Mapping):
        raise ConfigurationError(
            "set_bookstore_extra_schema takes a colander mapping schema (a MappingSchema, or an"
            f" instance of one), not {schema!r}."
        )

    def register() -> None:
        Mount.of(config.registry).extra_schema = schema.bind()

    introspectable = config.introspectable(
        "bookstore", "extra schema", config.object_description(schema), "bookstore extra schema"
    )
    introspectable["schema"] = schema
    config.action(
        ("bookstore", "extra schema"),
        register,
        order=PHASE1_CONFIG,
        introspectables=(introspectable,),
    )


def add_bookstore_field(
    config: Configurator,
    name: str,
    node: Any,
    *,
    filter: bool = False,
    facet: bool = False,
    sort: bool = False,
    search: bool = False,
) -> None:
    """Declare a member of a book's `extra`, as the setting `bookstore.field.NAME` does.

    ``node`` is a colander node: its type (`String`, `Integer`, `Float`, `Decimal`, `Date`,
    `Boolean`, or a `Sequence` of `String`) says what values are, and its validator and preparer
    hold. A book without the field is always valid. Raises `ConfigurationError` for another type, a
    purpose that the type cannot be for, or a name that is taken.
    """
    given = {"filter": filter, "facet": facet, "sort": sort, "search": search}
    try:
        kind = kind_of(node)
        purposes = [purpose for purpose, wanted in given.items() if wanted]
        bound = node.bind()
        bound.name = name
        declared = declare(name, kind, purposes, text=node.description, node=bound)
    except ValueError as error:
        raise ConfigurationError(f"add_bookstore_field: {name}: {error}.") from error

    def register() -> None:
        Mount.of(config.registry).declared_fields[name] = declared

    introspectable = config.introspectable("bookstore", f"field {name}", name, "bookstore field")
    introspectable["field"] = declared
    config.action(
        ("bookstore", "field", name),
        register,
        order=PHASE1_CONFIG,
        introspectables=(introspectable,),
    )


@action_method  # type: ignore[untyped-decorator]  # pyramid ships no types
def add_rules(config: Configurator) -> None:
    """The rules for `extra`, when all is declared."""

    def make() -> None:
        mount = Mount.of(config.registry)
        settings, faults = mount.settings, list[tuple[str, str]]()
        fields = [
            *from_settings(settings.trade, settings.declared, faults),
            *mount.declared_fields.values(),
        ]
        declared = together(fields, faults)
        schema = mount.extra_schema
        faults += [
            (node.name, "the schema of extra has it already")
            for node in (() if schema is None else schema.children)
            if node.name in declared.fields
        ]
        if faults:
            lines = "".join(f"\n  {name}: {problem}" for name, problem in faults)
            raise ConfigurationError(f"Invalid bookstore fields ({len(faults)}):{lines}")
        mount.rules = ExtraRules(mount.extra_schema, declared)

    config.action(("bookstore", "rules"), make, order=PHASE2_CONFIG)


@action_method  # type: ignore[untyped-decorator]  # pyramid ships no types
def add_security(config: Configurator) -> None:
    """Bearer tokens on our own routes, with `bookstore.auth = jwt`."""

    def protect() -> None:
        settings = Mount.of(config.registry).settings
        if settings.auth == "jwt":
            from pyramid_bookstore.auth import own_routes  # needs the jwt extra

            own_routes.protect(config.registry, settings)

    # After the host's set_security_policy (phase 2), before views read it (phase 3).
    config.action(("bookstore", "security"), protect, order=PHASE2_CONFIG + 5)


def add_start_up(config: Configurator) -> None:
    """When the application is complete: check the host's configuration, warn if there is no
    security policy, and migrate and fill the database if the settings ask for it."""
    config.add_subscriber(_on_application_created, ApplicationCreated)


def _on_application_created(event: ApplicationCreated) -> None:
    registry = event.app.registry
    mount = Mount.of(registry)
    check_host(registry, mount)
    add_server_hooks(registry, mount)
    if mount.settings.auth == "host" and registry.queryUtility(ISecurityPolicy) is None:
        log.warning(
            "The application has no security policy: everybody who reaches %s may read and write"
            " the bookstore.",
            mount.path or "/",
        )
    from pyramid_bookstore.plugin import startup

    startup.start(mount)
