"""Every row of the sample catalogue must be one that the API would accept."""

from __future__ import annotations

import csv
import io
import unicodedata
from decimal import Decimal
from importlib import resources

import pytest
from stdnum import isbn as stdnum_isbn

HEADER = ["isbn", "title", "author", "price", "stock", "description"]
# A guide in the documentation creates this book itself, so the catalogue must not hold it.
WALK_THROUGH_TITLE = "The Rust Programming Language"


@pytest.fixture(scope="module")
def raw() -> bytes:
    return (resources.files("pyramid_bookstore") / "data" / "sample_catalogue.csv").read_bytes()


@pytest.fixture(scope="module")
def rows(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))


def test_the_sample_file_is_utf_8_without_bom_and_with_unix_line_ends(raw: bytes) -> None:
    """No byte order mark, no carriage return, one newline at the end."""
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    assert not raw.endswith(b"\n\n")


def test_every_sample_row_has_exactly_the_columns_of_the_header(
    raw: bytes, rows: list[dict[str, str]]
) -> None:
    """Every row has exactly the columns of the header."""
    table = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))
    assert table[0] == HEADER
    assert {len(row) for row in table} == {len(HEADER)}
    assert len(rows) >= 100


def test_sample_isbns_are_valid_canonical_and_unique(rows: list[dict[str, str]]) -> None:
    """Thirteen digits, checksum and prefix right, none twice."""
    isbns = [row["isbn"] for row in rows]
    bad = [isbn for isbn in isbns if not (isbn.isascii() and isbn.isdigit() and len(isbn) == 13)]
    bad += [isbn for isbn in isbns if stdnum_isbn.compact(isbn, convert=True) != isbn]
    bad += [isbn for isbn in isbns if not stdnum_isbn.is_valid(isbn)]
    assert bad == []
    assert len(set(isbns)) == len(isbns)


def test_sample_text_is_normalised_trimmed_and_within_limits(rows: list[dict[str, str]]) -> None:
    """NFC, no stray spaces or control characters, title and author of 1 to 255 characters."""
    for row in rows:
        for field, longest in (("title", 255), ("author", 255), ("description", 10_000)):
            text = row[field]
            assert text == unicodedata.normalize("NFC", text).strip(), (row["isbn"], field)
            assert len(text) <= longest, (row["isbn"], field)
            assert all(unicodedata.category(char)[0] != "C" for char in text), (row["isbn"], field)
        assert row["title"], row["isbn"]
        assert row["author"], row["isbn"]


def test_sample_prices_are_exact_and_positive(rows: list[dict[str, str]]) -> None:
    """Two decimals, above zero (so a stock is always allowed), within the column."""
    for row in rows:
        price = Decimal(row["price"])
        assert price.as_tuple().exponent == -2, row
        assert Decimal(0) < price <= Decimal("99999999.99"), row


def test_sample_stock_is_a_valid_number_and_some_books_are_sold_out(
    rows: list[dict[str, str]],
) -> None:
    """The filter ``in_stock`` then has an effect."""
    stocks = [row["stock"] for row in rows]
    assert all(stock.isascii() and stock.isdigit() for stock in stocks)
    assert all(int(stock) <= 2_147_483_647 for stock in stocks)
    assert "0" in stocks
    assert any(int(stock) > 0 for stock in stocks)


def test_the_sample_has_at_least_seven_books_by_tolkien(rows: list[dict[str, str]]) -> None:
    """``author=tolkien&page=2&limit=3`` is a full page with another after it."""
    assert sum("tolkien" in row["author"].casefold() for row in rows) >= 7


def test_the_book_created_in_the_guide_is_not_in_the_sample(rows: list[dict[str, str]]) -> None:
    """A reader who creates it must get 201, not 409."""
    assert not [row for row in rows if row["title"].startswith(WALK_THROUGH_TITLE)]
    assert "9781718500440" not in {row["isbn"] for row in rows}


def test_sample_titles_contain_accents_and_non_latin_scripts(rows: list[dict[str, str]]) -> None:
    """Searches with accents and in other scripts then have results."""
    titles = "".join(row["title"] for row in rows)
    names = [unicodedata.name(char, "") for char in titles]
    for script in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "CYRILLIC"):
        assert any(name.startswith(script) for name in names), script
    assert any(" WITH ACUTE" in name for name in names)
