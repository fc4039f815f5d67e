"""Numbers, lists and the errors of formulas in feeds: as cells, not as guessed text."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from xlsxwriter import Workbook

from tests.support.api import isbn
from tests.support.feeds import BOOKS, EXPORT, FAUST, MOMO, only, send
from tests.support.sheets import ODS, XLSX, ods, with_part, xlsx

HEADER = ("isbn", "title", "author", "price", "stock", "weight", "publisher", "subjects")
NUMBERS = {
    "bookstore.field.weight": "number filter",
    "bookstore.field.publisher": "text",
    "bookstore.field.subjects": "texts",
}
ERRORS = ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"]


@pytest.fixture
def client(client_with):
    return client_with({**NUMBERS, "bookstore.migrate": "true"})


def faults(answer):
    [reject] = answer.json["rejects"]
    return {fault["field"]: fault["message"] for fault in reject["faults"]}


def row(**values):
    plain = {"isbn": MOMO, "title": "Momo", "author": "Ende", "price": 9.9, "stock": 3}
    return tuple((plain | values).get(name) for name in HEADER)


def csv(*rows, delimiter=";"):
    return "".join(delimiter.join("" if cell is None else str(cell) for cell in each) + "\n"
                   for each in rows)  # fmt: skip


# Numbers


@pytest.mark.parametrize("decimal", ["", "?decimal=comma", "?decimal=point"])
@pytest.mark.parametrize(("make", "kind"), [(xlsx, XLSX), (ods, ODS)])
def test_a_number_of_a_sheet_needs_no_option_and_minds_none(client, make, kind, decimal):
    body = make(HEADER[:6], row(isbn=int(MOMO), price=1234.5, weight=1.234)[:6])
    assert send(client, body, decimal, kind=kind).json["created"] == 1
    book = only(client)
    assert (book["price"], book["stock"], book["extra"]["weight"]) == (1234.5, 3, 1.234)


@pytest.mark.parametrize("decimal", ["", "?decimal=comma", "?decimal=point"])
@pytest.mark.parametrize("price", [12.345, 1.234, 0.001])
def test_a_number_with_too_many_decimals_is_told_so_and_not_asked_for_its_sign(
    client, decimal, price
):
    answer = send(client, xlsx(HEADER, row(price=price)), decimal, kind=XLSX, status=422)
    assert faults(answer) == {"price": "The number must have at most 2 decimals."}


def test_a_number_in_a_column_of_texts_is_written_as_it_is(client):
    body = xlsx(HEADER, row(title=1984.5, publisher=47, weight=0.5))
    send(client, body, "?decimal=comma", kind=XLSX)
    book = only(client)
    assert (book["title"], book["extra"]["publisher"]) == ("1984.5", "47")


def test_a_text_of_a_sheet_is_read_by_the_option(client):
    send(client, xlsx(HEADER, row(price="1.234,50 €", weight="0,5")), "?decimal=comma", kind=XLSX)
    assert (only(client)["price"], only(client)["extra"]["weight"]) == (1234.5, 0.5)
    answer = send(client, xlsx(HEADER, row(price="1.200")), kind=XLSX, status=422)
    assert "--decimal comma" in faults(answer)["price"]


@pytest.mark.parametrize(("decimal", "clear", "unclear"), [
    ("comma", {"1,5": 1.5, "1.234,5": 1234.5, "1.234": 1234, "-1,5": -1.5, "'1,5": 1.5},
     ["1.5", "much", "€5"]),
    ("point", {"1.5": 1.5, "1,234.5": 1234.5, "1,234": 1234, "1.234": 1.234}, ["1,5"]),
    (None, {"1.5": 1.5, "1,234.5": 1234.5, "1 234": 1234, "1.234": 1.234},
     ["1,5", "1,234", "€5", "much", "1.5.5"]),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
def test_the_option_is_for_declared_numbers_too(client, decimal, clear, unclear, kind):
    query = f"?decimal={decimal}" if decimal else ""

    def sent(cells, **more):
        rows = [row(isbn=isbn(at), price=9, weight=cell) for at, cell in enumerate(cells)]
        lines = (json.dumps(dict(zip(HEADER[:6], each, strict=False))) for each in rows)
        body = csv(HEADER, *rows) if kind == "text/csv" else "\n".join(lines)
        return send(client, body, query, kind=kind, **more).json

    rejects = sent(unclear, status=422)["rejects"]
    assert len(rejects) == len(unclear)
    for reject in rejects:
        [fault] = reject["faults"]
        assert fault["field"] == "weight"
        assert fault["message"].startswith("The number ")
        assert "--decimal " in fault["message"]
    sent(clear)
    books = client.get(f"{BOOKS}?sort=created_at").json["data"]
    assert [book["extra"]["weight"] for book in sorted(books, key=lambda book: book["isbn"])] == [
        weight for _, weight in sorted(zip(map(isbn, range(99)), clear.values(), strict=False))
    ]


def test_a_fixed_number_is_read_by_the_option(client):
    body = csv(HEADER[:5], row(price="9,90"))
    send(client, body, "?decimal=comma&set=weight=1,5")
    assert only(client)["extra"]["weight"] == 1.5


@pytest.mark.parametrize("decimal", ["comma", "point"])
def test_rejected_numbers_of_a_sheet_are_taken_back_with_the_same_option(
    run, ini, tmp_path, engine, decimal
):
    body = xlsx(HEADER[:5], row(title=None)[:5])
    (tmp_path / "a.xlsx").write_bytes(body)
    run("import", "a.xlsx", "--decimal", decimal, "--rejects", "bad.csv", code=1)
    mended = (tmp_path / "bad.csv").read_text().replace(f"{MOMO},,", f"{MOMO},Momo,")
    (tmp_path / "good.csv").write_text(mended)
    assert "1 created" in run("import", "good.csv", "--decimal", decimal).stdout


# Lists


@pytest.mark.parametrize("body", [
    csv(HEADER, row(subjects=f"thema:FBA; ;{'x' * 256};b"), delimiter=","),
    json.dumps({"isbn": MOMO, "title": "M", "author": "E", "price": 1,
                "subjects": ["thema:FBA", "x" * 256, 3]}),
])  # fmt: skip
def test_a_fault_of_a_list_says_which_value_it_is(client, body):
    kind = "application/x-ndjson" if body.startswith("{") else "text/csv"
    answer = send(client, body, kind=kind, status=422)
    found = faults(answer)
    [reject] = answer.json["rejects"]
    assert "subjects.1" in found
    assert "/subjects/1" in [fault["pointer"] for fault in reject["faults"]]
    assert "at most 255 characters" in found["subjects.1"]


# Errors of formulas


def with_errors(column):
    file = io.BytesIO()
    with Workbook(file) as book:
        sheet = book.add_worksheet("books")
        sheet.write_row(0, 0, HEADER)
        for number, error in enumerate(ERRORS, 1):
            sheet.write_row(number, 0, [value or "" for value in row()])
            sheet.write_formula(number, HEADER.index(column), "=1/0", None, error)
    return file.getvalue()


@pytest.mark.parametrize("column", HEADER)
def test_the_error_of_a_formula_is_a_fault_of_its_column(client, column):
    rows = [row(**{column: error}) for error in ERRORS]
    for answer in (
        send(client, with_errors(column), kind=XLSX, status=422),
        send(client, csv(HEADER, *rows), status=422),
        send(client, xlsx(HEADER, *rows), kind=XLSX, status=422),
    ):
        found = [fault for reject in answer.json["rejects"] for fault in reject["faults"]]
        assert [fault["message"] for fault in found if fault["field"] == column] == [
            f"The cell has {error}, the error of a spreadsheet's formula: mend the formula, or"
            " empty the cell."
            for error in ERRORS
        ]
    assert client.get(BOOKS).json["total"] == 0


LIBREOFFICE = (
    '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value=""'
    ' calcext:value-type="error"><text:p>#BEZUG!</text:p></table:table-cell>'
)


@pytest.mark.parametrize("at", [1, 4, 6])
def test_the_error_of_a_formula_of_libreoffice_is_one_in_every_language(client, at):
    cells = ["x" if value is None else value for value in row()]
    cells[at] = "ERROR"
    body = ods(HEADER, cells)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = archive.read("content.xml").decode()
    old = '<table:table-cell office:value-type="string" ><text:p>ERROR</text:p></table:table-cell>'
    assert old in content
    body = with_part(body, "content.xml", content.replace(old, LIBREOFFICE).encode())
    answer = send(client, body, kind=ODS, status=422)
    assert "has #ERROR!, the error of a" in faults(answer)[HEADER[at]]


def test_the_rows_of_a_large_sheet_are_the_same_beside_an_error(client):
    """Blocks of the file end within cells; and a text that looks like a cell's beginning stays."""
    file = io.BytesIO()
    with Workbook(file) as book:
        sheet = book.add_worksheet("books")
        sheet.write_row(0, 0, HEADER[:5])
        for number in range(1, 9000):
            title = f'<c r="A1" t="e"> {number}'
            sheet.write_row(number, 0, [f"x{number}", title, "Ende", 1.5, number])
        sheet.write_formula(9000, 1, "=1/0", None, "#DIV/0!")
    answer = send(client, file.getvalue(), kind=XLSX, status=422)
    assert answer.json["rejected"] == 9000
    assert {fault["field"] for each in answer.json["rejects"] for fault in each["faults"]} == {
        "isbn"
    }


@pytest.mark.parametrize("format", ["csv", "xlsx", "ndjson"])
@pytest.mark.parametrize("text", ["#N/A", "'#REF!", "#1 Bestseller", " #NUM!"])
def test_a_text_like_an_error_goes_out_and_comes_back(client, format, text):
    book = {"isbn": FAUST, "title": text, "author": text, "price": 1, "description": text}
    client.post_json(BOOKS, {**book, "extra": {"publisher": text, "subjects": [text, "b"]}})
    file = client.get(f"{EXPORT}?format={format}")
    report = send(client, file.body, kind=file.content_type).json
    assert (report["unchanged"], report["rows"]) == (1, 1)
