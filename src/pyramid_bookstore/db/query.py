"""Ways to run a statement: through a Session, or directly on the driver's cursor.

SQLAlchemy's ``Connection.execute`` spends more time on a single row than the database does. So
`LeanReader` gives the text that SQLAlchemy compiled once to the driver's cursor; values pass
through the same type processors. If the engine has listeners (tracers, counters, loggers), the
statement goes through SQLAlchemy, so that they see it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.slots import Slots
from pyramid_bookstore.db.statement_count import count_statement

Row = Sequence[Any]
_Processor = Callable[[Any], Any] | None
_Bind = Callable[[Mapping[str, Any]], Any]


class Query:
    """A statement with named parameters that returns rows, compiled once per dialect.

    Made once and reused, never per request: see :mod:`pyramid_bookstore.catalogue.statements`.
    """

    __slots__ = ("_compiled", "costly", "custom_plan", "names", "statement")

    def __init__(
        self,
        statement: Any,
        *,
        custom_plan: bool = False,
        names: Sequence[str] | None = None,
        costly: bool = False,
    ) -> None:
        """``custom_plan``: the best plan depends on the values, so none is cached. ``names``: the
        columns that an INSERT sets. ``costly``: a `GatedReader` runs few of them at once.
        """
        self.costly = costly
        self.statement = statement
        self.custom_plan = custom_plan
        self.names = names
        self._compiled: dict[str, _Compiled] = {}

    def compiled_for(self, engine: Engine) -> "_Compiled":
        """The text and processors for the engine's driver."""
        key = f"{engine.dialect.name}+{engine.dialect.driver}"
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = _Compiled(self, engine)
        return compiled


class _Compiled:
    """A statement in the form that the driver takes."""

    __slots__ = ("_dialect", "_processors", "_statement", "bind", "expands", "options", "text")

    def __init__(self, query: Query, engine: Engine) -> None:
        dialect, statement = engine.dialect, query.statement
        #: Arguments for the cursor's `execute`.
        self.options: dict[str, Any] = {}
        if query.custom_plan:
            self.options = dialect_named(dialect.name).custom_plan(dialect.driver)
        compiled: Any = statement.compile(dialect=dialect, column_keys=query.names)
        self.text: str = compiled.string
        #: Whether the text depends on the number of values, as with IN.
        self.expands: bool = bool(compiled.post_compile_params)
        self._statement = statement
        self._dialect = dialect
        #: Converts values by name to the driver's parameters.
        self.bind = _binding(compiled, dialect)
        self._processors: list[tuple[int, Callable[[Any], Any]]] | None = None

    def rows(self, cursor: Any) -> Sequence[Row]:
        """The cursor's rows, values in the columns' Python types."""
        rows: Sequence[Row] = cursor.fetchall()
        if self._processors is None:
            self._processors = self._result_processors(cursor.description)
        if not self._processors:
            return rows
        converted = []
        for row in rows:
            values = list(row)
            for index, processor in self._processors:
                values[index] = processor(values[index])
            converted.append(values)
        return converted

    def _result_processors(
        self, description: Sequence[Any]
    ) -> list[tuple[int, Callable[[Any], Any]]]:
        """The processors by index of column; some types need the driver's type code."""
        columns = zip(self._statement.exported_columns, description, strict=True)
        processors = (
            column.type.dialect_impl(self._dialect).result_processor(self._dialect, described[1])
            for column, described in columns
        )
        return [(index, processor) for index, processor in enumerate(processors) if processor]


def _binding(compiled: Any, dialect: Any) -> _Bind:
    names: list[str] | None = compiled.positiontup
    binds: dict[str, tuple[Any, _Processor]] = {
        name: (bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))
        for name, bind in compiled.binds.items()
    }

    def bind(values: Mapping[str, Any]) -> Any:
        bound = {
            name: processor(values.get(name, fixed)) if processor else values.get(name, fixed)
            for name, (fixed, processor) in binds.items()
        }
        return bound if names is None else [bound[name] for name in names]

    return bind


class Reader(Protocol):
    """Runs a `Query` and gives all its rows, values in the columns' Python types."""

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database."""

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        """All rows."""


def _planned(query: Query, connection: Callable[[], Connection]) -> AbstractContextManager[Any]:
    """In it SQLAlchemy executes the query as it wants to be planned."""
    if not query.custom_plan:
        return nullcontext()
    found = connection()
    return dialect_named(found.dialect.name).by_value(found)


class SessionReader:
    """Reads in the session's transaction, so sees its uncommitted changes."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def dialect(self) -> Dialect:
        return dialect_named(self._session.get_bind(**BIND).dialect.name)

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        count_statement()
        with _planned(query, partial(self._session.connection, bind_arguments=BIND)):
            return self._session.execute(query.statement, values, bind_arguments=BIND).all()


