"""How values are written on pages, and read from forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

_DIGITS = re.compile(r"[0-9]+")
#: Python reads no longer ones.
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
#: ISO 639-2/B, as the book trade writes languages.
_LANGUAGES = {
    "chi": "Chinese", "eng": "English", "fre": "French", "ger": "German", "ita": "Italian",
    "jpn": "Japanese", "kor": "Korean", "pol": "Polish", "por": "Portuguese", "rus": "Russian",
    "spa": "Spanish", "tur": "Turkish",
}  # fmt: skip


def money(amount: Decimal) -> str:
    """``€1,234.50``."""
    return f"€{amount:,.2f}"


def minutes_until(moment: datetime) -> int:
    """Whole minutes from now, the last one begun."""
    return -int((datetime.now(UTC) - moment).total_seconds() // 60)


def search_words(text: str | None) -> str:
    """What was typed into a search field, without what no text in a database holds."""
    return (text or "").replace("\0", "").strip()[:200]


def field_text(name: str, value: object) -> str:
    """The value of one of a book's further fields, for people to read."""
    if isinstance(value, list):
        return ", ".join(field_text(name, each) for each in value)
    text = str(value)
    return _LANGUAGES.get(text.lower(), text) if name == "language" else text


def whole_number(text: str | None, *, least: int, most: int) -> int | None:
    """The number that was typed, within bounds; `None` for what is none, or beyond them."""
    if text is None or len(text) > 30 or not _DIGITS.fullmatch(text.strip()):
        return None
    number = int(text)
    return number if least <= number <= most else None


def integer_or_text(text: str) -> int | str:
    """The number that was typed, whatever it is, or the text of what is none."""
    return int(text) if _INTEGER.fullmatch(text) else text


def uuid_from(text: str | None) -> UUID | None:
    """The id that a form or a path names, or `None`."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
