"""Feeds as other programs and offices write them, through HTTP and the command line."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.cli import main
from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds.csv_feed import CsvFeed
from pyramid_bookstore.feeds.options import FeedOptions
from pyramid_bookstore.feeds.prices import read_price
from pyramid_bookstore.feeds.validator import RowValidator
from tests.support.feeds import BOOKS, FAUST, MOMO, NDJSON, send
from tests.support.server import write_ini

HEADER = "isbn,title,author,price,stock\n"
ROW = f"{MOMO},Momo,Ende,15.00,3\n"


def only(client):
    [book] = client.get(BOOKS).json["data"]
    return book


def messages(answer):
    return " ".join(each["message"] for each in answer.json["details"])


@pytest.fixture
def ini(database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": database}))


@pytest.fixture
def run(ini):
    def run(*words, code=0, **options):
        done = CliRunner().invoke(main, ("-c", ini, *words), **options)
        assert done.exit_code == code, (done.output, done.exception)
        return done

    return run


guards = st.sampled_from(['="{}"', '=""{}""', "'{}", "[{}]", '"{}"', " {} ", "{}.0", "’{}", "({}"])


@given(st.lists(guards.filter(lambda each: "(" not in each), max_size=3))
def test_an_isbn_is_found_in_any_guards_of_text(around):
    cell = MOMO
    for guard in around:
        if not (guard == "{}.0" and not cell[-1].isdigit()):
            cell = guard.format(cell)
    result = RowValidator(FeedOptions()).cell_validator(["isbn"])(
        [cell, None, None, None, None, None, None]
    )
    assert isinstance(result, tuple), (cell, result)
    assert result[0] == MOMO


@pytest.mark.parametrize("cell", ["9.78352E+12", "9,78352E+12", "9.783522202558e12", "'9.78E+12"])
def test_an_isbn_in_scientific_notation_is_refused_by_that_name(client, cell):
    answer = send(client, f'isbn;title\n="{cell}";x\n', status=422)
    assert "scientific notation" in messages(answer)
    assert "formatted as text" in messages(answer)


def test_guards_are_opened_in_every_column_and_an_empty_guard_is_empty(client):
    row = f'="{MOMO}",="Mo""mo", ="Ende" ,="15.00",="3",=""\n'
    send(client, HEADER.replace("\n", ",description\n") + row)
    book = only(client)
    assert (book["title"], book["author"], book["price"]) == ('Mo"mo', "Ende", 15)
    assert (book["stock"], book["description"]) == (3, None)
    answer = send(client, HEADER + '="",a,b,1,1\n', status=422)
    assert messages(answer) == "This field is required."


@pytest.mark.parametrize(
    ("cell", "decimal", "amount"),
    [
        ("$9.90", None, "9.90"), ("9.90 EUR", None, "9.90"), ("US$ 9", None, "9"),
        (".99", None, "0.99"),
        ("1,299.00", None, "1299.00"), ("1 299.50", None, "1299.50"), ("1'299.50", None, "1299.50"),
        ("14,00 €", "comma", "14.00"), ("1.299,00", "comma", "1299.00"), ("1.200", "comma", "1200"),
        ("1.200", "point", "1.200"), ("1,200", "point", "1200"), (",99", "comma", "0.99"),
        ("-3", None, "-3"), ("€-3", None, "-3"), ("1234.500", None, "1234.500"),
        ("'12.50", None, None),
        ("1.200", None, None), ("1,200", None, None), ("14,00", None, None),
        ("1.299,00", None, None),
        ("1.20", "comma", None), ("1,20", "point", None), ("1,29,000.00", None, None),
        ("12 pieces", None, None), ("1e2", None, None), ("NaN", None, None), ("-€-3", None, None),
        ("", None, None), ("€", None, None), ("1.2.3", None, None), ("12..", None, None),
    ],
)  # fmt: skip
def test_a_price_is_read_where_it_is_clear_and_refused_with_the_option_where_not(
    cell, decimal, amount
):
    if amount is not None:
        assert str(read_price(cell, decimal)) == amount
        return
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the message is looked at below
        read_price(cell, decimal)
    message = str(refused.value)
    assert "decimal" in message or "required" in message


def test_the_option_decimal_is_taken_by_import_and_by_fixed_values(client):
    send(client, f"isbn;title;author;price\n{MOMO};M;E;14,00 €\n", "?decimal=comma")
    assert only(client)["price"] == 14
    send(client, f"isbn;price\n{MOMO};1.20\n", "?decimal=comma", status=422)
    send(client, f"isbn;title\n{MOMO};M\n", "?decimal=comma&set=price=1.200,50")
    assert only(client)["price"] == 1200.5


def test_a_stray_quotation_mark_costs_its_row_and_no_other(run, tmp_path):
    rows = [ROW, '9780306406157,"B plus,C,1.00,1\n', f'{FAUST},"Faust",Goethe,9.50,"0"\n']
    (tmp_path / "a.csv").write_text(HEADER + "".join(rows))
    done = run("import", "a.csv", "--skip-invalid", "--rejects", "bad.csv", code=2)
    assert done.stdout.startswith("2 created, 0 updated, 0 unchanged, 1 rejected")
    [_, bad] = csv.reader(io.StringIO((tmp_path / "bad.csv").read_text()))
    assert bad[0] == "3"
    assert bad[2:] == ["9780306406157", '"B plus', "C", "1.00", "1"]
    (tmp_path / "bad.csv").write_text((tmp_path / "bad.csv").read_text().replace('"""B plus"', "B"))
    assert run("import", "bad.csv").stdout.startswith("1 created")


