"""Spreadsheets: read as the cells hold them, exported, and refused by one clear message."""

from __future__ import annotations

import datetime
import io
import re
import struct
import sys
import zipfile

import pytest

from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds import sheets, workbook
from pyramid_bookstore.feeds.sheet_reader import text_of
from tests.support.feeds import BOOKS, CSV, EXPORT, FAUST, MOMO, csv_of, send
from tests.support.sheets import ODS, XLSX, ods, with_part, xlsx

HEADER = ("isbn", "title", "author", "price", "stock")
ROW = (int(MOMO), "Momo", "Michael Ende", 9.9, 3)


def refused(client, body, query="", *, kind=XLSX):
    answer = send(client, body, query, kind=kind, status=422)
    assert client.get(BOOKS).json["total"] == 0
    [fault] = answer.json["details"]
    return fault["message"]


@pytest.mark.parametrize(("make", "kind"), [(xlsx, XLSX), (ods, ODS)])
def test_numbers_are_read_as_the_cells_hold_them(client, make, kind):
    rows = (HEADER, ROW, (float(FAUST), "Faust", "Goethe", 0.1 + 0.2, 0))
    assert send(client, make(*rows), kind=kind).json["created"] == 2
    books = client.get(f"{BOOKS}?sort=title").json["data"]
    assert [(book["isbn"], book["price"]) for book in books] == [(FAUST, 0.3), (MOMO, 9.9)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=x", "=x"),
        (True, "true"),
        (False, "false"),
        (9783522202558.0, "9783522202558"),
        (9.9000000000000004, "9.9"),
        (1e21, "1" + "0" * 21),
        (0.00001, "0.00001"),
        (-0.5, "-0.5"),
        (datetime.datetime(2024, 5, 17), "2024-05-17"),
        (datetime.datetime(2024, 5, 17, 3, 4), "2024-05-17T03:04:00"),
        (datetime.date(2024, 5, 17), "2024-05-17"),
        (datetime.time(3, 4), "03:04:00"),
        (3, "3"),
    ],
)
def test_a_cell_is_the_text_that_csv_would_have(value, text):
    assert text_of(value) == text


def test_a_date_is_iso_text_and_a_formula_is_its_value(client):
    file = io.BytesIO()
    with workbook_writer(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW)
        sheet.write_datetime(1, 1, datetime.datetime(2024, 5, 17))
        sheet.write_formula(1, 4, "=1+2", None, 3)
    send(client, file.getvalue(), kind=XLSX)
    [found] = client.get(BOOKS).json["data"]
    assert (found["title"], found["stock"]) == ("2024-05-17", 3)


def workbook_writer(file):
    from xlsxwriter import Workbook

    return Workbook(file, {"default_date_format": "yyyy-mm-dd"})


def test_empty_rows_are_passed_over_and_rows_have_the_numbers_of_the_sheet(client):
    bad = (*ROW[:3], "dear", 1)
    body = xlsx((), HEADER, (), (None, "  "), ROW[:0], bad)
    answer = send(client, body, kind=XLSX, status=422)
    assert [(reject["line"]) for reject in answer.json["rejects"]] == [6]


def test_short_rows_lack_fields_and_cells_beyond_the_header_are_passed_over(client):
    body = xlsx(HEADER, (*ROW, None, "a note"), (FAUST, "Faust", "Goethe", 5))
    assert send(client, body, kind=XLSX).json["created"] == 2


def test_the_first_visible_sheet_is_read_or_the_one_that_is_named(client):
    body = xlsx(("x",), stock=(HEADER, ROW))
    assert send(client, body, "?sheet=stock", kind=XLSX).json["created"] == 1


def test_a_wrong_sheet_names_those_there_are(client):
    body = xlsx(HEADER, ROW, **{f"s{number}": () for number in range(30)})
    message = refused(client, body, "?sheet=nope")
    assert message.startswith("There is no sheet 'nope'; there are: books, s0, s1,")
    assert message.endswith("s18, ….")
    assert refused(client, "isbn\n", "?sheet=nope", kind=CSV) == "A csv file has no sheets."
    assert "1 to 255 characters" in refused(client, body, "?sheet=")


def lying(body):
    """Its directory says that its sheet unpacks to 3 GB."""
    at = body.index(b"xl/worksheets/sheet1.xml", body.index(b"PK\x01\x02")) - 46 + 24
    return body[:at] + struct.pack("<I", 3_000_000_000) + body[at + 4 :]


def with_wrong_bytes(body):
    """In the middle of its sheet."""
    at = body.index(SHEET.encode()) + len(SHEET) + 40
    return body[:at] + bytes(8) + body[at + 8 :]


def encrypted_zip():
    body = bytearray(xlsx(HEADER, ROW))
    at = body.index(b"PK\x01\x02") + 8
    body[at] |= 1
    return bytes(body)


