"""The query parameters of the export and the import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

import colander

from pyramid_bookstore.catalogue.field import parameter
from pyramid_bookstore.catalogue.query import FilterParameters, Filters, given_filters
from pyramid_bookstore.feeds.intake import ExportFormat
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import Choice, Flag, Parameters, Token


class ExportParameters(FilterParameters):
    """The parameters of the export."""

    format = parameter(Choice(*get_args(ExportFormat)), "The file's format.", missing="csv")


class ImportParameters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters of the import."""

    schema_type = Parameters

    skip_invalid = parameter(Flag(), "Take the good rows and report the others.", missing=False)
    dry_run = parameter(Flag(), "Report what would be done, and write nothing.", missing=False)
    sheet = parameter(Token(255), "The sheet of a spreadsheet, if not the first.", missing=None)


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which books, and in which format."""

    filters: Filters = field(default_factory=dict)
    format: ExportFormat = "csv"


@dataclass(frozen=True, slots=True)
class ImportQuery:
    """The options of an import."""

    skip_invalid: bool = False
    dry_run: bool = False
    sheet: str | None = None


def parse_export(pairs: Iterable[tuple[str, str]]) -> ExportQuery:
    """The query of an export; raises `ValidationFailed`."""
    values = deserialized(_EXPORT, pairs, pointers=False)
    return ExportQuery(given_filters(values, ["format"]), values["format"])


def parse_import(pairs: Iterable[tuple[str, str]]) -> ImportQuery:
    """The query of an import; raises `ValidationFailed`."""
    return ImportQuery(**deserialized(_IMPORT, pairs, pointers=False))


_EXPORT = ExportParameters()
_IMPORT = ImportParameters()
