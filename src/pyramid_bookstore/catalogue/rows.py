"""The rows of a page: read by one statement, or by several where one would take too long.

Three things may be far from a page's own cost. A walk may find that all matches are at the far end
of the order. To a page far down a filtered list it may pass over most of the catalogue, by an index
of another order than that of the table: to read the table from end to end is then cheaper. And of
several sort keys an index has the first alone: where many books share it, to sort them all for one
page takes as long as there are books. Such a *group* is then a list by itself, in the order of the
other keys, that is walked by the index of the next one: nearly every book that the walk meets is of
the group, because the group is large.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import select

from pyramid_bookstore.catalogue.row_queries import (
    LOOKED_AT,
    collected_query,
    count_of_books,
    look_query,
    sorted_query,
)
from pyramid_bookstore.catalogue.shapes import (
    SMALL_GROUP,
    TOTAL,
    Shape,
    count_query,
    key_of,
    page_query,
    search_on,
)
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.search.base import PATIENCE
from pyramid_bookstore.search.conditions import Comparison

#: What passes over more matches of a filtered list, or may walk past more books, is looked into
#: before it is read.
DEEP: Final = 2_000
FAR: Final = 150_000

#: A walk by an index of another order than that of the table is to pass over at most this share of
#: the matches: to pass over all takes some three times as long as to read the table.
SCANNED: Final = 0.3

#: A walk that gave up goes on through this share of all books where more of them match.
MANY: Final = 0.1

#: What reads more books than these waits for others of its kind.
COSTLY: Final = 50_000

# The id behind all others, ascending and descending.
_ENDS = {False: UUID(int=2**128 - 1), True: UUID(int=0)}

# How a key compares with one that it comes before or behind, ascending and descending.
_SIDES = {"before": ("<", ">"), "upto": ("<=", ">="), "from": (">=", "<="), "behind": (">", "<")}

Values = dict[str, Any]

_BOOKS = Query(select(TOTAL.label("books")))


def is_large(reader: Reader, values: Values) -> bool:
    """Whether to read much of the catalogue takes long; of a small one nothing waits for others."""
    return _all_books(reader, values) > COSTLY


def _all_books(reader: Reader, values: Values) -> int:
    return int(values["books"] or reader.rows(_BOOKS, {})[0][0])


def rows_of(reader: Reader, shape: Shape, values: Values) -> tuple[Sequence[Row], Shape]:
    """The rows of a page and one more, as far as there are; and the shape as it was read in the
    end. The rows of several statements have no total.

    Among the values ``walked`` is where a bounded walk ends, and ``books`` the number of all, 0
    where it is not known; a ``total`` is added where it had to be known first. Raises `Unavailable`
    where there is no room for what takes long.
    """
    search = search_on(reader.dialect)
    is_far = values["offset"] > DEEP or values["walked"] > FAR
    if is_far and not (shape.conditions.none or shape.fixed):
        shape = _far_down(reader, shape, values)
        if values["offset"] >= values.get("total", math.inf):
            return [], shape
    if shape.path == search.SCAN:
        return _collected(reader, shape, shape, values), shape
    if len(shape.sort) - shape.fixed == 1 or search.sorts(shape.path) or shape.aged:
        return _walk(reader, shape, values)
    if shape.guarded:
        rows = reader.rows(page_query(shape), values)
        if rows:
            return rows, shape
    if shape.backwards:
        sort = tuple((field, not descending) for field, descending in shape.sort)
        shape = shape._replace(sort=sort, backwards=False)
    return _by_groups(reader, shape, values)


def _far_down(reader: Reader, shape: Shape, values: Values) -> Shape:
    """The list as it is best read for a page far down; the exact ``total`` is added to the values
    where it is wanted and the page may be behind the last, and ``walked`` is made exacter."""
    search, books = search_on(reader.dialect), _all_books(reader, values)
    large, end = books > COSTLY, values["offset"] + values["limit"]
    collected = search.sorts(shape.path) or shape.aged
    matches = 0 if collected else _estimated(reader, shape, values)
    if shape.total in ("exact", "look") and values["offset"] >= matches:
        counted = count_query(shape._replace(total="exact", costly=large))
        values["total"] = matches = int(reader.rows(counted, values)[0][0])
        shape = shape._replace(total="none")
    if collected:
        return shape
    values["walked"] = min(values["walked"], PATIENCE * end * books // max(matches, 1) + 1)
    # Books by age lie side by side; with other keys behind it they would be passed over twice.
    by_age = shape.sort[0][0] == "created_at" and len(shape.sort) == 1
    if by_age or end <= SCANNED * matches:
        return shape
    return _scanned(shape, _all(reader, shape, values, books, matches), large)


def _estimated(reader: Reader, shape: Shape, values: Values) -> int:
    return int(reader.rows(count_query(shape._replace(total="estimated")), values)[0][0])


def _all(reader: Reader, shape: Shape, values: Values, books: int, found: int) -> str:
    """The path to all matches of the catalogue's books, which are about those ``found``: by an
    index, or by reading all books."""
    search, conditions = search_on(reader.dialect), shape.conditions
    if not conditions.probed:
        return search.SCAN
    if conditions.comparisons:
        # No index has a text together with a price.
        by_index = shape._replace(conditions=conditions._replace(comparisons=()))
        found = _estimated(reader, by_index, values)
    return search.SCAN if found > search.SCANNED_FROM * books else search.ALL


def _scanned(shape: Shape, path: str, large: bool) -> Shape:
    """The list as read by a path that finds all matches; who does can count them as well."""
    if shape.total != "none":
        shape = shape._replace(total="exact")
    return shape._replace(path=path, bounded=False, costly=large)


def _walk(reader: Reader, shape: Shape, values: Values) -> tuple[Sequence[Row], Shape]:
    """By one statement, unless it is a walk that gives up; the keys alone are then not read."""
    limit, large = values["limit"], values["books"] > COSTLY
    # An exact total may take longer than a walk, and would be counted again by the next.
    apart = shape.bounded and shape.total == "exact" and large
    walk = shape._replace(total="none") if apart else shape
    rows = reader.rows(page_query(walk), values)
    whole = 0 < values["books"] <= values["walked"]
    if not shape.bounded or whole or len(rows) == limit:
        return rows, shape
    # The matches are far down the list. To collect very many takes longer than to look on.
    search = search_on(reader.dialect)
    matches = _estimated(reader, shape, values)
    walked = 0
    if matches > MANY * values["books"]:
        walked = int(MANY * values["books"])
    elif shape.sort[0][0] == "created_at":  # the order of the table
        walked = int(matches * search.WALKED_PER_MATCH)
    if walked > values["walked"]:
        longer = page_query(walk._replace(costly=large))
        rows = reader.rows(longer, values | {"walked": walked})
    if len(rows) == limit:
        return rows, shape
    shape = _scanned(shape, _all(reader, shape, values, values["books"], matches), large)
    return ([] if shape.bare else _collected(reader, shape, shape, values)), shape


def _by_groups(reader: Reader, asked: Shape, values: Values) -> tuple[Sequence[Row], Shape]:
    """Large groups by themselves, and in one go what is between them.

    A page can have a part of its first group and of its last; others are whole and so not large.
    Which these two are, the list by the first key alone tells.
    """
    search = search_on(reader.dialect)
    shape = asked._replace(path=search.WALK, total="none", limit=0, bounded=False, guarded=False)
    first = shape.sort[: shape.fixed + 1]
    alone = shape._replace(sort=first, bare=True, bounded=values["walked"] > 0)
    limit = values["limit"]
    rows: list[Row] = []
    end = None
    if shape.after_cursor:
        start = values[f"key{shape.fixed}"]
    else:
        there, read = _walk(reader, alone, values)
        if search.sorts(read.path):
            return _collected(reader, shape, read, values), asked
        if not there:
            return there, asked
        start, end = there[0][-1], there[-1][-1]
        # Books before the group need not be sorted.
        values = values | {f"{side}{shape.fixed}": start for side in ("before", "from")}
        before = count_of_books(_bounded(shape, "before"))
        if shape.has_offset:
            values["offset"] -= reader.rows(before, values)[0][0]
        shape = _bounded(shape, "from")
    group = _group(reader, shape, values, start)
    if group.large:
        rows += rows_of(reader, _within(shape, group), group.values)[0]
        if len(rows) == limit or end == start:
            return rows, asked
        values = values | {"limit": limit - len(rows), "offset": 0, f"behind{shape.fixed}": start}
        shape = _bounded(shape, "behind")._replace(after_cursor=False, has_offset=False)
    costly = group.costly
    if end is None:
        behind = alone._replace(after_cursor=True, has_offset=False)
        keys = {f"key{shape.fixed}": start}
        keys[f"key{shape.fixed + 1}"] = _ENDS[shape.sort[shape.fixed][1]]
        there, read = _walk(reader, behind, values | keys)
        if search.sorts(read.path):
            return [*rows, *_collected(reader, shape, read, values)], asked
        end = there[-1][-1] if there else start
    until = "upto"
    if end != start:
        group = _group(reader, shape, values | {"offset": 0}, end)
        until = "before" if group.large else "upto"
        costly = costly or group.costly
    between = _bounded(shape, until)._replace(costly=costly)
    rows += reader.rows(sorted_query(between), values | {f"{until}{shape.fixed}": end})
    if until == "before" and len(rows) < limit:
        last = _within(shape, group)._replace(after_cursor=False, has_offset=False)
        rows += rows_of(reader, last, group.values | {"limit": limit - len(rows)})[0]
    return rows, asked


def _collected(reader: Reader, shape: Shape, read: Shape, values: Values) -> Sequence[Row]:
    """By a walk that gave up, as ``read``, it is known that the matches had better be sorted."""
    shape = shape._replace(path=read.path, costly=read.costly)
    return reader.rows(collected_query(shape), values)


class _Group(NamedTuple):
    """The books that share a key: whether they are better walked than sorted, and whether either
    is costly; the values for a list of them."""

    large: bool
    costly: bool
    values: Values


def _group(reader: Reader, shape: Shape, values: Values, key: Any) -> _Group:
    """The group with this key.

    To sort it costs its size, to walk the next key's index the books wanted by the share that the
    group has of all; with filters twice that for each key that is left, as each may be walked.
    """
    inside = values | {f"group{shape.fixed}": key}
    looked = look_query(shape._replace(sort=shape.sort[: shape.fixed + 1]))
    books, size, hits = map(int, reader.rows(looked, inside | {"most": SMALL_GROUP})[0])
    if size < SMALL_GROUP:
        return _Group(False, False, inside)
    share = 1 if shape.conditions.none else max(hits, 1) / min(size, LOOKED_AT)
    walks = 1 if shape.conditions.none else 2 * (len(shape.sort) - shape.fixed - 1)
    enough = math.isqrt(int(walks * (values["offset"] + values["limit"]) * books / share))
    if enough > size:
        size = reader.rows(looked, inside | {"most": enough})[0][1]
    inside["walked"] = int(values["walked"] * books / (share * size))
    return _Group(size >= enough, min(size, enough) > COSTLY, inside)


def _within(shape: Shape, group: _Group) -> Shape:
    """The list of the group, by the keys that are left."""
    field, _ = shape.sort[shape.fixed]
    inside = _compared(shape, Comparison(key_of(field), "=", f"group{shape.fixed}"))
    left = {descending for _, descending in shape.sort[shape.fixed + 1 :]}
    bounded = group.values["walked"] > 0 and len(left) == 1
    return inside._replace(fixed=shape.fixed + 1, bounded=bounded, costly=group.costly)


def _bounded(shape: Shape, side: str) -> Shape:
    """Of the list only what is ``before`` or ``behind`` a value of the first key, ``from`` it or
    ``upto`` it; the parameter is named so, with the number of the key."""
    field, descending = shape.sort[shape.fixed]
    operator = _SIDES[side][descending]
    return _compared(shape, Comparison(key_of(field), operator, f"{side}{shape.fixed}"))


def _compared(shape: Shape, comparison: Comparison) -> Shape:
    conditions = shape.conditions
    comparisons = (*conditions.comparisons, comparison)
    return shape._replace(conditions=conditions._replace(comparisons=comparisons))
