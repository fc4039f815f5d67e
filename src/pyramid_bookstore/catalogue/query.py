"""The query parameters of the list; filters and sorts come from the declaration of the fields."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import colander

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.field import (
    AVAILABLE,
    Field,
    Filter,
    TextSearch,
    parameter,
)
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.trade import TRADE
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.search.pieces import COUNTED
from pyramid_bookstore.search.ranking import RANKED
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import (
    Choice,
    Names,
    Parameters,
    SortOrder,
    Term,
    Token,
    WholeNumber,
    as_parameters,
)
from pyramid_bookstore.values.types import INTEGER_MAX

SORT_FIELDS = tuple(name for name, declared in FIELDS.items() if declared.sort)
NEWEST_FIRST = (("created_at", True),)
RELEVANCE = (("relevance", False),)
MAX_CURSOR = 16_384
"""Characters; the stored words of a title and an author, 2,500 bytes each, take 6,700 of them."""
LARGEST_PAGE = 1000
"""The largest page for Python code; over HTTP it is a setting."""
MAX_OFFSET = 100_000
"""Up to so many books by ``page``, where no setting says otherwise."""
Count = Literal["exact", "estimated", "none"]

#: The values of the given filter parameters, by name.
Filters = Mapping[str, Any]
NO_FILTERS: Filters = MappingProxyType({})

_OF_TRADE = Declared({each.name: each for each in TRADE}).parameters
_SEARCH = (
    "Words of the title, the author, or a declared field for `search`, each of which may be part of"
    ' a longer one, in any order, whatever the case or accents; `"in quotes"` as one run of whole'
    f" words; an ISBN in any form, or four digits of one. The first {COUNTED} words count."
)


def filters(declared: Declared = NOTHING_DECLARED) -> Iterator[tuple[Field, Filter]]:
    """Every filter, with its field."""
    for known in (*FIELDS.values(), *declared.fields.values()):
        for each in known.filters:
            # The search indexes know the words of titles and authors alone.
            assert known.name == "author" or not isinstance(each, TextSearch), known.name
            yield known, each


class _Parameters(Parameters):
    """What other APIs call otherwise is known; of the trade's fields it says how they become
    parameters."""

    also_called: ClassVar = {
        **dict.fromkeys(("q", "query", "title", "isbn", "keyword", "keywords"), "search"),
        **dict.fromkeys(("per_page", "page_size", "size"), "limit"),
        **dict.fromkeys(("order", "order_by"), "sort"),
        "offset": "page",
    }

    def messages_for(self, unknown: Sequence[str], known: Sequence[str]) -> Mapping[str, str]:
        said = super().messages_for(unknown, known)
        trade = {name: f"{said[name]} With `bookstore.trade = true` it is one."
                 for name in unknown if name in _OF_TRADE}  # fmt: skip
        return {**said, **trade}


class FilterParameters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters that filter books."""

    schema_type = _Parameters

    def __init__(self, *nodes: Any, declared: Declared = NOTHING_DECLARED, **options: Any) -> None:
        super().__init__(*nodes, **options)
        self.declared = declared
        found = [node for field, each in filters(declared) for node in each.parameters(field)]
        self.children[:0] = [*found, parameter(Term(), _SEARCH, "search")]

    def validator(self, node: Any, values: dict[str, Any]) -> None:
        """Called by Colander when each parameter is valid by itself."""
        error = colander.Invalid(node)
        self.check(values, error)
        if error.children:
            raise error

    def check(self, values: dict[str, Any], error: colander.Invalid) -> None:
        """Add faults of several parameters together to ``error``."""
        for known, each in filters(self.declared):
            each.check(known, values, error)


