"""From a book's fields to its columns, the derived ones included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.values import jsontext

#: Characters of a folded text that are kept. Only text made of ligatures that unfold into whole
#: sentences gets there; a B-tree of PostgreSQL takes no key over 2,700 bytes.
FOLDED_LENGTH = 600


def folded(text: str) -> str:
    """The text as it is searched and sorted by."""
    return fold(text)[:FOLDED_LENGTH]


def columns_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that hold the given fields of a book."""
    columns = dict(fields)
    if "title" in columns:
        columns["title_folded"] = folded(columns["title"])
    if "author" in columns:
        columns["author_folded"] = folded(columns["author"])
    if "extra" in columns:
        columns["extra"] = jsontext.dumps(columns["extra"]).decode()
    return columns
