"""Search on PostgreSQL: one GIN index of trigrams (pg_trgm) over the words of title and author.

There are two ways to a page: to *collect* the matches by the index and sort them, or to *walk* the
index of the order and pass over what does not match. The planner's statistics cannot tell which is
the shorter one for a rare or a crowded piece of text. So a first statement counts the matches in
`bookstore_books_sample_idx`, which has one book in `SAMPLED`, and the second is written for one of
the ways: ``LIKE`` uses the index, ``strpos()`` does not; an order by ``coalesce()`` uses none.

A walk may find that all matches are at the far end, so it gives up after some multiple of what it
should take, and the matches are collected.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from pyramid_bookstore.db.base import BOOKS_TABLE
from pyramid_bookstore.search.base import PATIENCE, SPELLED, Choice, Probe, Search, number_of
from pyramid_bookstore.search.conditions import Computed, Conditions, attribute_name
from pyramid_bookstore.search.spelling import Spelling

#: An estimated total of prices and stock is exact up to so many matches, and beyond from about
#: `SAMPLE` books, which are read block by block.
EXACT_UP_TO = 4_000
SAMPLE = 50_000
#: The same for the key of a declared field, which is read from JSON: 50,000 took 45 ms.
KEYED = 10_000

#: Books that are looked at to estimate a facet.
FACETED = 4_000

#: One book in so many is in the small index, as the migration made it.
SAMPLED = 64

#: So many matches among them are enough for an estimate: it is off by 13 % (a standard deviation).
ENOUGH = 60

#: Changed books that are collected and sorted; with more, the list is walked.
RECENT = 2_000

# Matches in the small index are counted up to here; as many may be any number.
_COUNTED = 200

# Fetching a book by the index of texts and sorting it costs about as much as walking past so many.
# So many books wanted are then cheaper from n matches than by walking where n is below
# sqrt(wanted * books / this). Books by their age lie side by side in the table.
_WALKED_PER_COLLECTED = 2
_WALKED_BY_AGE = 7

#: A group of pieces with fewer matches in the sample is looked for alone: its books are fetched
#: sooner than the others are looked up as well.
_ALONE = 32

_IN_SAMPLE: sa.ColumnElement[bool] = sa.literal_column(
    "pg_catalog.get_byte(pg_catalog.uuid_send(bookstore_books.id), 15) < 4"
)


_TEXTS = ARRAY(sa.Text())
_ATTRIBUTES: sa.ColumnElement[Any] = sa.literal_column("bookstore_books.attributes", _TEXTS)


class PostgreSQLSearch(Search):
    """Paths for texts are chosen by probing; of all else the planner has statistics."""

    indexes = (
        "bookstore_books_search_idx",
        "bookstore_books_sample_idx",
        "bookstore_books_sample_isbn_idx",
    )

    def where(self, conditions: Conditions, path: str, order: str = "") -> list[Any]:
        if path.startswith(self.COLLECT):
            return self._by_index(conditions, path)
        # A comparison of an expression: no index has it, and the planner takes it for something
        # frequent, and so walks, also where there are several.
        return [
            *self.texts(conditions.text),
            *(
                sa.case((_has(number), 1), else_=0) > 0
                for number in range(len(conditions.attributes))
            ),
            *self.compared(conditions),
        ]

    def compared(self, conditions: Conditions, table: Any = None) -> list[sa.ColumnElement[bool]]:
        """The comparisons as clauses, of the books' table or of an alias of it."""
        clauses = []
        for each in conditions.comparisons:
            if table is None and each.column in self.computed and each.operator == "=":
                # The planner knows how many are empty, and takes the others for few. Each book is
                # asked by itself: to look for its id among those held takes as long as there are.
                computed = self.computed[each.column]
                empty = self.column(computed.column) == 0
                clauses.append(sa.or_(empty, sa.and_(*computed.hidden)))
            else:
                clauses.append(each.clause(self.column(each.column, table)))
        return clauses

    def hidden(self, computed: Computed) -> Sequence[sa.ColumnElement[bool]]:
        # As an array, so that the planner looks each id up, however few or many it expects.
        ids = sa.func.array(computed.among.scalar_subquery(), type_=ARRAY(self.books.c.id.type))
        return (self.books.c.id == sa.any_(ids), *computed.hidden)

    def sort_key(self, field: str, table: str = BOOKS_TABLE) -> Any:
        # Ordered by code points, as on SQLite.
        return sa.literal_column(f'({super().sort_key(field, table)}) COLLATE "C"', sa.Text())

    def sorts(self, path: str) -> bool:
        return path.startswith((self.COLLECT, self.SCAN))

    def probe(self, conditions: Conditions) -> Probe | None:
        if not conditions.probed:
            return self._probe_by_time(conditions) if conditions.by_time else None
        columns: list[Any] = [
            self.total.label("total"),
            _number_of(self._in_sample(conditions), _COUNTED),
        ]
        parts = self._in_sample_alone(conditions)
        if len(parts) > 1 and conditions.text.groups:  # attributes are always looked up together
            one = sa.select(sa.literal(1)).select_from(self.books)
            columns += [_number_of(one.where(_IN_SAMPLE, part), _ALONE) for part in parts]
        return Probe(sa.select(*columns), self._choose)

    def _probe_by_time(self, conditions: Conditions) -> Probe:
        """The planner takes the changed books for spread evenly among those of any age."""
        since = next(each for each in conditions.comparisons if each.by_time)
        changed = sa.select(sa.literal(1)).where(since.clause(self.column(since.column)))
        columns: list[Any] = [self.total.label("total"), _number_of(changed, RECENT)]

        def choose(probed: Sequence[Any], wanted: int, order: str) -> Choice:
            total, changed = map(int, probed)
            if changed < RECENT:
                return Choice(self.COLLECT, {}, 0, total, changed)
            # Along the index of the times themselves, all that is met matches.
            evenly = int(PATIENCE * wanted * total / changed) + 1
            walked = 0 if order == since.column else evenly
            return Choice(self.WALK, {}, walked, total, changed)

        return Probe(sa.select(*columns), choose)

    def _choose(self, probed: Sequence[Any], wanted: int, order: str) -> Choice:
        total, hits, *alone = probed
        price = _WALKED_BY_AGE if order == "created_at" else _WALKED_PER_COLLECTED
        if not hits or (hits < _COUNTED and (hits * SAMPLED) ** 2 * price < wanted * total):
            path = self.COLLECT
            if alone and min(alone) < _ALONE:
                path += f" {alone.index(min(alone))}"
            return Choice(path, {}, 0, int(total), hits * SAMPLED)
        walked = int(PATIENCE * wanted * total / (hits * SAMPLED)) + 1
        return Choice(self.WALK, {}, walked, int(total), hits * SAMPLED, certain=True)

    def _count(self, conditions: Conditions, path: str) -> sa.ColumnElement[int]:
        matches = sa.select(sa.func.count()).select_from(self.books)
        clauses = self._by_index(conditions, path if self.sorts(path) else "")
        return matches.where(*clauses).correlate(None).scalar_subquery()

    def estimate(self, conditions: Conditions, path: str) -> sa.ColumnElement[int]:
        if not conditions.probed:
            return self._by_blocks(conditions)
        if self.sorts(path):
            return self.count(conditions, path)
        sample = self._in_sample(conditions).with_only_columns(sa.func.count().label("hits"))
        hits = sample.subquery()
        # CASE counts all of them only if it has to.
        estimate = sa.case(
            (hits.c.hits >= ENOUGH, hits.c.hits * SAMPLED), else_=self.count(conditions, path)
        )
        return sa.select(estimate).select_from(hits).scalar_subquery()

    def members_of(self, attributes: Any) -> Any:
        tokens = sa.func.unnest(attributes, type_=sa.Text())
        return tokens.column_valued("token", joins_implicitly=True).collate("C")

    def sample(self, conditions: Conditions, path: str) -> sa.Select[Any]:
        books: Any = self.books.c
        if conditions.probed:
            found = self._in_sample(conditions).with_only_columns(books.id, books.attributes)
            return found.limit(FACETED)
        blocks = self._blocks(FACETED)
        clauses = self.compared(conditions, blocks)
        return sa.select(blocks.c.id, blocks.c.attributes).where(*clauses)

    def contains(self, text: Any, piece: Any) -> sa.ColumnElement[bool]:
        # strpos() rather than LIKE: the planner takes it for something frequent, and so walks.
        return sa.func.strpos(text, piece) > 0

    def spelled(self, near: Sequence[Spelling]) -> list[str]:
        return [each.pattern for each in near]

    def with_spellings(self) -> Sequence[sa.Select[Any]]:
        return self._with_spellings(_IN_SAMPLE), self._with_spellings()

    def _with_spellings(self, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        patterns = sa.bindparam("spellings", type_=ARRAY(sa.Text))
        pattern = sa.func.unnest(patterns).table_valued("value").render_derived().c.value
        having = sa.select(self.text.label("text")).where(*where, self.text.like(pattern))
        # By itself, so that the planner uses the index however few of them are wanted.
        found = having.correlate(pattern.table).cte("found", nesting=True)
        found = found.prefix_with("MATERIALIZED", dialect="postgresql")
        some = sa.select(found.c.text).limit(sa.literal_column(str(SPELLED))).lateral("some")
        return sa.select(pattern, some.c.text).select_from(pattern.table.join(some, sa.true()))

    def _by_index(self, conditions: Conditions, path: str = "") -> list[sa.ColumnElement[bool]]:
        """The conditions; of texts by the index, that of the group in the path, or all of them."""
        alone = path.removeprefix(self.COLLECT)
        groups = conditions.text.groups
        return [
            *(
                self.one_of(
                    number,
                    group,
                    _like if alone in ("", f" {number}") else self.contains,
                )
                for number, group in enumerate(groups)
            ),
            *(_has(number) for number in range(len(conditions.attributes))),
            *self.compared(conditions),
        ]

    def _in_sample(self, conditions: Conditions) -> sa.Select[Any]:
        clauses = [*self._in_sample_alone(conditions), *self.compared(conditions)]
        return sa.select(sa.literal(1)).select_from(self.books).where(_IN_SAMPLE, *clauses)

    def _in_sample_alone(self, conditions: Conditions) -> list[sa.ColumnElement[bool]]:
        """What each of the probed filters asks of a book of the sample."""
        groups = enumerate(conditions.text.groups)
        return [
            *(self.one_of(number, group, _like) for number, group in groups),
            *(_has(number) for number in range(len(conditions.attributes))),
        ]

    def _by_blocks(self, conditions: Conditions) -> sa.ColumnElement[int]:
        exact = self.matches_up_to(EXACT_UP_TO, conditions, "")
        own = all(each.column in self.books.c for each in conditions.comparisons)
        blocks = self._blocks(SAMPLE if own else KEYED)
        clauses = self.compared(conditions, blocks)
        hits = sa.func.count().filter(*clauses)
        seen = sa.func.greatest(sa.func.count(blocks.c.id), 1)
        sampled = sa.select(self.total * hits / seen).select_from(blocks).scalar_subquery()
        # CASE runs the sample only if it is needed.
        beyond = sa.func.greatest(sa.func.round(sampled), EXACT_UP_TO)
        return sa.case((exact <= EXACT_UP_TO, exact), else_=beyond)

    def _blocks(self, books: int) -> Any:
        """About so many books: blocks at random, by `seed` the same ones each time."""
        percentage = sa.func.least(100, 100.0 * books / sa.func.greatest(1, self.total))
        return sa.tablesample(
            self.books, sa.func.system(percentage), name="blocks", seed=sa.literal(1)
        )


def _like(text: Any, piece: Any) -> sa.ColumnElement[bool]:
    """Whether the text has the piece, by the index. A piece has none of the wildcards of LIKE."""
    # In a sub-SELECT the planner does not see it: it would judge by it, and read the table.
    unseen = sa.select(sa.literal("%").concat(piece).concat("%")).scalar_subquery()
    clause: sa.ColumnElement[bool] = text.like(unseen)
    return clause


def _has(number: int) -> sa.ColumnElement[bool]:
    """Whether a book has one of the tokens of an attribute."""
    tokens = sa.select(sa.bindparam(attribute_name(number), type_=_TEXTS)).scalar_subquery()
    # Unseen by the planner, as above: it would read the sample from end to end.
    return _ATTRIBUTES.op("&&", is_comparison=True)(tokens)


def _number_of(found: sa.Select[Any], most: int) -> sa.ColumnElement[int]:
    return number_of(found.limit(sa.literal_column(str(most))))
