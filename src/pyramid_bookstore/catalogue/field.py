"""The classes that declare a field: `Field` and its filters. The fields are in `fields`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import colander

from pyramid_bookstore.search.conditions import Comparison
from pyramid_bookstore.search.folding import folded
from pyramid_bookstore.search.words import stored
from pyramid_bookstore.values.parameters import Amount, Since, Switch, Term, WholeNumber
from pyramid_bookstore.values.types import Integer, Price, StrictType, Text

#: Not a parameter: among the filters with holds, where `in_stock` is about available copies.
AVAILABLE: Final = "available"

#: The type of a parameter that is compared with a field of this type.
_PARAMETER: Mapping[type, Callable[[Any], StrictType]] = {
    Integer: lambda typ: WholeNumber(typ.minimum, typ.maximum),
    Price: lambda typ: Amount(),
    Text: lambda typ: Term(typ.max_length),
}


def parameter(typ: Any, description: str, name: str = "", missing: Any = None) -> Any:
    """A schema node for a query parameter, which is always optional."""
    return colander.SchemaNode(typ, name=name, missing=missing, description=description)


@dataclass(frozen=True, slots=True)
class Field:
    """The declaration of a field."""

    #: The values it may have; column, constraint and CSV cells follow from this.
    type: StrictType
    #: The description in OpenAPI.
    text: str
    example: Any
    #: The value in a new book if the field is left out; without one it is required.
    default: Any = colander.required
    #: Whether clients may write it; otherwise the server sets it.
    writable: bool = True
    #: How the list can be filtered by it.
    filters: "tuple[Filter, ...]" = ()
    #: Whether the list can be sorted by it; it has an index then.
    sort: bool = False
    #: Whether its folded form is stored too, in the column `key`, to compare and sort.
    folded: bool = False
    #: Whether its words are stored too, in the column `key`, to search and sort.
    words: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        # The databases sort null differently; a folded null is "".
        assert not (self.sort and self.type.nullable and not self.derive), "null has no place"
        for each in self.filters:
            assert not (isinstance(each, Range) and self.derive), "a text has no range"

    @property
    def required(self) -> bool:
        """Whether a new book must have it."""
        return self.writable and self.default is colander.required

    @property
    def key(self) -> str:
        """The column that it is sorted and compared by."""
        if self.words:
            return f"{self.name}_words"
        return f"{self.name}_folded" if self.folded else self.name

    @property
    def derive(self) -> Callable[[str], str] | None:
        """Makes the value of `key` from the text; `None` if that is the field's own column."""
        return stored if self.words else folded if self.folded else None


class Filter(ABC):
    """A filter of the list. ``values`` are the values of the given parameters, by name."""

    @abstractmethod
    def parameters(self, field: Field) -> Iterator[Any]:
        """The schema nodes of its parameters."""

    def check(  # noqa: B027  # most filters have one parameter
        self, field: Field, values: Mapping[str, Any], error: colander.Invalid
    ) -> None:
        """Add faults of several parameters together to ``error``."""

    @abstractmethod
    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        """The comparisons of the field's column; text search is in `search`."""

    def bound(self, field: Field, value: Any, operator: str) -> Any:
        """The value that the statement gets for a parameter's value."""
        return value

    def tokens(self, field: Field, values: Mapping[str, Any]) -> Sequence[str] | None:
        """The tokens of which a book must have one; `None` where no such filter is given."""
        return None


class TextSearch(Filter):
    """``author=``: words of the text, found by the search."""

    def parameters(self, field: Field) -> Iterator[Any]:
        text = f"Words of the {field.name}, as in `search`."
        yield parameter(Term(), text, field.name)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        return iter(())


class Range(Filter):
    """``min_price=`` and ``max_price=``."""

    def parameters(self, field: Field) -> Iterator[Any]:
        typ = _PARAMETER[type(field.type)](field.type)
        low, high = f"min_{field.name}", f"max_{field.name}"
        yield parameter(typ, f"Lowest {field.name}; not above `{high}`.", low)
        yield parameter(typ, f"Highest {field.name}.", high)

    def check(self, field: Field, values: Mapping[str, Any], error: colander.Invalid) -> None:
        low, high = values.get(f"min_{field.name}"), values.get(f"max_{field.name}")
        if low is not None and high is not None and low > high:
            error[f"min_{field.name}"] = (
                f"The lowest {field.name} must not be above max_{field.name}."
            )

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        for name, operator in ((f"min_{field.name}", ">="), (f"max_{field.name}", "<=")):
            if name in values:
                yield Comparison(field.key, operator, name)


class InStock(Filter):
    """``in_stock=``: above 0, or 0."""

    def __init__(self, name: str) -> None:
        self.name = name

    def parameters(self, field: Field) -> Iterator[Any]:
        text = f"`true`: with copies in {field.name}; `false`: without."
        yield parameter(Switch(), text, self.name)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        wanted = values.get(self.name)
        if wanted is None:
            return
        if wanted or AVAILABLE not in values:
            yield Comparison(field.key, ">" if wanted else "=")
        if AVAILABLE in values:
            yield Comparison(AVAILABLE, ">" if wanted else "=")


class ChangedSince(Filter):
    """``updated_since=``: at or after a time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def parameters(self, field: Field) -> Iterator[Any]:
        text = "Changed at or after this time (RFC 3339); an addition is a change, too."
        yield parameter(Since(), text, self.name)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        if self.name in values:
            yield Comparison(field.key, ">=", self.name, by_time=True)


class Equals(Filter):
    """``publisher=``: the same value; of folded texts, whatever the case or accents."""

    def parameters(self, field: Field) -> Iterator[Any]:
        words = ", whatever the case or accents" if field.folded else ""
        typ = _PARAMETER[type(field.type)](field.type)
        yield parameter(typ, f"The {field.name}{words}.", field.name)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        if field.name in values:
            yield Comparison(field.key, "=", field.name)

    def bound(self, field: Field, value: Any, operator: str) -> Any:
        return folded(value) if field.folded else value
