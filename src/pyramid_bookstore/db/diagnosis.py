"""What a database error means for the one who asked."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["retry", "unavailable", "constraint", "defect"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``retry``: the transaction lost against another and can be run again as it was;
    ``unavailable``: the database does not answer, not in time or not for this code, ``reason``
    says which, fit for clients; ``constraint``: the named constraint refused a value;
    ``defect``: our own mistake. ``spent``: the connection will be of no more use, whether its
    driver noticed or not; a new one may reach a server that is better off.
    """

    kind: Kind
    reason: str = ""
    constraint: str = ""
    spent: bool = False


DEFECT = Diagnosis("defect")
UNREACHABLE = Diagnosis("unavailable", "The database cannot be reached.")
TOO_SLOW = Diagnosis("unavailable", "The database did not answer in time.")
LOCKED = Diagnosis("unavailable", "The database is busy with other changes.")
ENDED = Diagnosis("unavailable", UNREACHABLE.reason, spent=True)
READ_ONLY = Diagnosis("unavailable", "The database takes no changes at present.", spent=True)
FULL = Diagnosis("unavailable", "The database has no room left for changes.")
NOT_READY = Diagnosis("unavailable", "The database is not set up for this version.")
