"""What the table of URLs is made of: paths and the operations that they serve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyramid_bookstore.settings import Settings

VIEW = "bookstore.view"
ADD = "bookstore.add"
EDIT = "bookstore.edit"
DELETE = "bookstore.delete"
STOCK = "bookstore.stock"
IMPORT = "bookstore.import"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``permission`` is `None` where everybody may ask."""

    method: str
    view: Callable[..., Any]
    permission: str | None
    writes: bool = False
    #: Whether a single statement does all of the writing.
    single: bool = False
    #: Whether it honours `Idempotency-Key`.
    idempotent: bool = False
    #: Takes no query parameters: any is refused, so that none is passed over in silence.
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below the mount, with the operations it serves."""

    name: str
    path: str
    operations: Sequence[Operation]
    #: Whether the settings ask for it.
    enabled: Callable[[Settings], bool] = lambda settings: True

    @property
    def route_name(self) -> str:
        """The name of the route, as for ``request.route_path``."""
        return f"bookstore.{self.name}"

    @property
    def open(self) -> bool:
        """Whether everybody may ask for all of it."""
        return all(operation.permission is None for operation in self.operations)

    @property
    def methods(self) -> tuple[str, ...]:
        """What ``Allow`` says."""
        served = [operation.method for operation in self.operations]
        if "GET" in served:
            served.insert(served.index("GET") + 1, "HEAD")
        return (*served, "OPTIONS")
