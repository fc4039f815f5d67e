"""The interface of a database system."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa

from pyramid_bookstore.db.diagnosis import Diagnosis
from pyramid_bookstore.db.findings import Finding


class UnknownDriver(LookupError):
    """The database URL names a driver that our own connections do not use."""


class Dialect(ABC):
    """One database system: its engines, its expressions, its errors."""

    name: ClassVar[str]
    #: What stands before a statement to get its plan instead of its rows.
    explain: ClassVar[str]
    #: Whether roles have rights, which may be missing.
    has_rights: ClassVar[bool] = False

    @abstractmethod
    def engine_options(self, url: sa.URL) -> dict[str, Any]:
        """Default arguments for ``create_engine``; an operator's options override them."""

    def own_url(self, url: sa.URL) -> sa.URL:
        """The URL with the driver that we use; raises `UnknownDriver` for another one."""
        return url

    @abstractmethod
    def add_listeners(self, engine: sa.Engine, *, statement_timeout: int, autocommit: bool) -> None:
        """Prepare the connections of a new engine; ``statement_timeout`` in ms, 0 for none.

        SQLAlchemy sends its "begin" event in ``autocommit`` mode too, where nothing begins.
        """

    def in_memory(self, url: sa.URL) -> bool:
        """Whether the database exists in a single connection only."""
        return False

    def is_at_hand(self, url: sa.URL) -> bool:
        """Whether a start may connect: it waits for no server, and makes no file."""
        return False

    def unchanging(self, url: sa.URL) -> sa.URL:
        """The URL for connections of `bookstore check`, which change nothing and make no file."""
        return url

    def check_place(self, url: sa.URL) -> Iterable[Finding]:
        """What is looked at without a connection."""
        return ()

    def broken_indexes(self, connection: sa.Connection) -> list[str]:
        """Names of our indexes that are there and not used."""
        return []

    @abstractmethod
    def check_database(
        self, connection: sa.Connection, url: sa.URL, options: Mapping[str, Any], prefix: str
    ) -> Iterable[Finding]:
        """What is special about this database; the engine has these ``options``, whose keys in the
        INI have this ``prefix``."""

    def check_shared(self, connection: sa.Connection) -> Iterable[Finding]:
        """What matters where requests are served by the session of a host."""
        return ()

    def faults_of_shared(self, connection: sa.Connection) -> Iterable[str]:
        """What the bookstore cannot work with on the connection of a host's session."""
        return ()

    def warnings_of_shared(self, connection: sa.Connection) -> Iterable[str]:
        """What a host should know of the connection of its session."""
        return ()

    def heal(self, engine: sa.Engine, error: BaseException) -> None:
        """Have new connections made, after an error of the driver's that leaves the pool's without
        use."""
        engine.dispose()

    def replica_check(self) -> sa.Select[bool, float | None]:
        """A query for whether the database is a replica, and its lag in seconds (NULL: unknown).

        By default it is one, up to date: a copy that something else maintains.
        """
        return sa.select(sa.literal(True).label("is_replica"), sa.literal(0.0).label("lag"))

    def custom_plan(self, driver: str) -> dict[str, Any]:
        """Arguments for the driver's ``cursor.execute`` that prevent a generic plan, for a
        statement whose best plan depends on its values."""
        return {}

    def by_value(self, connection: sa.Connection) -> AbstractContextManager[Any]:
        """The same for what is executed through SQLAlchemy, which hands no arguments on."""
        return nullcontext()

    @abstractmethod
    def insert(self, entity: Any) -> Any:
        """An INSERT with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

    @abstractmethod
    def numbers_by_id(self, parameter: str) -> sa.Subquery:
        """The rows of a parameter, `numbered` in Python: columns ``id`` and ``number``."""

    @staticmethod
    def numbered(numbers: Mapping[UUID, int]) -> str:
        """The value of the parameter of `numbers_by_id`."""
        return json.dumps([[each.hex, number] for each, number in numbers.items()])

    @abstractmethod
    def next_timestamp(
        self, column: sa.SQLColumnExpression[datetime], now: sa.ColumnElement[datetime]
    ) -> sa.ColumnElement[datetime]:
        """The time after ``column`` for a change at ``now``, which `moments.now` gave.

        It is ``now`` if that is in a later second, and else the next odd microsecond after both:
        so it always increases, and an even one is the first of its second (`values.moments`).
        """

    @abstractmethod
    def is_first_of_second(
        self, column: sa.SQLColumnExpression[datetime]
    ) -> sa.ColumnElement[bool]:
        """`moments.is_first_of_second` in SQL."""

    def begin_writing(self, connection: sa.Connection) -> None:  # noqa: B027  # most need nothing
        """Begin the transaction in the database, whatever engine the connection is from: the next
        statement may be a savepoint."""

    @abstractmethod
    def lock_migrations(self, connection: sa.Connection) -> None:
        """Block all other migrations until the connection's transaction ends."""

    @abstractmethod
    def try_lock(self, connection: sa.Connection, name: str) -> bool:
        """Take the lock of this name until the transaction ends; `False` if another has it."""

    @abstractmethod
    def is_referenced(self, connection: sa.Connection, books: Mapping[str, Any]) -> bool:
        """Whether a deferred foreign key of the host's, which the database looks at only at COMMIT,
        refers to books that this transaction deleted, or whose ISBN it changed.

        ``books`` has for each column the values that are gone, as a list or a SELECT; `None` where
        they are not known.
        """

    @abstractmethod
    def referring_tables(self, connection: sa.Connection) -> list[str]:
        """The host's tables that have a foreign key to the books."""

    @abstractmethod
    def index_names(self, table: str, *, complete: bool = True) -> sa.Select[Any]:
        """A query for the names of a table's indexes; also of broken ones, if not ``complete``."""

    def make_index(self, engine: sa.Engine, name: str, table: str, definition: str) -> None:
        """Make an index, if possible while others write."""
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {name} ON {table} {definition}")

    def drop_index(self, engine: sa.Engine, name: str) -> None:
        """The reverse of `make_index`."""
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")

    @abstractmethod
    def any_of(self, column: Any, name: str) -> sa.ColumnElement[bool]:
        """Whether the column has one of the values of the parameter ``name``, see `many`."""

    def many(self, values: Sequence[Any]) -> Any:
        """Texts or UUIDs as the value of one parameter."""
        return values

    def make_attributes(  # noqa: B027  # an index is enough for most
        self, connection: sa.Connection, *, wanted: bool
    ) -> None:
        """What tokens of declared fields are found by, if that is no index of the books' table;
        or remove it."""

    def has_attributes(self, connection: sa.Connection) -> bool:
        """Whether it is there, in the form of this code."""
        return True

    @abstractmethod
    def is_disconnected(self, connection: Any) -> bool:
        """Whether the server has closed this idle connection of the driver's."""

    @abstractmethod
    def is_driver_error(self, error: BaseException) -> bool:
        """Whether a driver of this database raised the error."""

    @abstractmethod
    def diagnose(self, error: BaseException) -> Diagnosis:
        """What an error of the driver (not SQLAlchemy's wrapper of it) means."""
