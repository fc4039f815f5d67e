"""The file of rejected rows: safe in a spreadsheet, and taken back once mended."""

from __future__ import annotations

import codecs
import csv
import io
import json

import pytest

from tests.support.feeds import HEADER, MOMO, ROW


@pytest.mark.parametrize("sign", "=+-@\t\r")
def test_rejected_cells_do_not_run_in_a_spreadsheet_and_are_read_back_as_they_were(
    run, tmp_path, sign
):
    title = f'"{sign}SUM(A1)"'
    (tmp_path / "a.csv").write_bytes(f"{HEADER}{MOMO},{title},E,x,3\n".encode())
    run("import", "a.csv", "--rejects", "bad.csv", code=1)
    text = (tmp_path / "bad.csv").read_bytes().decode()
    [_, row] = csv.reader(io.StringIO(text, newline=""))
    assert row[3] == f"'{sign}SUM(A1)"
    (tmp_path / "bad.csv").write_bytes(text.replace(",x,", ",1,").encode())
    run("import", "bad.csv")
    exported = run("export", "-", "--format", "ndjson").stdout
    assert json.loads(exported)["title"] == f"{sign}SUM(A1)".strip()


def test_rejects_of_ndjson_are_imported_again_once_mended(run, tmp_path):
    book = {"isbn": MOMO, "title": "T", "author": "A", "price": "x"}
    (tmp_path / "a.ndjson").write_text(json.dumps(book) + '\n{"isbn":\n')
    run("import", "a.ndjson", "--rejects", "bad.csv", code=1)
    text = (tmp_path / "bad.csv").read_text().replace('""x""', "1")
    (tmp_path / "bad.csv").write_text(text + "\n,,\nx\n")
    done = run("import", "bad.csv", "--skip-invalid", "--rejects", "worse.csv", code=2)
    assert done.stdout.startswith("1 created")
    rows = list(csv.reader(io.StringIO((tmp_path / "worse.csv").read_text())))
    assert rows[0] == ["line", "faults", "row"]
    assert [row[2] for row in rows[1:]] == ['{"isbn":', "x"]
    for name in ("b.ndjson", "b.xlsx", "b.ods"):
        assert "name the file .csv" in run("import", "a.ndjson", "--rejects", name, code=1).stderr
        assert not (tmp_path / name).exists()


def test_rejects_that_are_rejected_again_have_line_and_faults_once(run, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + ROW.replace("15.00", "x"))
    run("import", "a.csv", "--rejects", "bad.csv", code=1)
    run("import", "bad.csv", "--rejects", "worse.csv", code=1)
    rows = [
        list(csv.reader(io.StringIO((tmp_path / name).read_text())))
        for name in ("bad.csv", "worse.csv")
    ]
    assert rows[0][0] == rows[1][0] == ["line", "faults", *HEADER.strip().split(",")]


@pytest.mark.parametrize(
    ("sign", "first", "written"),
    [
        (";", "", ";"),
        ("\t", "", "\t"),
        ("|", "", "|"),
        (";", "sep=;\n", ";"),
        ("^", "sep=^\n", ","),  # no header tells it
    ],
)
def test_rejects_have_the_delimiter_of_their_feed_where_a_header_tells_it(
    run, tmp_path, sign, first, written
):
    (tmp_path / "a.csv").write_text(first + (HEADER + ROW.replace("15.00", "x")).replace(",", sign))
    run("import", "a.csv", "--rejects", "bad.csv", code=1)
    text = (tmp_path / "bad.csv").read_text()
    assert next(csv.reader(io.StringIO(text), delimiter=written)) == [
        "line", "faults", *HEADER.strip().split(",")
    ]  # fmt: skip
    (tmp_path / "bad.csv").write_text(text.replace(f"{written}x{written}", f"{written}1{written}"))
    run("import", "bad.csv")


@pytest.mark.parametrize(
    ("encoding", "options"),
    [
        ("windows-1252", ("--encoding", "windows-1252")),
        ("utf-16", ()),
        ("utf-16", ("--encoding", "utf-16")),
        ("utf-16-le", ("--encoding", "utf-16-le")),
        ("utf-8-sig", ()),
        ("utf-8", ("--encoding", "utf-8")),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_rejects_are_taken_back_with_the_options_of_their_feed(
    run, tmp_path, encoding, options, name
):
    book = {"isbn": MOMO, "title": "Café “Größe”", "author": "Ende", "price": "x", "stock": 3}
    text = json.dumps(book, ensure_ascii=False) + "\n"
    if name == "a.csv":
        text = HEADER + ",".join(map(str, book.values())) + "\n"
    (tmp_path / name).write_bytes(text.encode(encoding))
    run("import", name, *options, "--rejects", "bad.csv", code=1)
    bad = (tmp_path / "bad.csv").read_bytes()
    assert bad.startswith(codecs.BOM_UTF8)  # spreadsheets take the file for UTF-8 by it
    (tmp_path / "bad.csv").write_bytes(bad.replace(b",x,", b",1,").replace(b'""x""', b"1"))
    run("import", "bad.csv", *options)
    exported = json.loads(run("export", "-", "--format", "ndjson").stdout)
    assert exported["title"] == book["title"]


def test_rejects_of_a_plain_file_have_no_byte_order_mark(run, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + ROW.replace("15.00", "x"))
    run("import", "a.csv", "--rejects", "bad.csv", code=1)
    assert (tmp_path / "bad.csv").read_bytes().startswith(b"line,faults,isbn,")