def zipped(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    return file.getvalue()


FAR = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    b"</sheetData></worksheet>"
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SHEET = "xl/worksheets/sheet1.xml"
SECRET = (
    b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    b'<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/>'
    b"</manifest:file-entry></manifest:manifest>"
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no workbook"),
        (b"isbn,title\n", "no workbook"),
        (zipped("readme.txt"), "no workbook"),
        (OLE + b"\0" * 600, "an old Excel workbook"),
        (OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (encrypted_zip(), "encrypted"),
        (with_part(ods(HEADER), "META-INF/manifest.xml", SECRET), "encrypted"),
        (xlsx(HEADER, ROW)[:-100], "damaged"),
        (with_part(xlsx(HEADER, ROW), SHEET, b"<worksheet><"), "damaged"),
        (with_part(xlsx(HEADER, ROW), "xl/workbook.xml", b"<workbook/>"), "no sheet"),
        (zipped("mimetype"), "damaged"),
        (with_wrong_bytes(xlsx(HEADER, ROW)), "damaged"),
        (lying(xlsx(HEADER, ROW)), "more than 1,024 MB, unpacked"),
        (with_part(xlsx(HEADER, ROW), SHEET, FAR), "more than 1,024 MB of memory"),
        (xlsx(), "The sheet 'books' is empty"),
        (xlsx(("a", "b"), ("c", "d")), "The first row must name the columns (isbn, title"),
        (xlsx(HEADER, *[["x" * 32_000] * 40]), "Row 2 has more than 1,048,576 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sound_workbook_is_refused_by_one_message(client, body, said):
    assert said in refused(client, body)


def test_a_workbook_that_takes_too_long_is_given_up(client, monkeypatch, tmp_path):
    (tmp_path / "slow.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sheets, "READER", "slow")
    assert "more than 120 s" in refused(client, xlsx(HEADER, ROW))


def test_an_answer_that_breaks_off_is_no_end_of_the_sheet(client, monkeypatch, tmp_path):
    (tmp_path / "half.py").write_text("import sys; sys.stdout.buffer.write(bytes([0, 0, 0, 9, 1]))")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sheets, "READER", "half")
    assert "memory" in refused(client, xlsx(HEADER, ROW))


def test_an_unwanted_column_is_a_fault_over_http(client):
    answer = send(client, xlsx((*HEADER, "x"), (*ROW, 1)), kind=XLSX, status=422)
    assert answer.json["details"][0]["field"] == "x"


def test_without_the_extra_the_message_names_it(client, monkeypatch):
    for module in (sheets, workbook):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert "pip install 'pyramid_bookstore[excel]'" in refused(client, xlsx(HEADER, ROW))
    answer = client.get(f"{EXPORT}?format=xlsx", status=422)
    assert "pyramid_bookstore[excel]" in answer.json["message"]


def test_an_export_as_a_workbook_is_taken_back_unchanged(client):
    texts = ["=1+2", "'=x", "'Tis", "", None, "a\r\nb", " x ", "_x0041_", "http://x", "{=1}", "7"]
    for number, row in enumerate(csv_of(len(texts))):
        book = {**row, "price": number + 0.99, "stock": number, "title": f"={number}"}
        book |= {"description": texts[number], "extra": {"n": [number, "ü"]}}
        client.post_json(BOOKS, book)
    file = client.get(f"{EXPORT}?format=xlsx")
    assert file.content_type == XLSX
    assert file.headers["Content-Disposition"] == 'attachment; filename="books.xlsx"'
    with zipfile.ZipFile(io.BytesIO(file.body)) as archive:
        assert b"<f>" not in archive.read(SHEET)
    report = send(client, file.body, kind=XLSX).json
    assert (report["unchanged"], report["rows"]) == (len(texts), len(texts))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_BOOKS", 1, "A sheet holds 1 books"),
        ("MAX_CELL", 5, "which holds 5 characters"),
        ("_NO_XML", re.compile("T"), "neither U+FFFE nor"),
    ],
)
def test_what_a_sheet_cannot_hold_is_refused_before_anything_is_sent(
    client, monkeypatch, name, value, said
):
    for book in csv_of(2):
        client.post_json(BOOKS, {**book, "price": 1, "stock": 1})
    monkeypatch.setattr(workbook, name, value)
    assert said in client.get(f"{EXPORT}?format=xlsx", status=422).json["message"]


def test_the_reading_process_ends_with_the_feed(tmp_path):
    """Also if the import is refused at its first row."""
    from pyramid_bookstore.feeds.intake import Intake
    from pyramid_bookstore.feeds.layout import FeedOptions

    body = xlsx(HEADER, *[ROW] * 20_000)
    options = FeedOptions(columns={"title": "nope"})
    with Intake(options) as intake, pytest.raises(ValidationFailed, match="nope"):
        intake.read(io.BytesIO(body), "xlsx")
    with Intake() as intake:
        seen = []
        intake.read(io.BytesIO(body), "xlsx", seen.append)
        assert intake.rows == 20_000
    assert len(seen) > 1
    assert "python_calamine" not in sys.modules
