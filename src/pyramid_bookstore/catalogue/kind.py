"""What the type of a declared field can say of a value.

A value is found by its *tokens*, which are compared whole, and sorted by its *key*, a text whose
order is that of the values. Both are stored beside the book, so both have a limited length.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from pyramid_bookstore.values.types import Refused, StrictType

#: Bytes of a token; the database's index has no room for much longer ones.
_LONGEST_TOKEN: Final = 500

_PURPOSES = ("filter", "facet", "sort", "search")


class Kind(StrictType):
    """The type of a declared field."""

    #: The word for it in a declaration.
    name: ClassVar[str]
    #: What a field of this type can be for.
    purposes: ClassVar[tuple[str, ...]] = _PURPOSES
    #: What a parameter must be, where that is not `wanted`.
    wanted_as_text: ClassVar[str] = ""
    #: Whether values are text, or lists of it.
    of_text: ClassVar[bool] = False
    #: Whether the list has ``min_`` and ``max_`` parameters for it.
    ranged: ClassVar[bool] = False
    #: The JSON type of a value that a facet counts.
    facet_type: ClassVar[str] = "string"
    #: Its JSON Schema.
    schema: Mapping[str, Any]
    example: Any

    def tokens(self, value: Any) -> Iterator[str]:
        """The texts that a value is found by."""
        yield self.token(value)

    def token(self, value: Any) -> str:
        """The text that a single value is found by, and counted by in facets."""
        return str(value)

    def asked(self, text: str) -> str:
        """The token of a parameter's text; raises `Refused`."""
        return self.token(self.given(text))

    def given(self, text: str) -> Any:
        """The value of a parameter's text; raises `Refused`."""
        value = self.from_cell(text)
        if isinstance(value, str) and self.facet_type != "string":
            raise Refused(f"The value must be {self.wanted_as_text or self.wanted}.")
        return self.read(value)

    def key(self, value: Any) -> str:
        """A text that sorts as the value does; never empty."""
        raise NotImplementedError

    def last_key(self, value: Any) -> str:
        """The key that ends a range which ends with this value."""
        return self.key(value)

    def facet_values(self, value: Any) -> Iterator[tuple[str, Any]]:
        """The token and the shown form of each value that a facet counts."""
        yield self.token(value), value

    def words(self, value: Any) -> str:
        """What the search looks into."""
        return str(value)

    def from_cell(self, text: str) -> Any:
        """The JSON value of a cell of CSV, or of a parameter; what is none is left to `read`."""
        return text

    def to_cell(self, value: Any) -> str:
        """The reverse of `from_cell`, for a valid value."""
        return str(value)


def token_of(field: str, token: str) -> str:
    """The token of a field, of limited length."""
    whole = f"{field}:{token}"
    encoded = whole.encode()
    if len(encoded) <= _LONGEST_TOKEN:
        return whole
    digest = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    # Cut between characters.
    return f"{encoded[: _LONGEST_TOKEN - 40].decode(errors='ignore')}…{digest}"
