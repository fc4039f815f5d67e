"""Ways to run a statement: through a Session, or lean on a pooled connection.

SQLAlchemy's ``Connection.execute`` spends more time on a single row than the database does. Where
nobody listens to the engine, `LeanReader` therefore takes the text that SQLAlchemy compiled once,
and the driver's own cursor; values pass through the same type processors. With listeners on the
engine (tracers, counters, loggers) the statement goes the usual way, so that they see it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.statement_count import count_statement

Row = Sequence[Any]
_Processor = Callable[[Any], Any] | None
_Bind = Callable[[Mapping[str, Any]], Any]


class Query:
    """A statement with named parameters that returns rows, compiled once per dialect.

    Statements are made once per shape and kept, never per request: see
    :mod:`pyramid_bookstore.catalogue.statements`.
    """

    __slots__ = ("_compiled", "by_value", "names", "statement")

    def __init__(
        self, statement: Any, *, by_value: bool = False, names: Sequence[str] | None = None
    ) -> None:
        """``by_value``: which plan is best depends on the values, so the database plans anew.
        ``names`` are the columns that a row of an INSERT has.
        """
        self.statement = statement
        self.by_value = by_value
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
    """A statement as the driver takes it."""

    __slots__ = ("_results", "_statement", "_target", "bind", "expands", "options", "text")

    def __init__(self, query: Query, engine: Engine) -> None:
        dialect, statement = engine.dialect, query.statement
        #: Arguments for the cursor's `execute`.
        self.options: dict[str, Any] = {}
        if query.by_value:
            self.options = dialect_named(dialect.name).custom_plan(dialect.driver)
        compiled: Any = statement.compile(dialect=dialect, column_keys=query.names)
        self.text: str = compiled.string
        #: Whether the text becomes another with the number of values, as of an IN.
        self.expands: bool = bool(compiled.post_compile_params)
        self._statement = statement
        self._target = dialect
        #: From values by name to the parameters as the driver takes them.
        self.bind = _binding(compiled, dialect)
        self._results: list[tuple[int, Callable[[Any], Any]]] | None = None

    def rows(self, cursor: Any) -> Sequence[Row]:
        """The cursor's rows with every value of the type that the column has."""
        rows: Sequence[Row] = cursor.fetchall()
        if self._results is None:
            self._results = self._processors(cursor.description)
        if not self._results:
            return rows
        converted = []
        for row in rows:
            values = list(row)
            for index, processor in self._results:
                values[index] = processor(values[index])
            converted.append(values)
        return converted

    def _processors(self, description: Sequence[Any]) -> list[tuple[int, Callable[[Any], Any]]]:
        """What is to be done to which column; some types ask what the driver has made already."""
        columns = zip(self._statement.exported_columns, description, strict=True)
        processors = (
            column.type.dialect_impl(self._target).result_processor(self._target, described[1])
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
        """Which database it is."""

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        """All rows."""


class SessionReader:
    """Reads what the session's transaction sees, its own uncommitted changes included."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def dialect(self) -> Dialect:
        return dialect_named(self._session.get_bind(**BIND).dialect.name)

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        count_statement()
        found = self._session.execute(query.statement, values, bind_arguments=BIND)
        return found.all()


class LeanReader:
    """Reads what is committed, each statement a transaction of its own, in one round trip."""

    __slots__ = ("_engine", "dialect")

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self._engine = engine
        self.dialect = dialect

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        try:
            return self._run(query, values)
        except _Disconnected:
            # The connection had died in the pool, and its fellows most likely with it. A read may
            # be tried twice, and after `dispose` the second try meets a new connection.
            self._engine.dispose()
            try:
                return self._run(query, values)
            except _Disconnected as again:
                raise again.error from again

    def _run(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        count_statement()
        engine = self._engine
        if observed(engine):
            return self._run_observed(query, values)
        compiled = query.compiled_for(engine)
        parameters = compiled.bind(values)
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(compiled.text, parameters, **compiled.options)
            rows = compiled.rows(cursor)
            cursor.close()
        except BaseException as error:
            if not isinstance(error, engine.dialect.loaded_dbapi.Error):
                connection.invalidate(error)
            elif _is_of_no_more_use(engine, connection, error):
                connection.invalidate(error)
                raise _Disconnected(error) from error
            raise
        finally:
            connection.close()
        return rows

    def _run_observed(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query.statement, values).all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _Disconnected(error) from error
            raise


def run_in_autocommit(
    connection: Connection, query: Query, values: Mapping[str, Any]
) -> Sequence[Row]:
    """Run a statement on a connection in autocommit mode, where it is a transaction by itself.

    As lean as `LeanReader`: past SQLAlchemy's ``execute`` unless somebody listens to the engine, or
    the statement is not the same for all values. Raises what ``execute`` would.
    """
    engine = connection.engine
    compiled = query.compiled_for(engine)
    if compiled.expands or observed(engine):
        return connection.execute(query.statement, values).all()
    pooled: Any = connection.connection
    cursor = pooled.cursor()
    try:
        cursor.execute(compiled.text, compiled.bind(values))
        rows = compiled.rows(cursor)
        cursor.close()
    except BaseException as error:
        raised = engine.dialect.loaded_dbapi.Error
        if not isinstance(error, raised):
            connection.invalidate(error)
            raise
        useless = _is_of_no_more_use(engine, pooled, error)
        if useless:
            connection.invalidate(error)
            engine.dispose()  # the others in the pool are no better
        raise DBAPIError.instance(
            compiled.text,
            values,
            error,
            raised,
            hide_parameters=engine.hide_parameters,
            connection_invalidated=useless,
            dialect=engine.dialect,
        ) from error
    return rows


def observed(engine: Engine) -> bool:
    """Whether somebody listens to the statements of this engine."""
    return bool(engine.dispatch.before_cursor_execute or engine.dispatch.after_cursor_execute)


def _is_of_no_more_use(engine: Engine, connection: Any, error: Any) -> bool:
    """Whether the pooled connection is dead, or leads to a server that was demoted."""
    dead = engine.dialect.is_disconnect(error, connection.dbapi_connection, None)
    return bool(dead or diagnose(error).spent)


class _Disconnected(Exception):
    """The connection turned out to be dead; ``error`` says how."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error
