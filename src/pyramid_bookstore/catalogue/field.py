"""What the declaration of a field is made of: `Field`, and the filters it can have.

The fields themselves are in `fields`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import colander

from pyramid_bookstore.search.base import Comparison
from pyramid_bookstore.search.folding import folded
from pyramid_bookstore.values.parameters import Amount, Flag, Term, WholeNumber
from pyramid_bookstore.values.types import Integer, Price, StrictType, Text

#: The type of a parameter that is compared with a field.
_PARAMETER: Mapping[type, Callable[[Any], StrictType]] = {
    Integer: lambda typ: WholeNumber(typ.minimum, typ.maximum),
    Price: lambda typ: Amount(),
    Text: lambda typ: Term(typ.max_length),
}


def parameter(typ: Any, description: str, name: str = "", missing: Any = None) -> Any:
    """A node for a parameter, which can always be left out."""
    return colander.SchemaNode(typ, name=name, missing=missing, description=description)


@dataclass(frozen=True, slots=True)
class Field:
    """What there is to know of a field, beside its name and its type in Python."""

    #: What it may hold, and how that is kept; column, constraint and cells go by this.
    type: StrictType
    #: For people, in the description.
    text: str
    example: Any
    #: What a new book has where the field is left out; by default it is required.
    default: Any = colander.required
    #: Whether clients write it; else the server does.
    writable: bool = True
    #: How the list can be filtered by it.
    filters: "tuple[Filter, ...]" = ()
    #: Whether the list can be sorted by it; there is an index for that.
    sort: bool = False
    #: Kept a second time as it is searched, compared and sorted, in the column `key`.
    folded: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        # The databases do not agree on where null sorts; what is folded is "" then.
        assert not (self.sort and self.type.nullable and not self.folded), "null has no place"

    @property
    def required(self) -> bool:
        """Whether a new book must have it."""
        return self.writable and self.default is colander.required

    @property
    def key(self) -> str:
        """The column that it is sorted and compared by."""
        return f"{self.name}_folded" if self.folded else self.name


class Filter(ABC):
    """One way. Values are those of the parameters, by name, and only of those that were given."""

    @abstractmethod
    def parameters(self, field: Field) -> Iterator[Any]:
        """The parameters' nodes."""

    def check(  # noqa: B027  # most have nothing across
        self, field: Field, values: Mapping[str, Any], error: colander.Invalid
    ) -> None:
        """Add what is wrong across parameters to ``error``."""

    @abstractmethod
    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        """What is asked of the field's column; the words of texts are `search`'s."""

    def bound(self, field: Field, value: Any) -> Any:
        """A parameter's value as the statement has it."""
        return value


class Words(Filter):
    """``author=``: parts of the text, as a search finds them."""

    def parameters(self, field: Field) -> Iterator[Any]:
        text = f"Part of the {field.name}, whatever the case or accents."
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


class Stocked(Filter):
    """``in_stock=``: whether there are any."""

    def __init__(self, name: str) -> None:
        self.name = name

    def parameters(self, field: Field) -> Iterator[Any]:
        text = f"`true`: with copies in {field.name}; `false`: without."
        yield parameter(Flag(), text, self.name)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        if self.name in values:
            yield Comparison(field.key, ">" if values[self.name] else "=")


class Equals(Filter):
    """``publisher=``: the whole text, whatever the case or accents; of others, the value."""

    def parameters(self, field: Field) -> Iterator[Any]:
        words = ", whatever the case or accents" if field.folded else ""
        typ = _PARAMETER[type(field.type)](field.type)
        yield parameter(typ, f"The {field.name}{words}.", field.name)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        if field.name in values:
            yield Comparison(field.key, "=", field.name)

    def bound(self, field: Field, value: Any) -> Any:
        return folded(value) if field.folded else value
