"""How to read a feed: what the command line, the query and `import_books` may say about it."""

import codecs
import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from pyramid_bookstore.catalogue.extra import NO_RULES, ExtraRules
from pyramid_bookstore.catalogue.trade import TRADE
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.staging import FEED_FIELDS

DECIMALS: Final = ("comma", "point")

#: The delimiters that are looked for in a header, by the names that options give them.
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

#: The columns of a rejects file that are no field: they are passed over when it is imported.
OF_REJECTS: Final = ("line", "faults")

Columns = Mapping[str, str | Sequence[str]]


def option(name: str, value: str) -> str:
    """An option as messages name it."""
    return f"--{name} {value} (over HTTP {name}={value})"


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """How to read a feed.

    ``columns`` maps fields to other column names, of several (``A,B``) to the first that is filled;
    those of the fields ``optional`` may be missing. ``fixed`` has the values, as CSV cells, of
    fields that the feed lacks. ``decimal`` is the decimal sign of prices and numbers, ``comma`` or
    ``point``; ``delimiter`` and ``encoding`` are found out where they are not given.
    ``repair_isbn`` puts back the leading zeros that an ISBN lost, if its checksum is right then.
    ``ignore_unknown`` allows columns that are no field. ``rules`` are those for ``extra``.
    """

    columns: Columns = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    optional: Collection[str] = ()
    decimal: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    repair_isbn: bool = False
    ignore_unknown: bool = False
    rules: ExtraRules = NO_RULES

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that a feed may have; declared ones are members of `extra`."""
        return (*FEED_FIELDS, *self.rules.declared.fields)

    @property
    def separator(self) -> str | None:
        """The character of ``delimiter``."""
        return None if self.delimiter is None else DELIMITERS.get(self.delimiter, self.delimiter)

    def check(self) -> None:
        """Raise `ValidationFailed` for a value that has no meaning."""
        for name in (*self.columns, *self.fixed):
            if name not in self.fields:
                known = ", ".join(self.fields)
                refuse(f"There is no field {name!r} to import; the fields are {known}.", name)
        for name, column in self.columns.items():
            if name in self.fixed:
                refuse(f"The field {name} has both a column and a fixed value.", name)
            if not all(names_of(column)):
                refuse(f"The field {name} has a column without a name: {column!r}.", name)
        if self.decimal not in (None, *DECIMALS):
            refuse(f"{self.decimal!r} is no decimal sign; it is comma or point.", "decimal")
        separator = self.separator
        if separator is not None and (
            len(separator) != 1 or separator.isalnum() or separator in "\"'\r\n\0 \ufeff"
        ):
            names = ", ".join(DELIMITERS)
            refuse(
                f"{self.delimiter!r} is no delimiter; it is {names}, or one character"
                " that is no letter, digit, quotation mark, blank or line end.",
                "delimiter",
            )
        if self.encoding is not None:
            check_encoding(self.encoding)

    def candidates(self) -> dict[str, tuple[str, ...]]:
        """The columns in which each field may be, names as `normal` returns them."""
        return {
            name: tuple(map(normal, names_of(self.columns.get(name, [name]))))
            for name in self.fields
            if name not in self.fixed
        }

    def over(self, profile: "FeedOptions") -> "FeedOptions":
        """These options, with those of a profile where they say nothing."""
        said = {*self.columns, *self.fixed}
        columns = {name: each for name, each in profile.columns.items() if name not in said}
        fixed = {name: each for name, each in profile.fixed.items() if name not in said}
        return replace(
            self,
            columns={**columns, **self.columns},
            fixed={**fixed, **self.fixed},
            optional=(*self.optional, *columns),
            decimal=self.decimal or profile.decimal,
            delimiter=self.delimiter or profile.delimiter,
            encoding=self.encoding or profile.encoding,
            repair_isbn=self.repair_isbn or profile.repair_isbn,
            ignore_unknown=True,
        )


def normal(name: str) -> str:
    """A column's name in the form in which names are compared."""
    return " ".join(name.split()).casefold()


def names_of(columns: str | Sequence[str]) -> list[str]:
    """The names in ``A,B``, where a name with a comma is in quotation marks, or in a list."""
    if not isinstance(columns, str):
        return list(columns)
    try:
        [names] = csv.reader([columns], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        return [""]
    return [name.strip() for name in names]


def pairs(option: str, values: Iterable[str]) -> dict[str, str]:
    """The values of a repeated option ``FIELD=VALUE``; raises `ValidationFailed`."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        name = name.strip()
        if not equals or not name:
            what = "COLUMN" if option == "column" else "VALUE"
            refuse(f"{value!r} is not FIELD={what}.", option)
        if name in found:
            refuse(f"{name} is given twice.", option)
        found[name] = rest
    return found


def check_encoding(name: str) -> None:
    """Raise `ValidationFailed` for a name that is no encoding of text."""
    try:
        codecs.lookup(name)
        # Codecs that are no encoding of text, such as base64, refuse this.
        "isbn".encode(name)
    except (LookupError, UnicodeError, ValueError):
        known = False
    else:
        # These have no bound for the work or the length of what they read.
        known = codecs.lookup(name).name not in ("idna", "punycode", "utf-7")
    if not known:
        refuse(
            f"There is no encoding {name[:80]!r}; common ones are utf-8, utf-16, windows-1252,"
            " iso-8859-15, macintosh, shift_jis, gb18030.",
            "encoding",
        )


def options_from(values: Mapping[str, Any], rules: ExtraRules) -> FeedOptions:
    """Options from a mapping by their names, as a profile has them; raises `ValidationFailed`.

    The trade's fields may be in it where the application does not declare them.
    """
    given = dict(values)
    given["fixed"] = given.pop("set", {})
    given.setdefault("columns", {})
    known = {each.name for each in fields(FeedOptions)} - {"optional", "rules"}
    faults = [Fault(name, "", "There is no such option.") for name in given if name not in known]
    for name in ("columns", "fixed"):
        if not isinstance(given[name], dict):
            faults.append(Fault(name, "", "This must be a table of fields."))
    for name in ("decimal", "delimiter", "encoding"):
        if not isinstance(given.get(name, ""), str):
            faults.append(Fault(name, "", "This must be text."))
    if faults:
        raise ValidationFailed(faults)
    passed_over = {field.name for field in TRADE} - {*rules.declared.fields}
    for option in ("columns", "fixed"):
        given[option] = {name: each for name, each in given[option].items()
                         if name not in passed_over}  # fmt: skip
    for name, column in given["columns"].items():
        listed = [column] if isinstance(column, str) else column
        if not isinstance(listed, list) or not listed or not all(map(_is_text, listed)):
            refuse("The column must be a name, or a list of names.", name)
        given["columns"][name] = tuple(listed)
    for name, value in given["fixed"].items():
        if not isinstance(value, str):
            refuse('The value must be text in quotation marks, such as "9.99".', name)
    if not isinstance(given.get("repair_isbn", False), bool):
        refuse("The value must be true or false.", "repair_isbn")
    return FeedOptions(**given, rules=rules)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
