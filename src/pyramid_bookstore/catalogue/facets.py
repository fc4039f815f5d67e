"""Facets: the most frequent values of declared fields among the books of a list."""

from collections.abc import Mapping, Sequence

from pyramid_bookstore.catalogue.listing import FacetValue
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.db.query import Reader


def facets_of(reader: Reader, query: ListQuery) -> Mapping[str, Sequence[FacetValue]]:
    """The most frequent values of each facet of the query."""
    return {}
