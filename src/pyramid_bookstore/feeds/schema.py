"""The query parameters of the export and the import."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, get_args

import colander

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.field import parameter
from pyramid_bookstore.catalogue.query import FilterParameters, Filters, given_filters
from pyramid_bookstore.feeds.intake import ExportFormat
from pyramid_bookstore.feeds.models import LONGEST_SOURCE
from pyramid_bookstore.feeds.options import DECIMALS, pairs
from pyramid_bookstore.feeds.profiles import profile_names
from pyramid_bookstore.feeds.snapshot import ABSENT, MAX_ABSENT, Absent
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import Choice, Flag, Parameters, Repeated, Token


class ExportParameters(FilterParameters):
    """The parameters of the export."""

    format = parameter(Choice(*get_args(ExportFormat)), "The file's format.", missing="csv")
    bom = parameter(
        Flag(), "Begin CSV with a byte order mark, by which Excel knows UTF-8.", missing=False
    )

    def check(self, values: dict[str, Any], error: colander.Invalid) -> None:
        super().check(values, error)
        if values["bom"] and values["format"] != "csv":
            error["bom"] = "Only CSV can begin with a byte order mark."


class ImportParameters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters of the import."""

    schema_type = Parameters

    skip_invalid = parameter(Flag(), "Take the good rows and report the others.", missing=False)
    dry_run = parameter(Flag(), "Report what would be done, and write nothing.", missing=False)
    column = parameter(
        Repeated(),
        "`FIELD=COLUMN`: the column that has this field; of several, `FIELD=A,B`, the first that is"
        " filled. Columns that are no field are then passed over.",
        missing=(),
    )
    set = parameter(
        Repeated(), "`FIELD=VALUE`: the value of a field that the file lacks.", missing=()
    )
    profile = parameter(Choice(*profile_names()), "The columns of a file that this program wrote.")
    encoding = parameter(Token(64), "The encoding, if it is not UTF-8.")
    delimiter = parameter(
        Token(9), "`comma`, `semicolon`, `tab`, `pipe`, or a character; else the header tells."
    )
    decimal = parameter(Choice(*DECIMALS), "The decimal sign of prices and numbers.")
    repair_isbn = parameter(
        Flag(), "Put back the leading zeros that an ISBN lost, if its checksum fits.", missing=False
    )
    sheet = parameter(Token(255), "The sheet of a spreadsheet, if not the first.", missing=None)
    source = parameter(
        Token(LONGEST_SOURCE), "The name of the source; the file is all that it has.", missing=None
    )
    absent = parameter(
        Choice(*ABSENT),
        "What happens to books that came with the source before and are not in the file: nothing,"
        " or their stock becomes 0, or they are deleted, which also needs the permission"
        " `bookstore.delete`.",
        missing="keep",
    )
    max_absent = parameter(
        Token(20),
        "Percent of the source's books. If more of them are absent, the import is refused.",
        missing=MAX_ABSENT,
    )


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which books, and in which format."""

    filters: Filters = field(default_factory=dict)
    format: ExportFormat = "csv"
    bom: bool = False
    declared: Declared = NOTHING_DECLARED


@dataclass(frozen=True, slots=True)
class ImportQuery:
    """The options of an import."""

    skip_invalid: bool = False
    dry_run: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    repair_isbn: bool = False
    sheet: str | None = None
    source: str | None = None
    absent: Absent = "keep"
    max_absent: str = MAX_ABSENT


def parse_export(
    pairs: Iterable[tuple[str, str]], declared: Declared = NOTHING_DECLARED
) -> ExportQuery:
    """The query of an export; raises `ValidationFailed`."""
    values = deserialized(_export_schema(declared), pairs, pointers=False)
    filters = given_filters(values, ["format", "bom"])
    return ExportQuery(filters, values["format"], values["bom"], declared)


def parse_import(query: Iterable[tuple[str, str]]) -> ImportQuery:
    """The query of an import; raises `ValidationFailed`."""
    values = deserialized(_IMPORT, query, pointers=False)
    columns, fixed = pairs("column", values.pop("column")), pairs("set", values.pop("set"))
    return ImportQuery(columns=columns, fixed=fixed, **values)


@lru_cache(maxsize=16)  # an application has one declaration
def _export_schema(declared: Declared) -> Any:
    return ExportParameters(declared=declared)


_IMPORT = ImportParameters()
