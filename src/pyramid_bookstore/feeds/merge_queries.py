"""What a merge writes, field by field, from the staged rows and the stored books."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.types import JSONText, UTCDateTime
from pyramid_bookstore.feeds.staging import (
    DERIVED_FIELDS,
    EXTRA_KEYS,
    FEED_FIELDS,
    NULLABLE_FIELDS,
    REQUIRED_FIELDS,
    STAGED,
    given,
)

_S = STAGED.c
_B = BOOKS.c


def new_books(
    lines: ColumnElement[bool], *, default_extra: str, declared: str | None, now: datetime
) -> tuple[list[str], sa.Select[Any]]:
    """The names of the columns of new books, and a SELECT of their rows; they get ``default_extra``
    and ``declared`` if their row has none."""
    moment = sa.literal(now, UTCDateTime())
    columns: dict[str, Any] = {"id": _S.id, "created_at": moment, "updated_at": moment}
    for name in FEED_FIELDS:
        columns[name] = _with_default(name, default_extra)
        if name in DERIVED_FIELDS:
            key = FIELDS[name].key
            columns[key] = sa.func.coalesce(_S[key], "")
    for name in EXTRA_KEYS:
        columns[name] = _S[name]
    columns["extra_words"] = sa.func.coalesce(_S.extra_words, "")
    columns["declared"] = sa.func.coalesce(_S.declared, declared)
    # Rows without a required field are updates; their book may have been deleted meanwhile.
    complete = sa.and_(*(_S[name].is_not(None) for name in REQUIRED_FIELDS))
    return list(columns), sa.select(*columns.values()).where(lines, complete)


def _with_default(name: str, default_extra: str) -> ColumnElement[Any]:
    field = FIELDS[name]
    if type(field.type) is Extra:
        return sa.cast(sa.func.coalesce(_S[name], default_extra), JSONText())
    if field.required or field.default is None:
        return _S[name]
    return sa.func.coalesce(_S[name], field.default)


def changed_values(fields: Iterable[str]) -> dict[str, Any]:
    """The new values of these fields: the row's, or the stored one if it has none."""
    changed: dict[str, Any] = {}
    for name in fields:
        if name in NULLABLE_FIELDS:
            changed[name] = sa.case((_S[given(name)], _S[name]), else_=_B[name])
        elif type(FIELDS[name].type) is Extra:
            stored = sa.cast(_B[name], sa.Text)
            changed[name] = sa.cast(sa.func.coalesce(_S[name], stored), JSONText())
            for key in EXTRA_KEYS:
                changed[key] = sa.case((_S[name].is_not(None), _S[key]), else_=_B[key])
            changed["extra_words"] = sa.func.coalesce(changed["extra_words"], "")
        else:
            changed[name] = sa.func.coalesce(_S[name], _B[name])
        if name in DERIVED_FIELDS:
            key = FIELDS[name].key
            changed[key] = sa.func.coalesce(_S[key], _B[key])
            if name in NULLABLE_FIELDS:
                changed[key] = sa.case(
                    (_S[given(name)], sa.func.coalesce(_S[key], "")), else_=_B[key]
                )
    return changed


def differs(fields: Iterable[str]) -> ColumnElement[bool]:
    """Whether a row has a value of these fields that differs from the stored book's."""
    differences: list[ColumnElement[bool]] = []
    for name in fields:
        if name in NULLABLE_FIELDS:
            differences.append(sa.and_(_S[given(name)], _S[name].is_distinct_from(_B[name])))
        elif type(FIELDS[name].type) is Extra:
            differences.append(_S[name] != sa.cast(_B[name], sa.Text))
        else:
            differences.append(_S[name] != _B[name])
    return sa.or_(*differences)


def moves_of_new(lines: ColumnElement[bool], *, staged_alone: bool) -> sa.Select[Any]:
    """The movements of the books that were added, which have the ids of their rows; where all
    rows were added, the books need not be looked at."""
    if staged_alone:
        moves = sa.select(_S.id, _S.stock.label("delta"), _S.stock.label("stock"))
        return moves.where(lines, _S.stock > 0)
    moves = sa.select(_B.id, _B.stock.label("delta"), _B.stock.label("stock"))
    return moves.join(STAGED, _S.id == _B.id).where(lines, _B.stock > 0)


def moves_of_changed(lines: ColumnElement[bool]) -> sa.Select[Any]:
    """The movements of the books that are about to be changed, which are locked by it."""
    moves = sa.select(_B.id, (_S.stock - _B.stock).label("delta"), _S.stock.label("stock"))
    moves = moves.join(STAGED, _S.isbn == _B.isbn).where(lines, _S.stock != _B.stock)
    return moves.with_for_update(key_share=True, of=BOOKS)
