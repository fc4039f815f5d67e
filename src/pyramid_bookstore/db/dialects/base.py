"""The interface that hides which database it is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import URL, Connection, Engine, Select, SQLColumnExpression, literal, select
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.db.diagnosis import Diagnosis


class Dialect(ABC):
    """One database system: its engines, its expressions, its errors."""

    name: ClassVar[str]

    @abstractmethod
    def engine_options(self, url: URL, options: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments for ``create_engine`` that an operator's own options leave open."""

    @abstractmethod
    def prepare(self, engine: Engine, *, statement_timeout: int, autocommit: bool) -> None:
        """Hooks for connections of a new engine; ``statement_timeout`` in ms, 0 is none.

        SQLAlchemy announces a BEGIN in ``autocommit`` mode too, where there is none.
        """

    def replica_check(self) -> Select[bool, float | None]:
        """Asks a replica whether it is one, and how many seconds it is behind (NULL: unknown).

        By default a database that says nothing of it: a copy that others keep up to date.
        """
        return select(literal(True).label("replays"), literal(0.0).label("lag"))

    def custom_plan(self, driver: str) -> dict[str, Any]:
        """Arguments for the driver's ``cursor.execute`` of a statement whose best plan depends on
        the values, so that none is kept from other values."""
        return {}

    @abstractmethod
    def insert(self, entity: Any) -> Any:
        """An INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

    @abstractmethod
    def moved_on(
        self, column: SQLColumnExpression[datetime], now: ColumnElement[datetime]
    ) -> ColumnElement[datetime]:
        """The later of ``now`` and the first moment after ``column``: strictly increasing."""

    def begin_writing(self, connection: Connection) -> None:  # noqa: B027  # most have it begun
        """See to it that the connection's transaction has begun in the database, whatever engine
        of a host's it is from: what comes may be a savepoint."""

    @abstractmethod
    def lock_migrations(self, connection: Connection) -> None:
        """Hold all other migrations off until the connection's transaction ends."""

    @abstractmethod
    def try_lock(self, connection: Connection, name: str) -> bool:
        """Take the lock of this name until the transaction ends; `False` if another has it."""

    @abstractmethod
    def is_disconnected(self, connection: Any) -> bool:
        """Whether the driver's connection, idle until now, turns out to be dead."""

    @abstractmethod
    def raised(self, error: BaseException) -> bool:
        """Whether this database's driver raised the error."""

    @abstractmethod
    def diagnose(self, error: BaseException) -> Diagnosis:
        """What an error of the driver (not SQLAlchemy's wrapper of it) means."""
