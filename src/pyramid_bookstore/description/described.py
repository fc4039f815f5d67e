"""The classes of which `operations` has the description of each operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.settings import Settings


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its schema (a name, or the schema itself) and an example."""

    schema: str | Schema
    #: `None` if the schema has one.
    example: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of success; headers by name, from `description.headers.RESPONSE`."""

    text: str
    headers: tuple[str, ...] = ()
    #: By media type; empty without a body.
    content: Mapping[str, Content] = field(default_factory=dict)
    #: Operations that can use the id of the book in this answer.
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedOperation:
    """One operation; `paths` adds what the table of URLs has (permission, idempotency …)."""

    #: The operationId: the name of the function in generated clients.
    id: str
    tag: str
    summary: str
    text: str = ""
    #: The Colander schema of the query parameters.
    query: Callable[[Settings, Declared], Any] | None = None
    #: Names from `pyramid_bookstore.description.headers.REQUEST`.
    headers: tuple[str, ...] = ()
    #: Of the request, by media type.
    body: Mapping[str, Content] = field(default_factory=dict)
    #: By status.
    answers: Mapping[int, Answer]
    #: Codes of `problems.ERRORS` that do not follow from the table of URLs.
    errors: tuple[str, ...] = ()
