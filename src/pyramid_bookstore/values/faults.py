"""From Colander's tree of errors to the list of faults in an answer."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import colander

from pyramid_bookstore.errors import Fault, ValidationFailed

MAX_FAULTS = 200
"""Faults in one answer at most; the last one says if there are more."""

_MAX_MESSAGE = 500  # Colander quotes the whole value in some of its messages
#: Characters of a name; and how similar another one is that may be meant: a letter is wrong, left
#: out or in another's place.
_LONGEST = 60
_NEAR = 0.75


class Place(NamedTuple):
    """Stands for a schema node in an error, for a place in the input that has no node."""

    name: str
    typ: None = None


def faults_of(error: colander.Invalid, *, pointers: bool = True) -> list[Fault]:
    """The faults in ``error``, each with its dotted field and its JSON pointer (RFC 6901).

    The root of the tree is the document, so it is not in the path. Without ``pointers``, as for
    query parameters, the pointers are empty.
    """
    found = leaves(error)
    faults = [
        Fault(".".join(path), pointer(path) if pointers else "", sentence(message))
        for path, invalid in islice(found, MAX_FAULTS)
        for message in invalid.messages()
    ]
    if next(found, None):
        faults.append(Fault("", "", f"There are more faults than these {MAX_FAULTS}."))
    return faults


def deserialized(schema: Any, data: Any, *, pointers: bool = True) -> dict[str, Any]:
    """The deserialized ``data``; raises `ValidationFailed` with every fault."""
    try:
        values: dict[str, Any] = schema.deserialize(data)
    except colander.Invalid as error:
        raise ValidationFailed(faults_of(error, pointers=pointers)) from None
    return values


def leaves(
    error: colander.Invalid, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], colander.Invalid]]:
    """The errors of the tree that have a message, each with its path of names."""
    if error.msg is not None:
        yield path, error
    for child in error.children:
        yield from leaves(child, (*path, str(child.pos if child.positional else child.node.name)))


def pointer(path: Iterable[str]) -> str:
    """The JSON pointer (RFC 6901) of a path of names."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def sentence(message: Any) -> str:
    """A message as a sentence; Colander's own have ``${…}`` to replace."""
    text = str(message.interpolate() if hasattr(message, "interpolate") else message)
    if len(text) > _MAX_MESSAGE:
        text = f"{text[:_MAX_MESSAGE]} …"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def add_fault(error: colander.Invalid, path: tuple[str, ...], message: Any) -> None:
    """Add ``message`` to the tree at ``path``; an empty path is ``error`` itself."""
    for name in path:
        child = colander.Invalid(Place(name))
        error.add(child)
        error = child
    error.msg = message if error.msg is None else [*error.messages(), message]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest of the known names, behind a blank; "" where none is near."""
    # Of texts far longer than a name, which take long to compare, none is near.
    near = _nearest(name.lower()[:_LONGEST], tuple(known))
    return f" Did you mean `{near[0]}`?" if near else ""


@lru_cache(maxsize=1000)  # every row of a feed may have the same wrong name
def _nearest(name: str, known: tuple[str, ...]) -> list[str]:
    return get_close_matches(name, known, n=1, cutoff=_NEAR)


def add_unknown(error: colander.Invalid, names: Iterable[Any], messages: Mapping[str, str]) -> None:
    """Add a fault to ``error`` for each of ``names``, which are not in the schema.

    ``messages`` are sentences by name, with ``""`` for all other names.
    """
    for name in islice(names, MAX_FAULTS + 1):
        add_fault(error, (str(name),), messages.get(name, messages[""]))
