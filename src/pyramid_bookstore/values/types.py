"""Strict types for JSON values: a value of another type is refused, never converted.

Each type has its limits as attributes, which the API's description reads. ``None`` is JSON's null;
:data:`colander.null` stands for a missing value.
"""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, ClassVar

import colander

from pyramid_bookstore.values import isbn, text
from pyramid_bookstore.values.faults import MAX_FAULTS, add_unknown, did_you_mean

CENT = Decimal("0.01")
PRICE_MAX = Decimal("99999999.99")
INTEGER_MAX = 2**31 - 1

_KINDS = (
    (bool, "a boolean"), (str, "text"), (int, "an integer"), (Decimal, "a decimal number"),
    (float, "a binary float"), (dict, "an object"), (list, "a list"),
)  # fmt: skip
# Not the caller's context, which may raise where this code does not expect it.
_CONTEXT = Context(prec=28, traps=[])


REQUIRED = "This field is required."
#: What is no whole number, for messages.
NUMBER = "a number such as 12.50, with a point"


def field(typ: Any, **more: Any) -> Any:
    """A schema node with our message for a missing value."""
    return colander.SchemaNode(typ, missing_msg=REQUIRED, **more)


class Refused(Exception):
    """Raised by :meth:`StrictType.read`; the text says what is wrong."""


class StrictType(colander.SchemaType):  # type: ignore[misc]  # colander ships no types
    """Base class: a missing value stays missing, null is refused unless ``nullable``."""

    nullable: bool = False
    #: Of a parameter: whether an empty one, as forms send for a filter, is as none.
    skips_empty: ClassVar[bool] = False
    wanted: ClassVar[str] = ""
    """What the value must be, for messages."""

    def read(self, value: Any) -> Any:
        """The value as it is stored; raises :exc:`Refused`. Subclasses implement it."""
        raise NotImplementedError

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """For Colander: :meth:`read`, with the node in the error."""
        if cstruct is colander.null or (cstruct is None and self.nullable):
            return cstruct
        try:
            return self.read(cstruct)
        except Refused as refused:
            raise colander.Invalid(node, str(refused)) from None

    def not_wanted(self, value: Any) -> Refused:
        """The error for a value of another type."""
        return Refused(f"The value must be {self.wanted}, not {kind(value)}.")


class Text(StrictType):
    """Text of ``min_length`` to ``max_length`` characters (code points), in NFC, without those
    that show nothing; with ``trim`` one line, without white space around it.

    NUL is refused, as PostgreSQL cannot store it and SQLite cuts text there; lone surrogates are
    refused, as UTF-8 cannot encode them.
    """

    wanted = "text"

    def __init__(
        self, min_length: int, max_length: int, *, trim: bool = True, nullable: bool = False
    ) -> None:
        self.min_length = min_length
        self.max_length = max_length
        self.trim = trim
        self.nullable = nullable

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.not_wanted(value)
        check_characters(value)
        result = text.visible(value, lines=not self.trim)
        result = text.trimmed(result) if self.trim else result
        # NFC makes text at most four times shorter; longer text is refused without it.
        if len(result) <= 4 * self.max_length:
            result = text.nfc(result)
        if self.min_length <= len(result) <= self.max_length:
            return result
        if len(result) < self.min_length:
            raise Refused("The text must not be empty.")
        raise Refused(f"The text must have at most {self.max_length} characters.")


class Integer(StrictType):
    """A whole number from ``minimum`` to ``maximum``; 5.0 and true are refused."""

    wanted = "a whole number"

    def __init__(self, minimum: int, maximum: int, *, nullable: bool = False) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.nullable = nullable

    def read(self, value: Any) -> int:
        # `jsontext` reads an integer of more than 400 digits as a Decimal.
        huge = isinstance(value, Decimal) and value.is_finite() and value.adjusted() >= 400
        if not huge:
            if not isinstance(value, int) or isinstance(value, bool):
                raise self.not_wanted(value)
            if self.minimum <= value <= self.maximum:
                return value
        raise Refused(f"The number must be from {self.minimum} to {self.maximum}.")


