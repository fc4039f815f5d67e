"""The rows of the table of URLs: paths and their operations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyramid_bookstore.settings import Settings
from pyramid_bookstore.settings.converters import PERMISSIONS
from pyramid_bookstore.web.body import Body

VIEW, ADD, EDIT, DELETE, STOCK, IMPORT, CHANGES = (f"bookstore.{name}" for name in PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``permission`` is `None` if it is public."""

    method: str
    view: Callable[..., Any]
    permission: str | None
    writes: bool = False
    #: Whether it writes with a single statement.
    single: bool = False
    #: Whether it supports `Idempotency-Key`.
    idempotent: bool = False
    #: Whether it has no query parameters; then any is refused.
    bare: bool = False
    #: `None` if it reads none.
    body: Body | None = None
    #: Another permission: a caller needs one of the two, and the view asks which, as what it does
    #: depends on the books that are there.
    or_permission: str | None = None
    #: A permission that the view asks for besides, with some parameters.
    further_permission: str | None = None
    #: Whether it exists with these settings.
    enabled: Callable[[Settings], bool] = lambda settings: True

    @property
    def permissions(self) -> tuple[str, ...]:
        """The permissions of which a caller needs one; none if it is public."""
        return tuple(each for each in (self.permission, self.or_permission) if each is not None)

    def asked_for(self, settings: Settings) -> tuple[str, ...]:
        """The same in the host's words; none where nobody is asked."""
        asked = tuple(map(settings.permission, self.permissions))
        return asked if all(asked) else ()


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below the mount, with its operations."""

    name: str
    path: str
    operations: Sequence[Operation]
    #: Whether it exists with these settings.
    enabled: Callable[[Settings], bool] = lambda settings: True
    #: Whether the same path with a slash behind it leads here.
    slash: bool = False

    def served(self, settings: Settings) -> "Resource":
        """With the operations that exist with these settings."""
        return replace(
            self, operations=[each for each in self.operations if each.enabled(settings)]
        )

    @property
    def route_name(self) -> str:
        """The name of the route, as for ``request.route_path``."""
        return f"bookstore.{self.name}"

    @property
    def is_public(self) -> bool:
        """Whether all its operations are public."""
        return all(operation.permission is None for operation in self.operations)

    @property
    def methods(self) -> tuple[str, ...]:
        """The value of ``Allow``."""
        methods = [operation.method for operation in self.operations]
        if "GET" in methods:
            methods.insert(methods.index("GET") + 1, "HEAD")
        return (*methods, "OPTIONS")
