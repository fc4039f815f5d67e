"""The interface that hides which database it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import URL, Connection, Engine, SQLColumnExpression
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

    @abstractmethod
    def insert(self, entity: Any) -> Any:
        """An INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

    @abstractmethod
    def moved_on(
        self, column: SQLColumnExpression[datetime], now: ColumnElement[datetime]
    ) -> ColumnElement[datetime]:
        """The later of ``now`` and the first moment after ``column``: strictly increasing."""

    @abstractmethod
    def contains(
        self, column: SQLColumnExpression[str], term: ColumnElement[str]
    ) -> ColumnElement[bool]:
        """Whether a folded text contains a term, as a ``LIKE`` pattern of `like_pattern`."""

    @abstractmethod
    def lock_migrations(self, connection: Connection) -> None:
        """Hold all other migrations off until the connection's transaction ends."""

    @abstractmethod
    def try_lock(self, connection: Connection, name: str) -> bool:
        """Take the lock of this name until the transaction ends; `False` if another has it."""

    @abstractmethod
    def raised(self, error: BaseException) -> bool:
        """Whether this database's driver raised the error."""

    @abstractmethod
    def diagnose(self, error: BaseException) -> Diagnosis:
        """What an error of the driver (not SQLAlchemy's wrapper of it) means."""


def like_pattern(term: str) -> str:
    r"""``%term%`` with the wildcards in it made plain by ``\``."""
    plain = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"
