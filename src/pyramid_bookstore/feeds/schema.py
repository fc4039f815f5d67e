"""The query parameters of the export and the import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import colander

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.field import parameter
from pyramid_bookstore.catalogue.query import FilterParameters, Filters, given_filters
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import Choice, Flag, Parameters


class ExportParameters(FilterParameters):
    """The parameters of the export."""

    format = parameter(Choice("csv", "ndjson"), "The file's format.", missing="csv")


class ImportParameters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters of the import."""

    schema_type = Parameters

    skip_invalid = parameter(Flag(), "Take the good rows and report the others.", missing=False)
    dry_run = parameter(Flag(), "Report what would be done, and write nothing.", missing=False)


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which books, and in which format."""

    filters: Filters = field(default_factory=dict)
    format: Literal["csv", "ndjson"] = "csv"
    declared: Declared = NOTHING_DECLARED


@dataclass(frozen=True, slots=True)
class ImportQuery:
    """The options of an import."""

    skip_invalid: bool = False
    dry_run: bool = False


def parse_export(
    pairs: Iterable[tuple[str, str]], declared: Declared = NOTHING_DECLARED
) -> ExportQuery:
    """The query of an export; raises `ValidationFailed`."""
    values = deserialized(_export_schema(declared), pairs, pointers=False)
    return ExportQuery(given_filters(values, ["format"]), values["format"], declared)


def parse_import(pairs: Iterable[tuple[str, str]]) -> ImportQuery:
    """The query of an import; raises `ValidationFailed`."""
    return ImportQuery(**deserialized(_IMPORT, pairs, pointers=False))


@lru_cache(maxsize=16)  # an application has one declaration
def _export_schema(declared: Declared) -> Any:
    return ExportParameters(declared=declared)


_IMPORT = ImportParameters()
