"""The words that the table of operations needs beside it, to describe an operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.settings import Settings


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its schema (a name, or the schema itself) and an example."""

    schema: str | Schema
    #: `None` where the schema has one.
    example: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of success; headers by name, from `description.headers.RESPONSE`."""

    text: str
    headers: tuple[str, ...] = ()
    #: By media type; empty where there is no body.
    content: Mapping[str, Content] = field(default_factory=dict)
    #: Operations that go on with the book of this answer.
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One operation. What the table knows (permission, idempotency, a bare query, writing) is not
    said again here: `pyramid_bookstore.description.document` adds what follows from it.
    """

    #: The operationId, which generated clients call the operation by.
    id: str
    tag: str
    summary: str
    text: str = ""
    #: The Colander schema of the query, as these settings have it.
    query: Callable[[Settings], Any] | None = None
    #: Names from `pyramid_bookstore.description.headers.REQUEST`.
    headers: tuple[str, ...] = ()
    #: Of the request, by media type.
    body: Mapping[str, Content] = field(default_factory=dict)
    #: By status.
    answers: Mapping[int, Answer]
    #: Codes from `pyramid_bookstore.description.problems.TOLD` that do not follow from the table.
    errors: tuple[str, ...] = ()
