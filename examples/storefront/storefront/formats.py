"""How values are written on pages, and read from forms."""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import UUID

_DIGITS = re.compile(r"[0-9]{1,9}")


def money(amount: Decimal) -> str:
    """``€1,234.50``."""
    return f"€{amount:,.2f}"


def search_words(text: str | None) -> str:
    """What was typed into a search field, without what no text in a database holds."""
    return (text or "").replace("\0", "").strip()[:200]


def whole_number(text: str | None, *, least: int, most: int) -> int | None:
    """The number that was typed, within bounds; `None` for what is none, or beyond them."""
    if text is None or not _DIGITS.fullmatch(text.strip()):
        return None
    number = int(text)
    return number if least <= number <= most else None


def uuid_from(text: str | None) -> UUID | None:
    """The id that a form or a path names, or `None`."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
