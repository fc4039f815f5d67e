"""The bookstore of one application, in its registry."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import colander
from pyramid.registry import Registry

from pyramid_bookstore.db.database import Database
from pyramid_bookstore.db.slots import Slots
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.web.operation import Resource

Part = TypeVar("Part")

_KEY = "bookstore"


@dataclass(slots=True, eq=False)
class Mount:
    """The bookstore of one application; made when the application's configuration is executed."""

    settings: Settings
    #: The plug-in's own engines; `None` where the host offers its session.
    database: Database | None
    #: Path of the routes without SCRIPT_NAME; "" at the root.
    path: str
    #: `catalogue.extra.ExtraRules`, made when all is declared.
    rules: Any = None
    #: `catalogue.stock_options.StockOptions`.
    stock: Any = None
    #: The host's schema for the fields below `extra`, and the fields that it declares.
    extra_schema: colander.SchemaNode | None = None
    declared_fields: dict[str, Any] = field(default_factory=dict)
    #: `None` without metrics.
    metrics: Any = None
    #: Names of the routes that were added.
    added_routes: set[str] = field(default_factory=set)
    #: The table of URLs.
    resources: Sequence[Resource] = ()
    #: For the imports and exports over HTTP.
    feed_slots: Slots = field(init=False)
    #: For lists that cost much.
    searches: Slots = field(init=False)
    _parts: dict[type, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.feed_slots = Slots(self.settings.concurrent_feeds)
        number = self.settings.concurrent_searches
        self.searches = Slots(number, waiting=number, patience=1)

    @classmethod
    def of(cls, registry: Registry) -> "Mount":
        """The bookstore of the application with this registry."""
        return cast(Mount, registry[_KEY])

    def serves(self, resource: Resource) -> bool:
        """Whether this mount has the path. At the root there is no mount point to have: ``/`` is
        the host's."""
        return resource.enabled(self.settings) and (resource.path != "/" or self.path != "")

    def part(self, kind: type[Part]) -> Part:
        """The object of this class that belongs to this mount, made on first use."""
        found: Part = self._parts.get(kind) or self._parts.setdefault(kind, kind())
        return found

    def register(self, registry: Registry) -> None:
        """Make this the bookstore of the application."""
        registry[_KEY] = self