class Price(StrictType):
    """An exact amount with at most ``places`` decimals, stored with all of them (1.5 as 1.50)."""

    wanted = NUMBER
    places = 2
    minimum = Decimal("0.00")
    maximum = PRICE_MAX

    def read(self, value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.not_wanted(value)
        amount = Decimal(value)
        if not amount.is_finite() or not self.minimum <= amount <= self.maximum:
            raise Refused(f"The number must be from {self.minimum} to {self.maximum}.")
        exact = amount.quantize(CENT, context=_CONTEXT)
        if exact != amount:
            raise Refused(f"The number must have at most {self.places} decimals.")
        return exact.copy_abs()  # -0 is 0


class Isbn(StrictType):
    """An ISBN in any notation, stored as 13 digits."""

    wanted = "text"
    max_length = isbn.MAX_LENGTH

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.not_wanted(value)
        try:
            return isbn.canonical(value)
        except ValueError as error:
            raise Refused(str(error)) from None


class Texts(StrictType):
    """A list of at most ``most`` texts, whatever they say."""

    wanted = "a list of texts"

    def __init__(self, most: int) -> None:
        self.most = most

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        values = super().deserialize(node, cstruct)
        if values is colander.null:
            return values
        error = colander.Invalid(node)
        for number, value in enumerate(values):
            if not isinstance(value, str):
                item = colander.SchemaNode(self, name=str(number))
                message = f"The value must be text, not {kind(value)}."
                error.add(colander.Invalid(item, message), number)
        if error.children:
            raise error
        return values

    def read(self, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise self.not_wanted(value)
        if len(value) > self.most:
            raise Refused(f"The list must have at most {self.most:,} texts.")
        return value


class Identifier(StrictType):
    """A UUID, made by the server."""


class Moment(StrictType):
    """A datetime in UTC to the microsecond, made by the server."""


class Fields(colander.Mapping):  # type: ignore[misc]  # colander ships no types
    """An object with known names; all its faults are reported at once.

    Colander's own mapping reports only the unknown names, if there are any. ``unknown_messages``
    are sentences by unknown name, with ``""`` for all others.
    """

    def __init__(self, unknown_messages: Mapping[str, str]) -> None:
        super().__init__(unknown="raise")
        self.unknown_messages = unknown_messages

    def messages_for(self, unknown: Sequence[str], known: Sequence[str]) -> Mapping[str, str]:
        """The sentences for unknown names: `unknown_messages`, with the nearest known name."""
        other = self.unknown_messages[""]
        near = {name: other + did_you_mean(str(name), known) for name in unknown[:MAX_FAULTS]}
        return {**near, **self.unknown_messages}

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """The values by name, without missing ones that the schema drops."""
        if not isinstance(cstruct, dict):
            raise colander.Invalid(node, f"The body must be a JSON object, not {kind(cstruct)}.")
        return self.collect(node, cstruct, colander.Invalid(node))

    def collect(self, node: Any, values: dict[str, Any], error: colander.Invalid) -> dict[str, Any]:
        """The values by name; adds faults to ``error`` and raises it if there are any.

        Nothing that ``error`` names already is missing.
        """
        result = {}
        named = {each.node.name for each in error.children}
        for child in node.children:
            value = values.get(child.name, colander.null)
            if value is colander.null and (child.missing is colander.drop or child.name in named):
                continue
            try:
                result[child.name] = child.deserialize(value)
            except colander.Invalid as invalid:
                error.add(invalid)
        names = {child.name for child in node.children}
        if not values.keys() <= names:
            unknown = [name for name in values if name not in names]
            add_unknown(error, unknown, self.messages_for(unknown, sorted(names)))
        if error.children:
            raise error
        return result


def check_characters(value: str) -> None:
    """Raises `Refused` for NUL and lone surrogates, which databases cannot store."""
    if "\0" in value:
        raise Refused("The text must not hold the character NUL.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused("The text must not hold lone surrogates.") from None


def kind(value: Any) -> str:
    """The name of a value's JSON type, for messages."""
    if value is None:
        return "null"
    names = (name for type_, name in _KINDS if isinstance(value, type_))
    return next(names, f"a Python {type(value).__name__}")
