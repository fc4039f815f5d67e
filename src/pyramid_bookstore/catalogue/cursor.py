"""Cursors: a position between two books of a list, as an opaque text.

A cursor holds the sort keys of the book next to it, the direction, and a fingerprint of the list's
filters and sort, for which alone it is valid. A cursor from a client is validated like other input;
a forged one can only name another position in the same list.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.db.types import from_microseconds, to_microseconds
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.values.types import CENT, PRICE_MAX, Integer, Moment, Price, Text

#: Microseconds since 1970 of the last moment that `datetime` knows.
_LAST_MOMENT = to_microseconds(datetime.max.replace(tzinfo=from_microseconds(0).tzinfo))
_FIRST_MOMENT = to_microseconds(datetime.min.replace(tzinfo=from_microseconds(0).tzinfo))


class Cursor(NamedTuple):
    """``keys`` are the sort keys of the book next to the position, its id last."""

    backwards: bool
    keys: tuple[Any, ...]


class _Wire(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    fingerprint: str
    backwards: bool
    keys: list[int | str]


_decoder = msgspec.json.Decoder(_Wire)


def fingerprint(*parts: object) -> str:
    """A short digest of the filters and the sort."""
    digest = hashlib.blake2s(repr(parts).encode("utf-8", "replace"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()


def encode(cursor: Cursor, list_fingerprint: str) -> str:
    """The cursor as text, bound to the fingerprint of its list."""
    keys = [_plain(key) for key in cursor.keys]
    data = msgspec.json.encode(_Wire(list_fingerprint, cursor.backwards, keys))
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str, list_fingerprint: str, sort: Sequence[str]) -> Cursor:
    """The reverse of `encode`, for a list sorted by the fields ``sort``.

    Raises `ValidationFailed` for a text that is no cursor, or a cursor of another list.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        wire = _decoder.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
        if len(wire.keys) != len(sort) + 1:
            raise ValueError("wrong number of keys")
        keys = [_key(field, key) for field, key in zip(sort, wire.keys, strict=False)]
        cursor = Cursor(wire.backwards, (*keys, UUID(str(wire.keys[-1]))))
    except (ValueError, InvalidOperation, msgspec.MsgspecError) as error:
        raise _refused("Is not a cursor that this list gave out.") from error
    if wire.fingerprint != list_fingerprint:
        raise _refused("Belongs to a list with other filters or another sort.")
    return cursor


def _refused(message: str) -> ValidationFailed:
    return ValidationFailed([Fault("cursor", "", message)])


def _plain(key: Any) -> int | str:
    if isinstance(key, datetime):
        return to_microseconds(key)
    return key if isinstance(key, int) else str(key)


def _text(key: int | str) -> str:
    if not isinstance(key, str) or "\0" in key:
        raise ValueError("not a text")
    return key


def _price(key: int | str) -> Decimal:
    price = Decimal(str(key))
    if not (0 <= price <= PRICE_MAX and price == price.quantize(CENT)):
        raise ValueError("not a price")
    return price.quantize(CENT)


def _number(key: int | str, lowest: int, highest: int) -> int:
    if not isinstance(key, int) or not lowest <= key <= highest:
        raise ValueError("not a number in range")
    return key


#: Converters of a decoded sort key to the type of its column; `ValueError` if out of range.
_READERS: Mapping[type, Callable[[Any, int | str], Any]] = {
    Text: lambda typ, key: _text(key),
    Price: lambda typ, key: _price(key),
    Integer: lambda typ, key: _number(key, typ.minimum, typ.maximum),
    Moment: lambda typ, key: from_microseconds(_number(key, _FIRST_MOMENT, _LAST_MOMENT)),
}


def _key(name: str, key: int | str) -> Any:
    if name not in FIELDS:  # a declared field
        return _text(key)
    typ = FIELDS[name].type
    return _READERS[type(typ)](typ, key)
