"""Columns under other names, profiles of programs, and options without a meaning."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.errors import ValidationFailed
from tests.support.feeds import BOOKS, FAUST, HEADER, MOMO, NDJSON, ROW, messages, only, send


def test_the_first_filled_of_several_columns_is_taken_in_csv_and_ndjson(client):
    text = f'ISBN13,ISBN,Name,author,price\n="",="3522202554",M,E,1\n{FAUST},,"F",G,1\n'
    query = "?column=isbn=ISBN13,ISBN&column=title=Name"
    assert send(client, text, query).json["created"] == 2
    line = json.dumps({"ISBN13": None, "ISBN": ["3522202554"], "Name": "New", "x": 1})
    assert send(client, line, query, kind=NDJSON).json["updated"] == 1


def test_columns_of_other_programs_are_proposed_as_the_option_to_add(client, run, tmp_path):
    said = messages(send(client, "ISBN-13;Titel;Author(s);Qty\n", status=422))
    assert "column=isbn=ISBN-13" in said
    said = messages(send(client, "isbn,Author(s)\n", status=422))
    assert "--column 'author=Author(s)'" in said
    (tmp_path / "a.csv").write_text(f'isbn,title,"Author(s)",price\n{MOMO},M,E,1\n')
    done = run("import", "a.csv", "--column", "author=Author(s)")
    assert done.stdout.startswith("1 created")
    (tmp_path / "a.csv").write_text("EAN,Titel\n")
    said = run("import", "a.csv", code=1).stderr
    assert "it has: EAN, Titel. Perhaps --column isbn=EAN --column title=Titel" in said


def test_no_column_is_proposed_for_a_field_that_the_file_has(run, tmp_path):
    header = "isbn,isbn13,title,original_title,authors,price"
    (tmp_path / "a.csv").write_text(f"{header}\n{MOMO},9.78E+12,Momo,Momo,Ende,1\n")
    done = run("import", "a.csv", "--set", "stock=1", code=1)
    assert "--column author=authors" in done.stderr
    assert "isbn=isbn13" not in done.stderr
    assert "original_title" not in done.stderr.partition("Perhaps")[2]


#: The headers of whole exports.
LIBRARYTHING = (
    "Book Id|Title|Sort Character|Primary Author|Primary Author Role|Secondary Author"
    "|Secondary Author Roles|Publication|Date|Review|Rating|Comment|Private Comment|Summary"
    "|Media|Physical Description|Weight|Height|Thickness|Length|Dimensions|Page Count|LCCN"
    "|Acquired|Date Started|Date Read|Barcode|BCID|Tags|Collections|Languages"
    "|Original Languages|LC Classification|ISBN|ISBNs|Subjects|Dewey Decimal|Dewey Wording"
    "|Other Call Number|Copies|Source|Entry Date|From Where|OCLC|Work id|Lending Patron"
    "|Lending Status|Lending Start|Lending End|List Price|Purchase Price|Value|Condition|ISSN"
)
SHOPIFY = (
    "Handle|Title|Body (HTML)|Vendor|Product Category|Type|Tags|Published|Option1 Name"
    "|Option1 Value|Variant SKU|Variant Grams|Variant Inventory Tracker|Variant Inventory Qty"
    "|Variant Inventory Policy|Variant Fulfillment Service|Variant Price"
    "|Variant Compare At Price|Variant Requires Shipping|Variant Taxable|Variant Barcode"
    "|Image Src|Image Position|Image Alt Text|Gift Card|SEO Title|SEO Description"
    "|Variant Image|Variant Weight Unit|Variant Tax Code|Cost per item|Status"
)
NEW_SHOPIFY = (
    "Title|URL handle|Description|Vendor|Product category|Type|Tags|Published on online store"
    "|Status|SKU|Barcode|Option1 name|Option1 value|Option1 Linked To|Price|Compare-at price"
    "|Cost per item|Charge tax|Tax code|Inventory tracker|Inventory quantity"
    "|Continue selling when out of stock|Weight value (grams)|Weight unit for display"
    "|Requires shipping|Fulfillment service|Product image URL|Image position|Image alt text"
    "|Variant image URL|Gift card|SEO title|SEO description"
)
WOOCOMMERCE = (
    "ID|Type|SKU|GTIN, UPC, EAN, or ISBN|Name|Published|Is featured?|Visibility in catalog"
    "|Short description|Description|Date sale price starts|Date sale price ends|Tax status"
    "|Tax class|In stock?|Stock|Low stock amount|Backorders allowed?|Sold individually?"
    "|Weight (kg)|Length (cm)|Width (cm)|Height (cm)|Allow customer reviews?|Purchase note"
    "|Sale price|Regular price|Categories|Tags|Shipping class|Images|Download limit"
    "|Download expiry days|Parent|Grouped products|Upsells|Cross-sells|External URL"
    "|Button text|Position|Brands|Attribute 1 name|Attribute 1 value(s)|Attribute 1 visible"
    "|Attribute 1 global"
)


def export_of(header, delimiter=",", **cells):
    """One book in a file with this header; names of columns have ``_`` for what is no letter."""
    names = header.split("|")
    row = [cells.pop(re.sub(r"\W", "_", name), "") for name in names]
    assert not cells
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([names, row])
    return file.getvalue()


FILES = {
    "goodreads": "Book Id,Title,Author,ISBN,ISBN13,My Rating\n"
    f'1,Momo,Ende,="3522202554",="{MOMO}",5\n',
    "librarything": export_of(
        LIBRARYTHING, "\t", Book_Id="1", Title="Momo", Primary_Author="Ende", ISBN="[3522202554]",
        ISBNs=f"3522202554, {MOMO}", Copies="2", List_Price="$9.90", Summary="Momo (1973)",
    ),
    "shopify": export_of(
        SHOPIFY, Handle="m", Title="Momo", Vendor="Ende", Variant_Barcode=f"'{MOMO}",
        Variant_Price="9.90", Variant_Inventory_Qty="2", Body__HTML_="Momo (1973)",
    ),
    "new shopify": export_of(
        NEW_SHOPIFY, URL_handle="m", Title="Momo", Vendor="Ende", Barcode=MOMO, Price="9.90",
        Inventory_quantity="2", Description="Momo (1973)",
    ),
    "woocommerce": export_of(
        WOOCOMMERCE, ID="1", GTIN__UPC__EAN__or_ISBN=MOMO, Name="Momo", Regular_price="9.90",
        Stock="2", Short_description="Momo (1973)", Attribute_1_value_s_="Ende",
    ),
    "isbndb": json.dumps({"title": "Momo", "isbn13": MOMO, "authors": ["Ende"], "pages": 3}),
    "openlibrary": json.dumps({"title": "Momo", "isbn_13": [MOMO], "by_statement": "Ende"}),
}  # fmt: skip


#: The fields that a program's file leaves open, as one says them; else it is the price.
OPEN = {
    "librarything": "", "shopify": "column=author=Vendor", "new shopify": "column=author=Vendor",
    "woocommerce": "column=author=Attribute 1 value(s)",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_file_of_a_program_is_read_by_its_profile(client, name):
    body = FILES[name]
    kind = {"kind": NDJSON} if body.startswith("{") else {}
    query = f"?profile={name.removeprefix('new ')}&{OPEN.get(name, 'set=price=9.99')}"
    assert send(client, body, query, **kind).json["created"] == 1
    book = only(client)
    assert (book["title"], book["author"], book["isbn"]) == ("Momo", "Ende", MOMO)
    if name in OPEN:
        assert (book["price"], book["stock"], book["description"]) == (9.9, 2, "Momo (1973)")


def test_a_dump_of_open_library_is_refused_with_the_way_to_cut_it(client):
    line = "/type/edition\t/books/OL1M\t1\t2008-04-01\t{}\n"
    assert "cut -f5" in messages(send(client, line, status=422))
    assert "cut -f5" in messages(send(client, line, kind=NDJSON, status=422))


def test_a_profile_of_ones_own_extends_another_and_may_be_a_file(run, tmp_path, client):
    (tmp_path / "mine.toml").write_text('extends = "goodreads"\n[set]\nprice = "9.99"\n')
    (tmp_path / "a.csv").write_text(FILES["goodreads"])
    assert run("import", "a.csv", "--profile", "mine.toml").stdout.startswith("1 created")
    send(client, FILES["goodreads"], "?profile=mine.toml", status=422)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "is not TOML"), ("\xff", "is not TOML"), ('extends = "me.toml"', "extends itself"),
        ("extends = 1", "must be the name"), ('colour = "red"', "colour: There is no such option"),
        ("columns = 1", "must be a table"), ("[columns]\nisbn = 1", "must be a name"),
        ("[columns]\nisbn = []", "must be a name"), ("[set]\nprice = 1", "in quotation marks"),
        ("delimiter = 1", "must be text"), ('decimal = "x"', "no decimal sign"),
        ("repair_isbn = 1", "true or false"), ("#" * 70_000, "more than"),
    ],
)  # fmt: skip
def test_a_profile_with_a_fault_is_refused_by_its_name(run, tmp_path, text, words):
    (tmp_path / "me.toml").write_bytes(text.encode("latin-1"))
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    said = run("import", "a.csv", "--profile", "me.toml", code=1).stderr
    assert words in said
    assert "me.toml" in said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("column=x", "is not FIELD=COLUMN"), ("column=colour=x", "no field 'colour'"),
        ("column=isbn=a&column=isbn=b", "given twice"), ("column=isbn=a,,b", "without a name"),
        ('column=isbn="a', "without a name"), ("set=x", "is not FIELD=VALUE"),
        ("set=isbn=x&column=isbn=y", "both a column and a fixed value"),
        ("encoding=klingon", "no encoding 'klingon'"), ("encoding=base64", "no encoding"),
        ("encoding=idna", "no encoding"), ("encoding=", "1 to 64"),
        ("delimiter=ab", "no delimiter"),
        ("delimiter=a", "no delimiter"), ("decimal=x", "comma or point"),
        ("profile=../x", "must be"),
        ("repair_isbn=on", "true or false"), ("column=" + "x" * 1001, "at most 1000"),
        ("column=isbn=%00", "NUL"),
    ],
)  # fmt: skip
def test_an_option_without_a_meaning_is_refused_and_nothing_is_written(client, query, words):
    answer = send(client, HEADER + ROW, f"?{query}", status=422)
    assert words in messages(answer)
    assert client.get(BOOKS).json["total"] == 0


def test_a_profile_that_is_not_there_is_refused_with_those_that_are(run, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    said = run("import", "a.csv", "--profile", "nobody", code=1).stderr
    assert "goodreads" in said


@pytest.mark.parametrize("header", ["EAN;Titel", "Nr;Werk"])
def test_a_column_that_is_named_and_not_there_is_refused_with_those_that_are(client, header):
    said = messages(send(client, f"{header}\n", "?column=isbn=ISBN13,ISBN", status=422))
    names = header.replace(";", ", ")
    assert said == f"The file has no column 'ISBN13' or 'ISBN'; it has: {names}."


def test_only_the_command_line_takes_the_path_of_a_profile(engine, tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "goodreads"\n')
    feed = io.BytesIO(FILES["goodreads"].encode())
    with Session(engine) as session, pytest.raises(ValidationFailed, match="There is no profile"):
        Bookstore.on(session).import_books(feed, "csv", profile=str(tmp_path / "mine.toml"))
