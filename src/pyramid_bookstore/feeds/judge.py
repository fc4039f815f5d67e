"""From a row as it came to a row of the table, or to what is wrong with it.

There are two ways, and both come to the same: rows without any peculiarity are taken by a few plain
tests, at microseconds each; all others go through the schema, which also finds the words for what
is wrong. A test holds the one against the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from unicodedata import is_normalized

from pyramid_bookstore.catalogue.columns import FOLDED_LENGTH, folded
from pyramid_bookstore.catalogue.schema import validate_book, validate_changes, validate_extra
from pyramid_bookstore.errors import Fault, InvalidJSON, ValidationFailed
from pyramid_bookstore.feeds.cells import fault, values_of
from pyramid_bookstore.feeds.layout import FIELDS, FeedOptions
from pyramid_bookstore.values import isbn as isbns
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import INTEGER_MAX, REQUIRED

_MAX_TEXT: Final = 255
_MAX_DESCRIPTION: Final = 10_000
#: Folded authors that are remembered: a catalogue names each of them many times.
_MAX_AUTHORS: Final = 20_000

_PLAIN_PRICE = re.compile(r"(0|[1-9][0-9]{0,7})(?:\.([0-9]{1,2}))?", re.ASCII)


class Checked(NamedTuple):
    """A row for the table; None is a field that the feed leaves out.

    ``price`` is text with exactly two decimals; ``described`` tells a description of None (that is
    null) from one that was left out; ``extra`` is JSON text.
    """

    isbn: str
    title: str | None
    author: str | None
    price: str | None
    stock: int | None
    description: str | None
    described: bool
    extra: str | None
    title_folded: str | None
    author_folded: str | None


Verdict = Checked | list[Fault]


class Judge:
    """Checks rows by the rules of the book and the host's schema for ``extra``."""

    def __init__(self, options: FeedOptions) -> None:
        self._options = options
        self._schema = options.extra_schema
        self._fixed = _fixed_values(options)
        self._folded: dict[str, str] = {}
        self.default_extra, self.faults_without_extra = _without_extra(self._schema)

    def cells(self, cells: Sequence[str | None]) -> Verdict:
        """The verdict on the cells of `FIELDS`; None is a column that is not there."""
        isbn, title, author, price, stock, description, extra = cells
        if (
            isbn
            and (title is None or title[:1] != "'")
            and (author is None or author[:1] != "'")
            and (not description or description[0] != "'")
            and (not stock or (len(stock) < 11 and stock.isascii() and stock.isdigit()))
            and price != ""
        ):
            found = self._plain(
                isbn,
                title,
                author,
                price,
                int(stock) if stock else None,
                description or None,
                description is not None,
                extra or None,
            )
            if found is not None:
                return found
        return self.examine_cells(cells)

    def document(self, value: Any) -> Verdict:
        """The verdict on the value of a line of NDJSON."""
        if isinstance(value, dict):
            if self._fixed:
                value = value | self._fixed
            found = self._plain_document(value)
            if found is not None:
                return found
        return self.examine(value)

    def examine_cells(self, cells: Sequence[str | None]) -> Verdict:
        """The verdict of the schema on the cells of `FIELDS`."""
        faults: list[Fault] = []
        given = {name: cell for name, cell in zip(FIELDS, cells, strict=True) if cell is not None}
        return self.examine(values_of(given, faults), faults)

    def examine(self, value: Any, faults: Iterable[Fault] = ()) -> Verdict:
        """The verdict of the schema on a document; ``faults`` are those found already."""
        if not isinstance(value, dict):
            return [Fault("", "", "The line must hold a JSON object.")]
        found = list(faults)
        fields: dict[str, Any] = {}
        try:
            fields = validate_changes(self._repaired(value), extra_schema=self._schema)
        except ValidationFailed as refused:
            found += refused.faults
        if "isbn" not in value and not any(fault.field == "isbn" for fault in found):
            found.append(fault("isbn", REQUIRED))
        if found:
            return sorted(found, key=_place)
        extra = fields.get("extra")
        title, author = fields.get("title"), fields.get("author")
        return Checked(
            isbn=fields["isbn"],
            title=title,
            author=author,
            price=str(fields["price"]) if "price" in fields else None,
            stock=fields.get("stock"),
            description=fields.get("description"),
            described="description" in fields,
            extra=None if extra is None else jsontext.dumps(extra).decode(),
            title_folded=None if title is None else folded(title),
            author_folded=None if author is None else folded(author),
        )

    def _repaired(self, value: dict[str, Any]) -> dict[str, Any]:
        isbn = value.get("isbn")
        if not self._options.repair_isbn or not isinstance(isbn, str):
            return value
        repaired = isbns.repair(isbn)
        return value if repaired is None else {**value, "isbn": repaired}

    def _plain_document(self, value: dict[str, Any]) -> Checked | None:
        if not value.keys() <= _FIELD_SET:
            return None
        isbn, title, author = value.get("isbn"), value.get("title", ""), value.get("author", "")
        stock, description = value.get("stock", 0), value.get("description")
        price, extra = value.get("price", 0), value.get("extra", {})
        # Exactly these types: a boolean is an integer too, and JSON gives no other subclasses.
        if (
            type(isbn) is not str
            or type(title) is not str
            or type(author) is not str
            or type(stock) is not int
            or stock < 0
            or (type(price) is not int and type(price) is not Decimal)
            or (description is not None and type(description) is not str)
            or type(extra) is not dict
            or _any_surrogate(isbn, title, author, description or "")
        ):
            return None
        return self._plain(
            isbn,
            title if "title" in value else None,
            author if "author" in value else None,
            str(price) if "price" in value else None,
            stock if "stock" in value else None,
            description,
            "description" in value,
            extra if "extra" in value else None,
        )

    def _plain(
        self,
        isbn: str,
        title: str | None,
        author: str | None,
        price: str | None,
        stock: int | None,
        description: str | None,
        described: bool,
        extra: str | dict[str, Any] | None,
    ) -> Checked | None:
        """The row if nothing about it needs a second look; texts hold no lone surrogates."""
        digits = isbn.encode()
        if (
            len(digits) != 13
            or not digits.isdigit()
            or not isbn.startswith(("978", "979"))
            or isbn.startswith("9790")
            # Character codes instead of digits: what they are off by is a multiple of ten.
            or (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10
        ):
            try:
                isbn = isbns.canonical(isbn)
            except ValueError:
                return None
        title_folded = author_folded = None
        if title is not None:
            title = title.strip()
            if not 0 < len(title) <= _MAX_TEXT or "\0" in title:
                return None
            if title.isascii():
                title_folded = " ".join(title.lower().split())[:FOLDED_LENGTH]
            elif is_normalized("NFC", title):
                title_folded = folded(title)
            else:
                return None
        if author is not None:
            author = author.strip()
            author_folded = self._folded.get(author)
            if author_folded is None:
                if not 0 < len(author) <= _MAX_TEXT or "\0" in author:
                    return None
                if not is_normalized("NFC", author):
                    return None
                if len(self._folded) > _MAX_AUTHORS:
                    self._folded.clear()
                author_folded = self._folded[author] = folded(author)
        if price is not None:
            match = _PLAIN_PRICE.fullmatch(price)
            if match is None:
                return None
            whole, cents = match.groups()
            if cents is None or len(cents) != 2:
                price = f"{whole}.{cents or '':0<2}"
            if stock and price == "0.00":
                return None
        if stock is not None and stock > INTEGER_MAX:
            return None
        if description and (
            len(description) > _MAX_DESCRIPTION
            or "\0" in description
            or not is_normalized("NFC", description)
        ):
            return None
        document = None
        if extra == "{}" and self._schema is None:
            document = "{}"
        elif extra is not None:
            document = self._extra(extra)
            if document is None:
                return None
        return Checked(
            isbn,
            title,
            author,
            price,
            stock,
            description,
            described,
            document,
            title_folded,
            author_folded,
        )

    def _extra(self, extra: str | dict[str, Any]) -> str | None:
        """The JSON text of ``extra`` by its own rules, or None where those refuse it."""
        try:
            value = jsontext.loads(extra.encode()) if isinstance(extra, str) else extra
            return jsontext.dumps(validate_extra(value, self._schema)).decode()
        except (InvalidJSON, ValidationFailed):
            return None


_FIELD_SET = frozenset(FIELDS)


def _any_surrogate(*texts: str) -> bool:
    for text in texts:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return True
    return False


def _without_extra(schema: Any) -> tuple[str, list[Fault]]:
    """The JSON text of ``extra`` for new books whose row has none, or why there must be one."""
    book = {"title": "T", "author": "A", "isbn": "9780000000002", "price": 1}
    try:
        extra = validate_book(book, extra_schema=schema)["extra"]
    except ValidationFailed as refused:
        return "{}", list(refused.faults)
    return jsontext.dumps(extra).decode(), []


def _place(fault: Fault) -> int:
    """Where a fault comes among those of one row: in the order of the fields."""
    field = fault.field.partition(".")[0]
    return FIELDS.index(field) if field in _FIELD_SET else len(FIELDS)


def _fixed_values(options: FeedOptions) -> dict[str, Any]:
    """The fixed values as a client would send them in JSON; raises `ValidationFailed`."""
    faults: list[Fault] = []
    values = values_of(options.fixed, faults)
    try:
        validate_changes(values, extra_schema=options.extra_schema)
    except ValidationFailed as refused:
        faults += refused.faults
    if faults:
        raise ValidationFailed(faults)
    return values
