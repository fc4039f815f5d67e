"""What a connection to PostgreSQL takes from server, database or role, and we rely on."""

import logging
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from pyramid_bookstore.db.diagnosis import UnfitDatabase

log = logging.getLogger(__name__)

#: The driver that our own engines use.
DRIVER = "psycopg"

#: Values by parameter, which may have more behind them ("ISO, DMY"). The server reports each of
#: them, and each change, so to look costs nothing.
_PINNED = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
}
#: Those without which values are read wrongly, or not at all. Every time zone is read rightly.
_NEEDED = ("client_encoding", "DateStyle", "standard_conforming_strings")

#: PgBouncer gives each client its own value of the others, not of this one.
_NOT_POOLED = "IntervalStyle"

#: Databases behind a pooler that hands a connection's prepared statements to others.
_UNPREPARED: set[sa.URL] = set()


def never_prepare(url: sa.URL) -> None:
    """Have new connections prepare nothing; says so once."""
    if url not in _UNPREPARED:
        _UNPREPARED.add(url)
        log.warning(
            "There is a connection pooler before the database that does not keep prepared"
            " statements: none are used from now on. Write ?prepare_threshold=none at the end of"
            " the database URL, so that no request has to fail first."
        )


def reported(connection: Any, name: str) -> str:
    """The value of a parameter, as the server reported it to the driver; "" if not known."""
    info = getattr(connection, "info", None)  # psycopg 2 and 3 have it
    return (info and info.parameter_status(name)) or ""


def wrong_encoding(connection: Any) -> str:
    """What to do if the database's encoding cannot hold all texts; "" if it can."""
    encoding = reported(connection, "server_encoding")
    if encoding in ("UTF8", ""):
        return ""
    return (
        f"The database has the encoding {encoding}, and books need UTF8: make another one"
        " (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0) and move what is in this one."
    )


def wrong_parameters(connection: Any) -> Iterator[tuple[str, str]]:
    """Name and value of each parameter that is not as wanted."""
    for name, wanted in _PINNED.items():
        value = reported(connection, name)
        if value and not value.startswith(wanted):
            yield name, value


def faults_of_shared(connection: Any) -> Iterator[str]:
    """What must be changed on a connection that is the host's."""
    if problem := wrong_encoding(connection):
        yield problem
    for name, value in wrong_parameters(connection):
        if name in _NEEDED:
            yield (
                f"The connection of the application's session has {name} = {value}, and the"
                f" bookstore needs {_PINNED[name]}: ALTER ROLE … SET {name} = '{_PINNED[name]}'."
            )


class PinParameters:
    """Listener that sets what we rely on, where it is not so already: mostly nothing is sent."""

    def __init__(self, url: sa.URL) -> None:
        self._url = url

    def __call__(self, connection: Any, _record: Any) -> None:
        if problem := wrong_encoding(connection):
            connection.close()  # the pool forgets it
            raise UnfitDatabase(problem)
        if self._url in _UNPREPARED:
            connection.prepare_threshold = None
        wrong = [name for name, _ in wrong_parameters(connection)]
        if not wrong:
            return
        with connection.cursor() as cursor:
            if _NOT_POOLED in wrong and is_pooled(connection, cursor):
                wrong.remove(_NOT_POOLED)
            for name in wrong:
                cursor.execute(f"SET {name} = '{_PINNED[name]}'")
        connection.commit()


def is_pooled(connection: Any, cursor: Any) -> bool:
    """Whether there is a pooler before the server: it gives its clients a process id that it makes
    up."""
    cursor.execute("SELECT pg_backend_pid()")
    ((server_pid,),) = cursor.fetchall()
    return bool(getattr(connection.info, "backend_pid", server_pid) != server_pid)


class SetTimeout:
    """Listener that sets the statement timeout of each new connection.

    Behind PgBouncer in transaction mode that would set it on a server connection that others use
    next; there the role must have the timeout (``ALTER ROLE … SET``).
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._warned = False

    def __call__(self, connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            if not is_pooled(connection, cursor):
                cursor.execute(f"SET {self._setting}")
                return
            cursor.execute("SELECT current_setting('statement_timeout')")
            ((timeout,),) = cursor.fetchall()
        if timeout == "0" and not self._warned:
            self._warned = True
            log.warning(
                "There is a connection pooler before the database: bookstore.statement_timeout"
                " applies to transactions only. For single statements, mostly reads, set it for"
                " the role too: ALTER ROLE … SET %s",
                self._setting,
            )
