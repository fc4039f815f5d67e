"""Search on SQLite: which way to a page, by a look at how often its filters are met.

SQLite keeps no statistics that would tell a rare value from a common one. So a first statement
counts the candidates of each filter, up to `RARE`; with few, the rarest filter's are fetched and
sorted, and with more the index of the order is walked until the page is full. The choice is then
written into the statement, so that no planner can get it wrong: candidates are a subquery, or for
texts the list that was found, and a unary plus keeps all other indexes out.

The books with a token of a declared field are in the order of their age, so those pages are read by
that index: of one token however many books have it, and of several filters where it is rare.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.search.base import PATIENCE, Choice, Probe, number_of
from pyramid_bookstore.search.conditions import Conditions, attribute_name
from pyramid_bookstore.search.sqlite_texts import RARE, SEQ, SQLiteTexts, members, one_index

#: An estimated total is exact up to so many matches, beyond them it comes from so many blocks of so
#: many books, spread evenly: books side by side are read at a tenth of the cost.
EXACT_UP_TO = 2_000
BLOCKS, BLOCK = 64, 200
SAMPLE = BLOCKS * BLOCK

#: Books that are looked at to estimate a facet.
FACETED = 64 * 60

# Fetching a candidate and sorting it costs about as much as walking past seven books. So many books
# wanted are then cheaper from n candidates than by walking where n < sqrt(wanted / 7 * books).
_WALKED_PER_COLLECTED = 7

#: A walk is not thought to be shorter than one for so many books.
_PAGE = 20

_FIRST = sa.select(sa.literal(0).label("number")).cte("numbers", recursive=True)
_NUMBERS = _FIRST.union_all(sa.select(_FIRST.c.number + 1).where(_FIRST.c.number < BLOCKS - 1))

#: Made by `catalogue.declared_index`.
_TOKENS = sa.table(
    "bookstore_attributes",
    sa.column("token", sa.Text),
    sa.column("created_at", UTCDateTime()),
    sa.column("seq", sa.Integer),
)


class SQLiteSearch(SQLiteTexts):
    """Paths are chosen by probing; a path is named after the column whose index is entered."""

    indexes = ("bookstore_search", "bookstore_search_grams")
    ALL = "all"
    SCANNED_FROM = 0.35

    def where(self, conditions: Conditions, path: str, order: str = "") -> list[Any]:
        clauses: list[Any] = []
        if path == self.COLLECT:
            clauses.append(SEQ.in_(sa.select(members("candidates"))))
        elif self.sorts(path) and path != self.SCAN:
            clauses.append(SEQ.in_(self._candidates(conditions, path)))
        clauses += self._checked(conditions, path, order, self.books.c.created_at, SEQ)
        return clauses

    def source(
        self, conditions: Conditions, path: str, order: str, aged: str
    ) -> tuple[Any, Any, list[Any]]:
        if not aged:
            return super().source(conditions, path, order, aged)
        index = _TOKENS.alias("aged")
        token = sa.func.json_extract(sa.bindparam(aged, type_=sa.Text()), "$[0]")
        clauses = self._checked(conditions, aged, "", index.c.created_at, index.c.seq)
        books = index.join(self.books, index.c.seq == SEQ)
        return books, index.c.created_at, [index.c.token == token, *clauses]

    def _checked(
        self, conditions: Conditions, path: str, order: str, created_at: Any, seq: Any
    ) -> list[Any]:
        """The conditions but for that of the path, of the book with this age and number."""
        # Of candidates as well: they were found by a part of the text, and a moment ago.
        found = path == self.ALL and self.knows(conditions.text)
        clauses: list[Any] = [] if found else self.texts(conditions.text)
        for each in conditions.comparisons:
            if path == each.column:
                continue
            column: Any = self.column(each.column)
            # Where the walk is along the very column, its index is entered and left at the right
            # place; no index is used for a column with a unary plus.
            own = each.column in self.computed
            if not own and not (path == self.WALK and order == each.column):
                column = sa.literal_column(f"+{column}", column.type)
            clauses.append(each.clause(column))
        clauses += [
            self._tokens(number)
            .where(_TOKENS.c.created_at == created_at, _TOKENS.c.seq == seq)
            .correlate_except(_TOKENS)
            .exists()
            for number in range(len(conditions.attributes))
            if path != attribute_name(number)
        ]
        return clauses

    def sorts(self, path: str) -> bool:
        return path not in ("", self.WALK)

    def probe(self, conditions: Conditions) -> Probe | None:
        paths = self._paths(conditions)
        if not paths:
            return None
        columns: list[Any] = [self.total.label("total")]
        columns += [
            (
                self.found(conditions.text)
                if path == self.COLLECT
                else number_of(self._candidates(conditions, path).limit(RARE))
            ).label(path)
            for path in paths
        ]
        return Probe(sa.select(*columns), partial(self._choose, conditions))

    def _choose(
        self, conditions: Conditions, probed: Sequence[Any], wanted: int, order: str
    ) -> Choice:
        paths, by_time = self._paths(conditions), conditions.by_time
        ordered = [
            attribute_name(at) for at, several in enumerate(conditions.attributes) if not several
        ]
        alone = conditions == Conditions(attributes=(False,))
        total, *found = probed
        counted = dict(zip(paths, found, strict=True))
        if self.COLLECT in counted:
            counted[self.COLLECT] = RARE if found[0] is None else len(json.loads(found[0]))
        path, fewest = min(counted.items(), key=lambda item: item[1])
        # Candidates may all be false, and a walk then finds none.
        wanted = max(wanted, _PAGE)
        few = fewest < min(RARE, (wanted * total / _WALKED_PER_COLLECTED) ** 0.5)
        aged = path if order == "created_at" and path in ordered else ""
        if fewest and not few:
            path = self.WALK
        if aged and (fewest < RARE or alone):
            return Choice(path, {}, 0, total, fewest, aged)
        probed = [
            counted[each]
            for each in counted
            if fewest and (each not in self.books.c or (each == by_time and each != order))
        ]
        if path == self.WALK and probed:
            walked = int(PATIENCE * wanted * total / min(probed)) + 1
            # Fewer may be candidates that only have some parts of the text.
            certain = fewest == RARE and len(paths) == 1 and self.knows(conditions.text)
            return Choice(path, {}, walked, total, fewest, certain=certain)
        candidates = {"candidates": found[0]} if path == self.COLLECT else {}
        return Choice(path, candidates, 0, total, fewest)

    def _count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        single = self._single(conditions)
        if single is not None and path != self.COLLECT:
            return number_of(single)
        counted = self._counted(conditions, path)
        if path != self.WALK or not (conditions.text.groups and one_index(conditions.text)):
            # If nothing of it is rare, reading the table from end to end is the cheapest.
            return counted
        # But for a text that is not in very many books.
        text = self._sampled(Conditions(conditions.text))
        by_text = self._counted(conditions, self.ALL)
        return sa.case((text < self.total * self.SCANNED_FROM, by_text), else_=counted)

    def _counted(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        clauses = self.where(conditions, path)
        statement = sa.select(sa.func.count()).select_from(self.books).where(*clauses)
        return statement.correlate(None).scalar_subquery()

    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        if path != self.WALK:
            return self.count(conditions, path)
        sampled = self._sampled(conditions)
        single = self._single(conditions)
        if single is None:
            # A sample may take as many books, and say less.
            return sa.case((self.total <= SAMPLE, self.count(conditions, path)), else_=sampled)
        exact = number_of(single.limit(EXACT_UP_TO + 1))
        return sa.case((exact <= EXACT_UP_TO, exact), else_=sa.func.max(sampled, EXACT_UP_TO))

    def tokens(self, tokens: Sequence[str]) -> str:
        return json.dumps(tokens)

    def members_of(self, attributes: Any) -> Any:
        found = sa.func.json_each(attributes).table_valued("value", joins_implicitly=True)
        return found.c.value

    def sample(self, conditions: Conditions, path: str) -> sa.Select[Any]:
        found = sa.select(self.books.c.id, self.books.c.attributes)
        if path != self.WALK and path:
            return found.where(*self.where(conditions, path)).limit(FACETED)
        return found.select_from(self._blocks(FACETED // BLOCKS)).where(
            *self.where(conditions, self.WALK)
        )

    def _sampled(self, conditions: Conditions) -> ColumnElement[int]:
        clauses = self.where(conditions, self.WALK)
        hits = sa.func.sum(sa.case((sa.and_(*clauses), 1), else_=0))
        return (
            sa.select((self.total * hits + sa.func.count() // 2) // sa.func.max(sa.func.count(), 1))
            .select_from(self._blocks(BLOCK))
            .correlate(None)
            .scalar_subquery()
        )

    def _blocks(self, size: int) -> Any:
        """Blocks of so many books, spread evenly."""
        first = _NUMBERS.c.number * self.end(sa.func.max) // BLOCKS
        return _NUMBERS.join(self.books, sa.and_(first < SEQ, first + size >= SEQ))

    def _paths(self, conditions: Conditions) -> list[str]:
        """The filters that have an index."""
        columns = dict.fromkeys(
            each.column
            for each in conditions.comparisons
            if each.column not in self.computed or each.operator == "="
        )
        paths = [
            column for column in columns if column in self.indexed or column not in self.books.c
        ]
        paths = [*map(attribute_name, range(len(conditions.attributes))), *paths]
        return [self.COLLECT, *paths] if conditions.text.groups else paths

    def _single(self, conditions: Conditions) -> sa.Select[Any] | None:
        """The matches, where one index alone knows them."""
        columns = {each.column for each in conditions.comparisons}
        columns |= {*map(attribute_name, range(len(conditions.attributes)))}
        paths = self._paths(conditions)
        if len(paths) != 1 or not columns <= {*paths} or not self.knows(conditions.text):
            return None
        single: sa.Select[Any] = self._candidates(conditions, paths[0])
        return single

    def _candidates(self, conditions: Conditions, path: str) -> Any:
        """The numbers of the rows that one filter lets through, by its index alone; of texts, at
        least one of them."""
        books = sa.select(SEQ.label("number")).select_from(self.books)
        if path == self.ALL and not conditions.text.groups:
            path = attribute_name(0) if conditions.attributes else conditions.by_time
        for at, several in enumerate(conditions.attributes):
            if path == attribute_name(at):
                tokens = self._tokens(at)
                return tokens.distinct() if several else tokens
        if path in self.computed:
            # Each by an index of its own; together, the planner would read all books.
            computed = self.computed[path]
            zeros = (self.column(computed.column) == 0,), self.hidden(computed)
            return sa.union_all(*(books.where(*each) for each in zeros))
        if path in (self.COLLECT, self.ALL):
            return self.text_candidates(conditions.text)
        clauses = [
            each.clause(self.column(path)) for each in conditions.comparisons if each.column == path
        ]
        return books.where(*clauses)

    def _tokens(self, number: int) -> sa.Select[Any]:
        """The rows with one of the tokens of an attribute, some of them twice."""
        tokens = members(attribute_name(number))
        return sa.select(_TOKENS.c.seq).where(_TOKENS.c.token.in_(sa.select(tokens)))