class GatedReader:
    """Runs costly statements with another reader, each in one of the ``slots``; others at once."""

    __slots__ = ("_reader", "_slots", "dialect")

    def __init__(self, reader: Reader, slots: Slots) -> None:
        self._reader = reader
        self._slots = slots
        self.dialect = reader.dialect

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        """All rows; raises `Unavailable` for a costly statement that finds no slot."""
        if not query.costly:
            return self._reader.rows(query, values)
        with self._slots.held():
            return self._reader.rows(query, values)


class LeanReader:
    """Reads what is committed, in autocommit mode: one round trip for each statement."""

    __slots__ = ("_engine", "dialect")

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self._engine = engine
        self.dialect = dialect

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        try:
            return self._run(query, values)
        except _Disconnected as closed:
            # The connection was closed while in the pool, and the others most likely too. A read
            # may be repeated; after `heal` it gets a new connection.
            self.dialect.heal(self._engine, _driver_error(closed.error))
            try:
                return self._run(query, values)
            except _Disconnected as again:
                raise again.error from again

    def _run(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        count_statement()
        engine = self._engine
        if has_listeners(engine):
            return self._run_through_sqlalchemy(query, values)
        compiled = query.compiled_for(engine)
        connection = engine.raw_connection()
        try:
            return _execute(engine, connection, compiled, values, connection.invalidate)
        finally:
            connection.close()

    def _run_through_sqlalchemy(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        try:
            with self._engine.connect() as connection, _planned(query, lambda: connection):
                return connection.execute(query.statement, values).all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _Disconnected(error) from error
            raise


def run_in_autocommit(
    connection: Connection, query: Query, values: Mapping[str, Any]
) -> Sequence[Row]:
    """Run a statement on a connection in autocommit mode, where it is a transaction by itself.

    On the driver's cursor, as `LeanReader`, unless the engine has listeners or the statement's text
    depends on the values. Raises what ``Connection.execute`` would.
    """
    engine = connection.engine
    compiled = query.compiled_for(engine)
    if compiled.expands or has_listeners(engine):
        return connection.execute(query.statement, values).all()
    disconnected = False
    driver_error = engine.dialect.loaded_dbapi.Error
    try:
        return _execute(engine, connection.connection, compiled, values, connection.invalidate)
    except _Disconnected as found:
        error, disconnected = found.error, True
        # The other connections in the pool are most likely closed too.
        dialect_named(engine.dialect.name).heal(engine, error)
    except driver_error as found:
        error = found
    raise DBAPIError.instance(
        compiled.text,
        values,
        error,
        driver_error,
        hide_parameters=engine.hide_parameters,
        connection_invalidated=disconnected,
        dialect=engine.dialect,
    ) from error


def _execute(
    engine: Engine,
    connection: Any,
    compiled: _Compiled,
    values: Mapping[str, Any],
    invalidate: Callable[[BaseException], None],
) -> Sequence[Row]:
    """Run a statement on a pooled connection of the driver's.

    Raises the driver's errors, `_Disconnected` for those after which the connection is invalid.
    """
    try:
        cursor = connection.cursor()
        cursor.execute(compiled.text, compiled.bind(values), **compiled.options)
        rows = compiled.rows(cursor)
        cursor.close()
    except BaseException as error:
        if not isinstance(error, engine.dialect.loaded_dbapi.Error):
            invalidate(error)
        elif _is_disconnect(engine, connection, error):
            invalidate(error)
            raise _Disconnected(error) from error
        raise
    return rows


def has_listeners(engine: Engine) -> bool:
    """Whether something listens to the statements of this engine."""
    return bool(engine.dispatch.before_cursor_execute or engine.dispatch.after_cursor_execute)


def _is_disconnect(engine: Engine, connection: Any, error: Any) -> bool:
    """Whether the connection is closed, or its server was demoted."""
    closed = engine.dialect.is_disconnect(error, connection.dbapi_connection, None)
    return bool(closed or diagnose(error).stale_connection)


def _driver_error(error: Exception) -> BaseException:
    return (error.orig if isinstance(error, DBAPIError) else None) or error


class _Disconnected(Exception):
    """The connection is invalid; ``error`` is the driver's or SQLAlchemy's error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error
