"""From Colander's tree of errors to the flat list of faults that clients read."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import colander

from pyramid_bookstore.errors import Fault, ValidationFailed

MAX_FAULTS = 200
"""Faults listed; of more it is only said that there are some, so that the answer stays bounded."""

_MAX_MESSAGE = 500  # Colander quotes the whole value in some of its messages


class Place(NamedTuple):
    """A place in the input that no schema node stands for; in errors it takes a node's part."""

    name: str
    typ: None = None


def faults_of(error: colander.Invalid, *, pointers: bool = True) -> list[Fault]:
    """Every fault in ``error``, each with its dotted field and its JSON pointer (RFC 6901).

    The root of the tree is the document itself and takes no part in the path. Without
    ``pointers``, as for query parameters, the pointers are empty.
    """
    found = leaves(error)
    faults = [
        Fault(".".join(path), pointer(path) if pointers else "", sentence(message))
        for path, refused in islice(found, MAX_FAULTS)
        for message in refused.messages()
    ]
    if next(found, None):
        faults.append(Fault("", "", f"There are more faults than these {MAX_FAULTS}."))
    return faults


def deserialized(schema: Any, data: Any, *, pointers: bool = True) -> dict[str, Any]:
    """What the schema makes of ``data``; raises `ValidationFailed` with every fault."""
    try:
        values: dict[str, Any] = schema.deserialize(data)
    except colander.Invalid as error:
        raise ValidationFailed(faults_of(error, pointers=pointers)) from None
    return values


def leaves(
    error: colander.Invalid, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], colander.Invalid]]:
    """The errors of the tree that carry a message, each with the names that lead to it."""
    if error.msg is not None:
        yield path, error
    for child in error.children:
        yield from leaves(child, (*path, str(child.pos if child.positional else child.node.name)))


def pointer(path: Iterable[str]) -> str:
    """The JSON pointer (RFC 6901) of a path of names."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def sentence(message: Any) -> str:
    """A message as a person reads it: Colander's own still carry their ``${…}`` to fill in."""
    text = str(message.interpolate() if hasattr(message, "interpolate") else message)
    if len(text) > _MAX_MESSAGE:
        text = f"{text[:_MAX_MESSAGE]} …"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def graft(error: colander.Invalid, path: tuple[str, ...], message: Any) -> None:
    """Put ``message`` into the tree at ``path``; an empty path is ``error`` itself."""
    for name in path:
        child = colander.Invalid(Place(name))
        error.add(child)
        error = child
    error.msg = message if error.msg is None else [*error.messages(), message]


def add_unknown(error: colander.Invalid, names: Iterable[Any], messages: Mapping[str, str]) -> None:
    """Add a fault to ``error`` for each of ``names``, which the schema does not know.

    ``messages`` holds sentences by name, and under ``""`` the one for all other names.
    """
    for name in islice(names, MAX_FAULTS + 1):
        graft(error, (str(name),), messages.get(name, messages[""]))