cells = st.sampled_from(["a", '"b"', '"c\nd"', 'e"f', '"g', '"h""', 'i""j', ""])


@given(st.lists(st.lists(cells, min_size=3, max_size=3).map(",".join), max_size=8), st.booleans())
def test_good_rows_before_and_after_spoiled_ones_are_read_once(spoiled, short):
    good = [f"good{number},x,y" for number in range(3)]
    text = "\n".join(["isbn,title,author", good[0], *spoiled, good[1], good[2]]) + "\n"
    rows = list(CsvFeed(io.BytesIO(text.encode()), FeedOptions()).rows())
    whole = [row[1][0] for row in rows if row[2] is None and row[1][0].startswith("good")]
    assert whole[0] == "good0"
    assert whole[-1] == "good2"
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})


def test_a_quotation_mark_that_is_never_closed_costs_one_row_of_a_large_file():
    text = 'isbn,title\n1,"2\n' + "3,4\n" * 500_000
    rows = list(CsvFeed(io.BytesIO(text.encode()), FeedOptions()).rows())
    assert len(rows) == 500_001
    assert [row[0] for row in rows if row[2]] == [2]


def test_a_file_of_quotation_marks_that_swallow_one_another_is_refused_in_bounded_time(monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.csv_feed._AGAIN", 10_000)
    monkeypatch.setattr("pyramid_bookstore.feeds.csv_feed.MAX_LINE", 10_000)
    text = "isbn,title\n" + 'a","b\n' * 50_000
    with pytest.raises(ValidationFailed, match="too many quotation marks"):
        list(CsvFeed(io.BytesIO(text.encode()), FeedOptions()).rows())


@pytest.mark.parametrize("cell", ["x" * 200_000, '"' + 'a ""b"",\n' * 30_000 + '"'])
def test_a_long_cell_in_a_column_that_nobody_wants_is_passed_over(run, tmp_path, cell):
    (tmp_path / "a.csv").write_text(f"isbn,html,title,author,price\n{MOMO},{cell},M,E,1\n")
    assert run("import", "a.csv").stdout.startswith("1 created")


@pytest.mark.parametrize("cell", ['"' + "x" * 200_000, '"' + "x" * 200_000 + '"y"'])
def test_a_long_cell_with_wrong_quotation_marks_costs_its_row(cell):
    text = f"isbn,title\n1,{cell}\n2,3\n"
    rows = list(CsvFeed(io.BytesIO(text.encode()), FeedOptions()).rows())
    assert [row[2] is None for row in rows] == [False, True]


def test_blank_rows_second_headers_and_second_byte_order_marks_are_passed_over(client):
    text = f"\ufeff{HEADER}{ROW}\n,,,,\n   \n\ufeff{HEADER}{FAUST},Faust,Goethe,1,1\n{ROW},,\n"
    report = send(client, text).json
    assert (report["created"], report["repeated"], report["blank"]) == (2, 2, 4)
    assert report["rows"] == 4
    answer = send(client, HEADER + ROW + "title,isbn,author\n", status=422)
    assert "Line 3 is a header with other columns" in messages(answer)
    lines = f'{{"isbn":"{MOMO}"}}\n\n  \n'
    assert send(client, lines, kind=NDJSON).json["blank"] == 2


@pytest.mark.parametrize(
    ("encoding", "given"),
    [("utf-16", ""), ("utf-8-sig", ""), ("windows-1252", "windows-1252"),
     ("utf-16-le", "utf-16-le"),
     ("cp850", "cp850"), ("utf-32", "latin-1")],
)  # fmt: skip
def test_a_file_in_another_encoding_is_read_by_its_mark_or_the_option(client, encoding, given):
    text = HEADER + ROW.replace("Momo", "Café")
    send(client, text.encode(encoding), f"?encoding={given}" if given else "")
    assert only(client)["title"] == "Café"


def test_an_encoding_that_does_not_fit_is_refused_with_the_place_and_those_that_would(client):
    data = (HEADER + ROW.replace("Momo", "Café")).encode("windows-1252")
    said = messages(send(client, data, status=422))
    assert "Line 2, byte 18 of the line" in said
    assert "windows-1252 (“Café”)" in said
    said = messages(send(client, data, "?encoding=ascii", status=422))
    assert said.startswith("Line 2, byte 48 of the file (0xE9) is not ascii. It may be")
    said = messages(send(client, "isbn,ö\n", "?encoding=ascii", status=422))
    assert "It is UTF-8: leave the option encoding out." in said


@pytest.mark.parametrize("start", ["sep=;\n", '"sep=;"\r\n', "\nSEP=;\n"])
def test_a_line_that_names_the_delimiter_is_followed(client, start):
    send(client, f"{start}isbn;title;author;price\n{MOMO};M;E;1\n")
    assert only(client)["title"] == "M"


def test_a_delimiter_is_taken_by_name_or_as_a_character(client):
    for query, sign in (("pipe", "|"), ("%5E", "^"), ("tab", "\t"), ("%7C", "|")):
        text = f"isbn,title,author,price\n{MOMO},M,E,1\n".replace(",", sign)
        send(client, text, f"?delimiter={query}")
    assert only(client)["title"] == "M"


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


FILES = {
    "goodreads": "Book Id,Title,Author,ISBN,ISBN13,My Rating\n"
    f'1,Momo,Ende,="3522202554",="{MOMO}",5\n',
    "librarything": "Book Id\tTitle\tPrimary Author\tISBN\tISBNs\tCopies\n"
    "1\tMomo\tEnde\t[3522202554]\t\t2\n",
    "shopify": "Handle,Title,Body (HTML),Vendor,Variant Barcode,Variant Price\n"
    f"m,Momo,,Ende,'{MOMO},1\n",
    "woocommerce": 'ID,SKU,"GTIN, UPC, EAN, or ISBN",Name,Regular price,Brands\n'
    f"1,,{MOMO},Momo,1,Ende\n",
    "isbndb": json.dumps({"title": "Momo", "isbn13": MOMO, "authors": ["Ende"], "pages": 3}),
    "openlibrary": json.dumps({"title": "Momo", "isbn_13": [MOMO], "by_statement": "Ende"}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_file_of_a_program_is_read_by_its_profile(client, name):
    body = FILES[name]
    kind = {"kind": NDJSON} if body.startswith("{") else {}
    query = f"?profile={name}" + ("" if name in ("shopify", "woocommerce") else "&set=price=9.99")
    assert send(client, body, query, **kind).json["created"] == 1
    assert (only(client)["title"], only(client)["author"]) == ("Momo", "Ende")


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
        ("repair_isbn=1", "true or false"), ("column=" + "x" * 1001, "at most 1000"),
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
    assert "name the file .csv" in run("import", "a.ndjson", "--rejects", "b.ndjson", code=1).stderr


def test_rejects_that_are_rejected_again_have_line_and_faults_once(run, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + ROW.replace("15.00", "x"))
    run("import", "a.csv", "--rejects", "bad.csv", code=1)
    run("import", "bad.csv", "--rejects", "worse.csv", code=1)
    rows = [
        list(csv.reader(io.StringIO((tmp_path / name).read_text())))
        for name in ("bad.csv", "worse.csv")
    ]
    assert rows[0][0] == rows[1][0] == ["line", "faults", *HEADER.strip().split(",")]
