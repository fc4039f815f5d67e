"""Staged members of `extra` are put into the `extra` of the stored books."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.catalogue.extra import MAX_BYTES
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.feeds.bulk import PAGE, Bulk
from pyramid_bookstore.feeds.columns import with_members
from pyramid_bookstore.feeds.staging import EXTRA_KEYS, STAGED
from pyramid_bookstore.values import jsontext

_S = STAGED.c
_STORED = sa.cast(BOOKS.c.extra, sa.Text)
_EXTRA = _STORED.label("stored")


def apply_patches(bulk: Bulk, declared: Declared, *, lock: bool) -> None:
    """Complete the staged rows of stored books, and reject those whose `extra` gets too large.

    An `extra` that stays what it is becomes the stored text, whatever the order of its members.
    With ``lock``, books that change stay as they are read here until the transaction ends.
    """
    for rows in _pages(bulk.connection):
        done: dict[int, Any] = {}
        changed: dict[Any, sa.Row[Any]] = {}
        for row in rows:
            text = _patched(row, row.stored)
            if text == row.stored:
                done[row.line] = text
            else:
                changed[row.id] = row
        if changed:
            books = sa.select(BOOKS.c.id, _EXTRA).where(BOOKS.c.id.in_(changed))
            if lock:
                books = books.order_by(BOOKS.c.id).with_for_update(key_share=True)
            for book in bulk.connection.execute(books):
                row = changed[book.id]
                done[row.line] = _patched(row, book.stored)
        large = [line for line, text in done.items() if len(text.encode()) > MAX_BYTES]
        if large:
            bulk.reject(["line", "large"], sa.select(_S.line, sa.true()).where(_S.line.in_(large)))
        _write(bulk.connection, declared, {k: v for k, v in done.items() if k not in large})


def keep_equal(bulk: Bulk) -> None:
    """Make the text of a staged `extra` the stored one, where only the order of members differs."""
    page = (
        sa.select(_S.line, _S.extra, _EXTRA)
        .join(BOOKS, BOOKS.c.isbn == _S.isbn)
        .where(
            _S.extra_patch.is_(None),
            _S.extra != "{}",
            _S.extra != _STORED,
            sa.func.length(_S.extra) == sa.func.length(_STORED),
        )
        .order_by(_S.line)
        .limit(PAGE)
    )
    change = sa.update(STAGED).where(_S.line == sa.bindparam("at"))
    change = change.values(extra=sa.bindparam("stored"))
    line = -1
    while True:
        rows = bulk.connection.execute(page.where(_S.line > line)).all()
        same = [
            {"at": row.line, "stored": row.stored}
            for row in rows
            if _canonical(row.extra) == _canonical(row.stored)
        ]
        if same:
            bulk.connection.execute(change, same)
        if len(rows) < PAGE:
            return
        line = rows[-1].line


def _canonical(text: str) -> bytes:
    return jsontext.canonical(jsontext.loads(text.encode()))


def _pages(connection: sa.Connection) -> Iterator[list[sa.Row[Any]]]:
    """The staged rows with a patch whose books are stored."""
    page = (
        sa.select(_S.line, _S.extra, _S.extra_patch, BOOKS.c.id, _EXTRA)
        .join(BOOKS, BOOKS.c.isbn == _S.isbn)
        .where(_S.extra_patch.is_not(None))
        .order_by(_S.line)
        .limit(PAGE)
    )
    line = -1
    while True:
        rows = list(connection.execute(page.where(_S.line > line)).all())
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        line = rows[-1].line


def _patched(row: sa.Row[Any], stored: str) -> str:
    """The text of `extra` after the row: ``stored`` itself if that has the same members."""
    before = jsontext.loads(stored.encode())
    after = jsontext.loads((row.extra if row.extra_patch == "" else row.extra_patch).encode())
    if row.extra_patch:
        after = with_members(before, after)
    same = jsontext.canonical(before) == jsontext.canonical(after)
    return stored if same else jsontext.dumps(after).decode()


def _write(connection: sa.Connection, declared: Declared, texts: Mapping[int, str]) -> None:
    if not texts:
        return
    change = (
        sa.update(STAGED)
        .where(_S.line == sa.bindparam("at"))
        .values({name: sa.bindparam(f"new_{name}") for name in ("extra", *EXTRA_KEYS)})
    )
    values = []
    for line, text in texts.items():
        keys = declared.keys_of(jsontext.loads(text.encode()))._asdict()
        values.append({"at": line, "new_extra": text, **{f"new_{k}": v for k, v in keys.items()}})
    connection.execute(change, values)
