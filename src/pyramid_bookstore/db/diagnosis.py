"""What a database error means for the caller."""

from dataclasses import dataclass
from typing import Literal

from pyramid_bookstore.errors import Unavailable

Kind = Literal["retry", "unavailable", "constraint", "defect"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The kind of an error, and what goes with the kind.

    - ``retry``: the transaction lost a conflict with another and can be run again unchanged.
    - ``unavailable``: the database does not answer, is too slow, or has the wrong schema;
      ``reason`` is a sentence for clients.
    - ``constraint``: the constraint of this name refused a value; ``foreign_key`` if it is one.
    - ``defect``: a mistake in our code.

    ``stale_connection``: the connection cannot be used again, even if the driver did not notice;
    a new one may reach a working server.

    ``advice``: what an application can change about the connections of its session, for the log.
    """

    kind: Kind
    reason: str = ""
    constraint: str = ""
    foreign_key: bool = False
    stale_connection: bool = False
    advice: str = ""


DEFECT = Diagnosis("defect")
UNREACHABLE = Diagnosis("unavailable", "The database cannot be reached.")
TOO_SLOW = Diagnosis("unavailable", "The database did not answer in time.")
LOCKED = Diagnosis("unavailable", "The database is busy with other changes.")
CONFLICT = Diagnosis("retry", LOCKED.reason)
POOLED = Diagnosis(
    "retry",
    "A connection pooler lost a prepared statement.",
    stale_connection=True,
    advice="The pooler before the database does not keep prepared statements. Have the engine of"
    " the application's session make none:"
    ' create_engine(…, connect_args={"prepare_threshold": None}).',
)
ENDED = Diagnosis("unavailable", UNREACHABLE.reason, stale_connection=True)
READ_ONLY = Diagnosis(
    "unavailable", "The database takes no changes at present.", stale_connection=True
)
FULL = Diagnosis("unavailable", "The database has no room left for changes.")
FORBIDDEN = Diagnosis("unavailable", "The database does not permit this to the service.")
UNFIT = Diagnosis(
    "unavailable", "The database's settings do not suit the bookstore; the log says which."
)
NOT_READY = Diagnosis(
    "unavailable",
    "The database is not set up for this version. Its operator has to run: bookstore migrate.",
)


class UnfitDatabase(Unavailable):
    """The database, or a connection to it, is set up so that the bookstore cannot work with it.

    As text it is the ``problem``, which is for the operator: a problem document has the message,
    and the log has the problem.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(UNFIT.reason)

    def __str__(self) -> str:
        return self.problem
