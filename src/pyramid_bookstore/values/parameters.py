"""Query parameters, which are text: strict types for them, and values from Python as such."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import colander

from pyramid_bookstore.values.faults import add_fault, did_you_mean
from pyramid_bookstore.values.text import is_blank, searchable
from pyramid_bookstore.values.types import (
    PRICE_MAX,
    Fields,
    Refused,
    StrictType,
    Text,
    check_characters,
)

# ASCII digits, few enough for int() and Decimal() to be fast.
_WHOLE_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_PRICE = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,2})?", re.ASCII)
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
    r"(Z|[+ -][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_AFTER_COMMA = re.compile(r",\s*")
#: Characters of a wrong name that a message shows.
_SHOWN = 40
_BLANKS = str.maketrans("\t\r\n", "   ")


class WholeNumber(StrictType):
    """Digits for a number from ``minimum`` to ``maximum``."""

    def __init__(self, minimum: int, maximum: int) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def read(self, value: str) -> int:
        if _WHOLE_NUMBER.fullmatch(value) and self.minimum <= int(value) <= self.maximum:
            return int(value)
        raise Refused(f"The value must be a whole number from {self.minimum} to {self.maximum}.")


class Amount(StrictType):
    """A price such as ``12``, ``12.5`` or ``12.50``, from ``minimum`` to ``maximum``."""

    skips_empty = True
    minimum = Decimal("0.00")
    maximum = PRICE_MAX

    def read(self, value: str) -> Decimal:
        if _PRICE.fullmatch(value) and Decimal(value) <= self.maximum:
            return Decimal(value)
        raise Refused(
            f"The value must be a number from {self.minimum} to {self.maximum} "
            "with at most 2 decimals."
        )


class Since(StrictType):
    """A time (RFC 3339), read in UTC."""

    skips_empty = True

    def read(self, value: str) -> datetime:
        found = _TIME.fullmatch(value.strip().upper())
        try:
            if found:
                day, time, offset = found.groups()
                # A plus in a URL is a blank.
                offset = offset.replace(" ", "+")
                return datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise Refused(
            "The value must be a time with its offset (RFC 3339), as 2026-03-01T09:30:00Z or"
            " 2026-03-01T10:30:00%2B01:00."
        )


class Choice(StrictType):
    """One of the words in ``options``."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def read(self, value: str) -> Any:
        if value not in self.options:
            raise Refused(f"The value must be {' or '.join(self.options)}.")
        return value


class Flag(Choice):
    """``true`` or ``false``, ``1`` or ``0``, in any case."""

    def __init__(self) -> None:
        super().__init__("true", "false", "1", "0")

    def read(self, value: str) -> bool:
        return super().read(value.lower()) in ("true", "1")


class Switch(Flag):
    """The same as a filter, where empty is not given."""

    skips_empty = True


class Term(Text):
    """A search term, trimmed and in NFC, of characters that show something; `None`, for no filter,
    if it is empty."""

    def __init__(self, max_length: int = 500) -> None:
        super().__init__(0, max_length)

    def read(self, value: str) -> Any:
        check_characters(value)
        blanks = searchable(value).translate(_BLANKS)
        return super().read(blanks) or None


class Token(StrictType):
    """Text that the server made, unchanged, of at most ``max_length`` characters."""

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length

    def read(self, value: str) -> str:
        if not 1 <= len(value) <= self.max_length:
            raise Refused(f"The value must have 1 to {self.max_length} characters.")
        check_characters(value)
        return value


class Repeated(StrictType):
    """All values of a parameter that may be repeated, of at most ``max_length`` characters."""

    max_length = 1000

    def read(self, value: Any) -> Any:
        for each in value:
            if len(each) > self.max_length:
                raise Refused(f"The value must have at most {self.max_length} characters.")
            check_characters(each)
        return tuple(value)


class Names(StrictType):
    """Comma-separated names out of ``options``, each once; read in the order of ``options``."""

    hint = ""

    def __init__(self, options: Sequence[str]) -> None:
        self.options = tuple(options)

    def read(self, value: str) -> Any:
        names = self.checked(_AFTER_COMMA.split(value))
        return tuple(name for name in self.options if name in names)

    def checked(self, names: list[str]) -> list[str]:
        """``names``, if all are options and differ."""
        wrong = next((name for name in names if name not in self.options), None)
        if wrong is not None:
            raise Refused(
                f"There is no `{wrong[:_SHOWN]}` here.{did_you_mean(wrong, self.options)} The value"
                f" must be a comma-separated list of: {', '.join(self.options)}.{self.hint}"
            )
        if len(set(names)) != len(names):
            raise Refused("The value must name nothing twice.")
        return names


class SortOrder(Names):
    """Comma-separated names out of ``options``, each once and with ``-`` for descending.

    Read as pairs of name and whether it is descending, in the order given.
    """

    hint = " A name with `-` before it sorts descending, as `-price`."

    def read(self, value: str) -> tuple[tuple[str, bool], ...]:
        parts = _AFTER_COMMA.split(value)
        names = self.checked([part.removeprefix("-") for part in parts])
        return tuple((name, part.startswith("-")) for name, part in zip(names, parts, strict=True))


class Parameters(Fields):
    """The pairs of a query string as values by name; a parameter may be given once."""

    #: Names that other APIs have for a parameter.
    also_called: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        super().__init__({})

    def messages_for(self, unknown: Sequence[str], known: Sequence[str]) -> Mapping[str, str]:
        if not known:
            return {"": "This is not a parameter here; there are none."}
        said = f"The parameters are: {', '.join(known)}."
        sentences = {
            name: f"This is not a parameter here.{did_you_mean(meant, known)} {said}"
            for name, meant in ((name, self.also_called.get(name, name)) for name in unknown)
        }
        return {"": "", **sentences}

    def deserialize(self, node: Any, cstruct: Iterable[tuple[str, str]]) -> Any:
        """The values by name; repeated parameters are reported together with all other faults."""
        error = colander.Invalid(node)
        values: dict[str, Any] = {}
        repeated: dict[str, None] = {}
        for name, value in cstruct:
            if name in node and isinstance(node[name].typ, Repeated):
                values.setdefault(name, []).append(value)
                continue
            if name in values:
                repeated[name] = None
            values[name] = value
        for name in repeated:
            if name in node:
                add_fault(error, (name,), "This parameter must be given once only.")
                # It is unknown which value is meant, so none is checked.
                del values[name]
        given = {
            name: value
            for name, value in values.items()
            if name not in node or not node[name].typ.skips_empty or not is_blank(value)
        }
        return self.collect(node, given, error)


def as_parameters(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Values from Python as query parameters; `None` is left out, a list repeats its name."""
    for name, value in values.items():
        if isinstance(value, (list, tuple, set, frozenset)):
            for each in value:
                yield from as_parameters({name: each})
        elif isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, Decimal):
            yield name, f"{value:f}"
        elif isinstance(value, datetime):
            yield name, value.isoformat()
        elif value is not None:
            yield name, str(value)
