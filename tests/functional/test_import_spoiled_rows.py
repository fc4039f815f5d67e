"""Rows that spoil a file: stray quotation marks, huge cells, blank rows, second headers."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds.csv_feed import CsvFeed
from pyramid_bookstore.feeds.options import FeedOptions
from tests.support.feeds import FAUST, HEADER, MOMO, NDJSON, ROW, messages, send


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


@pytest.mark.parametrize("cell", ['"' + "x" * 200_000, '"' + "x" * 200_000 + '"y'])
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


def test_a_row_of_another_width_over_several_lines_costs_its_first_line_and_says_where_it_ends():
    text = 'isbn,title\n1,"a\nb",x\n2,y\n3,"c\nd",\n'
    rows = list(CsvFeed(io.BytesIO(text.encode()), FeedOptions()).rows())
    assert rows == [
        (2, ["1", '"a'], "The row has 3 cells, the header 2. Its quotation marks end in line 3."),
        (3, ['b"', "x"], None),
        (4, ["2", "y"], None),
        (5, ["3", "c\nd"], None),  # a cell too many, but nothing in it
    ]


def test_a_long_cell_whose_quotation_mark_is_never_closed_costs_one_row_of_a_large_file():
    text = 'isbn,title\n1,"' + "x" * 200_000 + "\n" + "3,4\n" * 300_000
    rows = list(CsvFeed(io.BytesIO(text.encode()), FeedOptions()).rows())
    assert len(rows) == 300_001
    assert [row[0] for row in rows if row[2]] == [2]
