"""From settings and calls of a host to the declared fields of its application."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyramid_bookstore.catalogue.declared import Declared, DeclaredField, declare
from pyramid_bookstore.catalogue.field import AVAILABLE
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.query import ListParameters
from pyramid_bookstore.catalogue.trade import TRADE

#: Names that already mean something in a list, in a feed, in the table, or in those of its indexes.
_TAKEN = frozenset(
    {
        *BOOKS.c.keys(),
        *(node.name for node in ListParameters().children),
        *(AVAILABLE, "format", "bom", "relevance", "line", "faults", "row", "seq", "tokens"),
        "sample",
    }
)


def from_settings(
    trade: bool, declared: Mapping[str, Sequence[str]], faults: list[tuple[str, str]]
) -> Iterator[DeclaredField]:
    """The fields that settings declare; adds what is wrong to ``faults``, each with its name."""
    if trade:
        yield from TRADE
    for name, words in declared.items():
        try:
            if not words:
                raise ValueError("a type is missing, as in: text filter")
            yield declare(name, words[0], words[1:])
        except ValueError as error:
            faults.append((name, str(error)))


def together(fields: Iterable[DeclaredField], faults: list[tuple[str, str]]) -> Declared:
    """The fields of one application; adds names that are taken or declared twice to ``faults``."""
    found: dict[str, DeclaredField] = {}
    parameters = dict.fromkeys(_TAKEN, "the bookstore")
    for field in fields:
        names = {
            field.name,
            *(node.name for each in field.filters for node in each.parameters(field)),
        }
        taken = sorted(names & parameters.keys())
        if field.name in found:
            by_trade = ", once by bookstore.trade" if found[field.name] in TRADE else ""
            faults.append((field.name, f"this field is declared twice{by_trade}"))
        elif taken:
            owner = parameters[taken[0]]
            faults.append((field.name, f"the name {taken[0]!r} is taken by {owner}"))
        else:
            found[field.name] = field
            parameters |= dict.fromkeys(names, f"the field {field.name}")
    return Declared(found)
