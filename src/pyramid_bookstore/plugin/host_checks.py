"""Mistakes in a host's configuration, checked when the application is complete.

Pyramid lets an application override what it includes, so a host's route or request attribute with
one of our names would silently replace ours.
"""

import logging

from pyramid.events import NewRequest
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import IRequestExtensions, IRequestFactory, ITweens
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.tweens import EXCVIEW
from sqlalchemy import Engine
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import sessionmaker
from zope.interface import implementedBy

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.dialects import UnknownDialect, dialect_named
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.plugin.bookstore import BOOKSTORE
from pyramid_bookstore.transactions.sessions import UNBOUND, CheckedConnection
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger("pyramid_bookstore")

#: Tweens that do not put a session on the request.
_KNOWN_TWEENS = frozenset({EXCVIEW, "pyramid_tm.tm_tween_factory"})


def check_host(registry: Registry, mount: Mount) -> None:
    """Raises `ConfigurationError` with every mistake, and what to change."""
    faults = [
        *_taken_routes(mount),
        *_taken_attribute(registry),
        *_missing_session(registry, mount),
        *_unfit_factory(registry, mount),
    ]
    if faults:
        raise ConfigurationError("pyramid_bookstore cannot start: " + " ".join(faults))


def _taken_routes(mount: Mount) -> list[str]:
    wanted = {found.route_name for found in RESOURCES if mount.serves(found)}
    return [
        f"The application has a route named {name!r}, which is the bookstore's: give it another"
        " name."
        for name in sorted(wanted - mount.added_routes)
    ]


def _taken_attribute(registry: Registry) -> list[str]:
    found = registry.introspector.get("request extensions", "bookstore")
    # There is no introspectable if introspection is off.
    if found is None or found["callable"] is BOOKSTORE:
        return []
    return [
        "The application adds a request attribute 'bookstore' of its own: give it another name."
    ]


def _missing_session(registry: Registry, mount: Mount) -> list[str]:
    name = mount.settings.dbsession
    if name is None:
        return []
    extensions = registry.queryUtility(IRequestExtensions)
    factory = registry.queryUtility(IRequestFactory, default=Request)
    # `None` if nothing was added to requests.
    if extensions and name in extensions.methods:
        return [
            f"bookstore.dbsession names request.{name}, which is a method: add it as a property,"
            f" config.add_request_method(…, {name!r}, reify=True)."
        ]
    added = {*extensions.descriptors} if extensions else set()
    if name in added or hasattr(factory, name):
        return []
    message = (
        f"bookstore.dbsession names request.{name}, which the application does not add: call"
        f" config.add_request_method(…, {name!r}, reify=True), or correct the name; where no host"
        " offers a session, as standalone, set bookstore.sqlalchemy.url instead."
    )
    if _may_be_set_per_request(registry):
        log.warning("%s It may be set by a tween or a subscriber, so this is no error.", message)
        return []
    return [message]


def _unfit_factory(registry: Registry, mount: Mount) -> list[str]:
    """What can be seen at the factory of sessions, if it is where Pyramid's cookiecutter puts it:
    a fault, or a warning that is logged."""
    factory = registry.get("dbsession_factory")
    # What a class of the host's does when it is called is not known; c2cwsgiutils' wants a request.
    if mount.settings.dbsession is None or type(factory) is not sessionmaker:
        return []
    with factory() as session:
        try:
            engine = session.get_bind(**BIND)
            dialect = dialect_named(engine.dialect.name)
        except UnboundExecutionError:
            return [f"The session factory registry['dbsession_factory'] {UNBOUND}"]
        except UnknownDialect as error:
            return [f"bookstore.dbsession: {error}"]
    if isinstance(engine, Engine) and dialect.is_at_hand(engine.url):
        mount.part(CheckedConnection).done = True
        with engine.connect() as connection:
            for warning in dialect.warnings_of_shared(connection):
                log.warning("%s", warning)
            if not dialect.in_memory(engine.url):
                connection.detach()  # none is left to a process that the server forks
    return []


def _may_be_set_per_request(registry: Registry) -> bool:
    """Whether a tween or a subscriber could put the session on each request."""
    tweens = registry.queryUtility(ITweens)
    names = {name for name, _ in (tweens.explicit or tweens.implicit())} if tweens else set()
    subscribed = registry.adapters.subscriptions([implementedBy(NewRequest)], None)
    return bool(names - _KNOWN_TWEENS or subscribed)
