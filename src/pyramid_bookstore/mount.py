"""What one application knows of its bookstore, kept in its registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import colander
from pyramid.registry import Registry

from pyramid_bookstore.db.engines import Database
from pyramid_bookstore.idempotency import RunningKeys
from pyramid_bookstore.settings import Settings

if TYPE_CHECKING:
    from pyramid_bookstore.observability.metrics import Metrics  # needs the metrics extra

_KEY = "bookstore"


@dataclass(slots=True, eq=False)
class Mount:
    """The bookstore of one application; made when the application's configuration is executed."""

    settings: Settings
    #: The plug-in's own engines; `None` where the host offers its session.
    database: Database | None
    #: Path below which the routes lie, without the SCRIPT_NAME; "" at the root.
    path: str
    #: The host's schema for the fields below `extra`.
    extra_schema: colander.SchemaNode | None = None
    #: `None` where nobody asked for metrics.
    metrics: Metrics | None = None
    running_keys: RunningKeys = field(default_factory=RunningKeys)
    #: Names of the routes that are in place.
    connected: set[str] = field(default_factory=set)
    #: Attributes that optional parts keep here, by name of the part.
    parts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: Registry) -> Mount:
        """The bookstore of the application with this registry."""
        return cast(Mount, registry[_KEY])

    def keep(self, registry: Registry) -> None:
        """Make this the bookstore of the application."""
        registry[_KEY] = self
