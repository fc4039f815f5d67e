"""From whatever a database call raised to its diagnosis."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from transaction.interfaces import TransientError

from pyramid_bookstore.db.diagnosis import DEFECT, Diagnosis
from pyramid_bookstore.db.dialects import all_dialects

_NO_CONNECTION_FREE = Diagnosis("unavailable", "All connections to the database are in use.")
_OVERTAKEN = Diagnosis("retry", "Another change came first.")


def diagnose(error: BaseException) -> Diagnosis:
    """What an error means, be it SQLAlchemy's, the transaction's or the driver's own."""
    if isinstance(error, PoolTimeout):
        return _NO_CONNECTION_FREE
    if isinstance(error, TransientError):
        return _OVERTAKEN
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    for dialect in all_dialects():
        if driver_error is not None and dialect.raised(driver_error):
            return dialect.diagnose(driver_error)
    return DEFECT


def lost_connection(error: BaseException) -> bool:
    """Whether the connection turned out to be dead, so that a new one may do better."""
    return isinstance(error, DBAPIError) and error.connection_invalidated
