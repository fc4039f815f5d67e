"""From what a database call raised to its diagnosis."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from transaction.interfaces import TransientError

from pyramid_bookstore.db.diagnosis import DEFECT, UNFIT, Diagnosis
from pyramid_bookstore.db.dialects import all_dialects

_POOL_EXHAUSTED = Diagnosis("unavailable", "All connections to the database are in use.")
_TRANSIENT = Diagnosis("retry", "Another change came first.")


def diagnose(error: BaseException) -> Diagnosis:
    """What an error means, whether SQLAlchemy, `transaction` or the driver raised it."""
    if isinstance(error, PoolTimeout):
        return _POOL_EXHAUSTED
    if isinstance(error, TransientError):
        return _TRANSIENT
    # Every text can be UTF-8, so it is the encoding of a connection that the host changed.
    if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
        return UNFIT
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    for dialect in all_dialects():
        if driver_error is not None and dialect.is_driver_error(driver_error):
            return dialect.diagnose(driver_error)
    return DEFECT


def lost_connection(error: BaseException) -> bool:
    """Whether the connection was found closed, so that a new one may work."""
    return isinstance(error, DBAPIError) and error.connection_invalidated
