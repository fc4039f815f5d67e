"""What each error of a database or its driver means, by the codes in the manuals."""

import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from transaction.interfaces import TransientError

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.dialects import UnknownDialect, dialect_named
from pyramid_bookstore.db.errors import diagnose, lost_connection


def by_state(state):
    """psycopg's error of this SQLSTATE."""
    error = psycopg.errors.lookup(state)("as asked")
    assert error.sqlstate == state
    return error


def by_code(code, text="as asked", kind=sqlite3.OperationalError):
    error = kind(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        ("40001", "retry", diagnosis.LOCKED.reason),
        ("40P01", "retry", diagnosis.LOCKED.reason),
        ("40003", "unavailable", diagnosis.UNREACHABLE.reason),
        ("08006", "unavailable", diagnosis.UNREACHABLE.reason),
        ("28P01", "unavailable", diagnosis.UNREACHABLE.reason),
        ("3D000", "unavailable", diagnosis.UNREACHABLE.reason),
        ("53300", "unavailable", diagnosis.UNREACHABLE.reason),
        ("53100", "unavailable", diagnosis.FULL.reason),
        ("57P01", "unavailable", diagnosis.UNREACHABLE.reason),
        ("57P03", "unavailable", diagnosis.UNREACHABLE.reason),
        ("57014", "unavailable", diagnosis.TOO_SLOW.reason),
        ("55P03", "unavailable", diagnosis.LOCKED.reason),
        ("25006", "unavailable", diagnosis.READ_ONLY.reason),
        ("25P03", "unavailable", diagnosis.TOO_SLOW.reason),
        ("42P01", "unavailable", diagnosis.NOT_READY.reason),
        ("42501", "unavailable", diagnosis.FORBIDDEN.reason),
        ("23505", "constraint", ""),
        ("22012", "defect", ""),
        ("42601", "defect", ""),
    ],
)
def test_each_postgresql_sqlstate_gets_its_diagnosis(state, kind, reason):
    error = by_state(state)
    assert (diagnose(error).kind, diagnose(error).reason) == (kind, reason)
    assert diagnose(DBAPIError("SELECT 1", {}, error)) == diagnose(error)


@pytest.mark.parametrize("kind", ["OperationalError", "InterfaceError"])
def test_a_psycopg_connection_error_without_sqlstate_means_unreachable(kind):
    assert diagnose(getattr(psycopg, kind)("refused")) is diagnosis.UNREACHABLE
    assert diagnose(psycopg.ProgrammingError("of ours")) is diagnosis.DEFECT


def test_the_pgcode_of_psycopg2_is_read_as_sqlstate():
    class Error(Exception):
        __module__ = "psycopg2.errors"
        pgcode = "40001"

    assert diagnose(Error()).kind == "retry"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, diagnosis.LOCKED),
        (sqlite3.SQLITE_LOCKED, diagnosis.LOCKED),
        (sqlite3.SQLITE_FULL, diagnosis.FULL),
        (sqlite3.SQLITE_IOERR_WRITE, diagnosis.UNREACHABLE),
        (sqlite3.SQLITE_IOERR_FSYNC, diagnosis.UNREACHABLE),
        (sqlite3.SQLITE_READONLY_DBMOVED, diagnosis.READ_ONLY),
        (sqlite3.SQLITE_READONLY, diagnosis.READ_ONLY),
        (sqlite3.SQLITE_CANTOPEN, diagnosis.UNREACHABLE),
        (sqlite3.SQLITE_CORRUPT, diagnosis.UNREACHABLE),
        (sqlite3.SQLITE_NOTADB, diagnosis.UNREACHABLE),
        (sqlite3.SQLITE_MISUSE, diagnosis.DEFECT),
    ],
)
def test_each_sqlite_error_code_gets_its_diagnosis(code, expected):
    assert diagnose(by_code(code)) is expected
    assert diagnose(OperationalError("SELECT 1", {}, by_code(code))) is expected


def test_sqlite_errors_are_also_diagnosed_by_their_message():
    assert diagnose(by_code(sqlite3.SQLITE_BUSY_SNAPSHOT)).kind == "retry"
    for text in ("no such table: x", "no such column: x"):
        assert diagnose(by_code(sqlite3.SQLITE_ERROR, text)) is diagnosis.NOT_READY
    assert diagnose(sqlite3.ProgrammingError("closed")) is diagnosis.DEFECT
    taken = sqlite3.IntegrityError("UNIQUE constraint failed: bookstore_books.isbn")
    assert diagnose(taken).constraint == "bookstore_books_isbn_key"
    refused = sqlite3.IntegrityError("CHECK constraint failed: bookstore_books_price_check")
    assert diagnose(refused).constraint == "bookstore_books_price_check"


def test_errors_that_no_driver_raised_get_a_diagnosis():
    assert diagnose(PoolTimeout()).kind == "unavailable"
    assert diagnose(TransientError()).kind == "retry"
    assert diagnose(ArithmeticError()) is diagnosis.DEFECT
    assert diagnose(DBAPIError("SELECT 1", {}, None)) is diagnosis.DEFECT


def test_only_an_invalidated_connection_counts_as_lost():
    assert not lost_connection(ConnectionError())
    assert not lost_connection(OperationalError("SELECT 1", {}, by_state("57P01")))
    dead = OperationalError("SELECT 1", {}, by_state("57P01"), connection_invalidated=True)
    assert lost_connection(dead)


def test_other_databases_are_refused():
    with pytest.raises(UnknownDialect, match="postgresql and sqlite, not on oracle"):
        dialect_named("oracle")
