"""From a book's fields to its columns, the derived ones included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.search.folding import folded
from pyramid_bookstore.values import jsontext


def columns_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that hold the given fields of a book."""
    columns = dict(fields)
    for name in fields:
        field = FIELDS[name]
        if field.folded:
            columns[field.key] = folded(fields[name] or "")
        elif type(field.type) is Extra:
            columns[name] = msgspec.Raw(jsontext.dumps(fields[name]))
    return columns