class ListParameters(FilterParameters):
    """The parameters of the list."""

    page = parameter(
        WholeNumber(1, INTEGER_MAX), "Page of the list, 1 by default; not together with `cursor`."
    )
    limit = parameter(WholeNumber(1, 100), "Books on a page.", missing=20)
    sort = parameter(
        SortOrder((*SORT_FIELDS, "relevance")),
        "Fields to sort by, each once, `-` for descending; ties are broken by `id`. `relevance`"
        f" stands alone, with a `search`: the best {RANKED:,} matches, the best first.",
        missing=NEWEST_FIRST,
    )
    fields = parameter(Names(tuple(FIELDS)), "Fields to show of each book; all by default.")
    cursor = parameter(
        Token(MAX_CURSOR),
        "From `next_cursor` or `Link` of the same list; costs the same at any depth. `page`,"
        " `total` and `total_pages` are then left out unless `count` asks for them.",
    )
    count = parameter(
        Choice("exact", "estimated", "none"),
        "How `total` is counted: `exact` by default, `none` by default with `cursor`.",
    )

    facets = parameter(
        Names(()),
        "Declared fields, separated by commas, of which the most frequent values are counted.",
    )

    max_offset = MAX_OFFSET

    def check(self, values: dict[str, Any], error: colander.Invalid) -> None:
        super().check(values, error)
        names = {name for name, _ in values["sort"]}
        if "relevance" in names:
            if values["sort"] != RELEVANCE:
                error["sort"] = "`relevance` stands alone, without `-`."
            elif not values["search"]:
                error["sort"] = "`relevance` needs a `search`."
            if values["cursor"] is not None:
                error["cursor"] = "A list by `relevance` has no cursor; go by `page`."
        self._check_page(values, error, by_relevance="relevance" in names)

    def _check_page(
        self, values: dict[str, Any], error: colander.Invalid, *, by_relevance: bool
    ) -> None:
        page, limit = values["page"] or 1, values["limit"]
        too_far = page > 1 and page * limit > self.max_offset
        if values["page"] is not None and values["cursor"] is not None:
            error["page"] = "A page cannot be asked for together with a cursor."
        elif by_relevance and (too_far or (page - 1) * limit >= RANKED):
            error["page"] = (
                f"A list by `relevance` ends after {min(RANKED, self.max_offset):,} books. Refine"
                " the search, or sort by a field."
            )
        elif too_far:
            error["page"] = (
                f"Pages end at {self.max_offset:,} books; go on with `cursor` (`next_cursor` of an"
                " earlier page)."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """A validated query of the list.

    ``sort`` has pairs of a field and whether it is descending, without the ``id`` that breaks ties.
    ``fields`` is in the order of JSON, None for all. ``count`` is None if not given. Pages end at
    ``max_offset`` books.
    """

    filters: Filters = field(default_factory=dict)
    page: int = 1
    limit: int = 20
    sort: tuple[tuple[str, bool], ...] = NEWEST_FIRST
    fields: tuple[str, ...] | None = None
    cursor: str | None = None
    count: Count | None = None
    facets: tuple[str, ...] | None = None
    max_offset: int = MAX_OFFSET
    declared: Declared = NOTHING_DECLARED

    @property
    def reach(self) -> int:
        """The books on all pages that may be asked for."""
        return max(self.max_offset // self.limit, 1) * self.limit


#: The parameters that are no filters.
_OTHERS = tuple({*ListQuery.__dataclass_fields__} - {"filters", "max_offset", "declared"})


def given_filters(values: Mapping[str, Any], others: Sequence[str]) -> Filters:
    """The filters among the values of parameters: those that are given, without the ``others``."""
    return {
        name: value for name, value in values.items() if value is not None and name not in others
    }


class SuggestParameters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters of suggestions."""

    schema_type = Parameters

    q = parameter(Term(), "What was typed so far.", missing=colander.required)
    q.missing_msg = "This parameter is required."
    limit = parameter(WholeNumber(1, 100), "Suggestions, at most.", missing=10)


SUGGEST: Any = SuggestParameters()


@lru_cache(maxsize=16)  # an application has one set of limits
def list_schema(
    default_limit: int = 20,
    max_limit: int = 100,
    max_offset: int = MAX_OFFSET,
    declared: Declared = NOTHING_DECLARED,
    holds: bool = False,
) -> Any:
    """The schema of the list's parameters; shared, so do not change it."""
    schema = ListParameters(declared=declared).clone()
    schema.declared = declared
    sortable = [name for name, each in declared.fields.items() if each.sort]
    schema["sort"].typ = SortOrder((*SORT_FIELDS, *sortable, "relevance"))
    schema["fields"].typ = Names((*FIELDS, *([AVAILABLE] * holds), *declared.fields))
    schema["facets"].typ = Names(declared.facets)
    if not declared.facets:
        del schema["facets"]
    schema.max_offset = max_offset
    schema[
        "page"
    ].description += (
        f" From page 2 on `page` × `limit` is at most {max_offset:,}; a cursor leads further."
    )
    schema["limit"].typ = WholeNumber(1, max_limit)
    schema["limit"].missing = default_limit
    return schema


def parse_listing(
    pairs: Iterable[tuple[str, str]],
    *,
    default_limit: int = 20,
    max_limit: int = 100,
    max_offset: int = MAX_OFFSET,
    declared: Declared = NOTHING_DECLARED,
    holds: bool = False,
) -> ListQuery:
    """The query of a list from its decoded parameters, in the order sent.

    Raises `ValidationFailed` with every fault, each with the parameter as its ``field``.
    """
    schema = list_schema(default_limit, max_limit, max_offset, declared, holds)
    values = deserialized(schema, pairs, pointers=False)
    others = {name: values.get(name) for name in _OTHERS} | {"page": values["page"] or 1}
    found = given_filters(values, _OTHERS)
    return ListQuery(**others, filters=found, max_offset=max_offset, declared=declared)


def list_query(
    *,
    sort: str | Sequence[str | tuple[str, bool]] | None = None,
    page: int = 1,
    cursor: str | None = None,
    facets: str | Sequence[str] | None = None,
    max_offset: int = MAX_OFFSET,
    declared: Declared = NOTHING_DECLARED,
    **values: Any,
) -> ListQuery:
    """The same as `parse_listing`, for values from Python; ``limit`` is at most `LARGEST_PAGE`.

    ``sort`` is the parameter's text, or a sequence of its keys, each a text or a pair of field and
    whether it is descending. Raises `ValidationFailed`.
    """
    values |= {"sort": _joined("sort", sort), "facets": _joined("facets", facets) or None}
    values |= {"page": None if cursor and page == 1 else page, "cursor": cursor}
    return parse_listing(
        as_parameters(values), max_limit=LARGEST_PAGE, max_offset=max_offset, declared=declared
    )


def _joined(name: str, value: Any) -> str | None:
    """A parameter's text from a sequence of names, or of pairs of a name and whether it descends;
    raises `ValidationFailed` for a value that is none."""
    if value is None or isinstance(value, str):
        return value
    try:
        keys = [(key, False) if isinstance(key, str) else key for key in value]
        return ",".join("-" * bool(descending) + key for key, descending in keys)
    except (TypeError, ValueError):
        message = "The value must be text, or a sequence of names."
        raise ValidationFailed([Fault(name, "", message)]) from None


def of_available(filters: Filters) -> Filters:
    """The filters with holds: `in_stock` is about what is available."""
    if "in_stock" not in filters:
        return filters
    return {**filters, AVAILABLE: filters["in_stock"]}
