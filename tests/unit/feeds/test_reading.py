"""From bytes to rows: encodings, line ends, headers, delimiters, and files that are no feed."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds import lines as lines_module
from pyramid_bookstore.feeds.csv_feed import CsvFeed
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.layout import FeedOptions
from pyramid_bookstore.feeds.lines import MAX_LINE, Lines
from pyramid_bookstore.feeds.ndjson_feed import NdjsonFeed
from pyramid_bookstore.feeds.staging import FEED_FIELDS

KNOWN = "The first line must name the columns"


def read_lines(data):
    return list(Lines(io.BytesIO(data)))


def read_csv(text, **options):
    feed = CsvFeed(io.BytesIO(text.encode()), FeedOptions(**options))
    return list(feed.rows()), feed.layout


def refusal(read):
    with pytest.raises(ValidationFailed) as refused:
        read()
    return refused.value


def csv_refusal(text, **options):
    data = text if isinstance(text, bytes) else text.encode()
    feed = lambda: list(CsvFeed(io.BytesIO(data), FeedOptions(**options)).rows())  # noqa: E731  # short
    return refusal(feed)


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def read(self, size=-1):
        return super().read(min(size, 3))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_splitting_into_lines_loses_no_character(text):
    data = ("x" + text).encode()
    for stream in (io.BytesIO(data), Trickle(data)):
        lines = list(Lines(stream))
        assert "".join(lines).encode() == data
        assert all("\n" not in line[:-1] for line in lines)


def test_only_lf_cr_and_crlf_end_a_line():
    assert read_lines("a\nb\r\nc\rd\x0be\u2028f\x85g".encode()) == [
        "a\n", "b\r\n", "c\r", "d\x0be\u2028f\x85g",
    ]  # fmt: skip


def test_progress_is_reported_in_bytes_not_characters():
    told = []
    assert len(list(Lines(io.BytesIO("é\nb\n".encode()), told.append))) == 2
    assert told == [5]


def test_a_utf_8_byte_order_mark_is_skipped():
    assert read_lines(b"\xef\xbb\xbfa\n") == ["a\n"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("isbn,title\n".encode("utf-16-be"), "NUL bytes"),
        (b"\xfe\xff\0i\0", "Line 1, byte 5 of the file (0x00) is not utf-16"),
        (gzip.compress(b"isbn", mtime=0), "compressed with gzip"),
        (b"PK\x03\x04...", "ZIP archive"),
        (b"\xd0\xcf\x11\xe0", "old Excel workbook"),
        (b"%PDF-1.7", "PDF"),
        ("isbn,title\n1,ok\n2,caf\xe9\n".encode("latin-1"),
         "Line 3, byte 6 of the line (byte 22 of the file, 0xE9) is not UTF-8"),
        (b"a\r\nb\rc\xff", "Line 3, byte 2 of the line (byte 7 of the file, 0xFF)"),
        (b"\xef\xbb\xbfa\n\xff", "Line 2, byte 1 of the line (byte 6 of the file"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_utf_8_is_refused_with_its_kind_or_the_position(data, words):
    assert words in refusal(lambda: read_lines(data)).message


def test_an_invalid_byte_late_in_a_file_is_reported_with_the_right_line(monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK", 64)
    data = b"0123456789\n" * 1000 + b"01\xff\n"
    message = refusal(lambda: read_lines(data)).message
    assert message.startswith("Line 1001, byte 3 of the line (byte 11003 of the file")


@pytest.mark.parametrize("before", [b"", b"a\n" * 41, b"a\r" * 41])
def test_an_endless_line_is_refused_before_it_fills_the_memory(before):
    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return before + b"x" * size if self.given == size else b"x" * size

    stream = Endless()
    message = refusal(lambda: list(Lines(stream))).message
    assert message.startswith(f"Line {42 if before else 1} has more than 1,048,576 bytes")
    assert stream.given < 3 * MAX_LINE


def test_a_line_above_the_size_limit_is_refused():
    message = refusal(lambda: read_lines(b"a\n" + b"x" * (MAX_LINE + 1) + b"\n")).message
    assert message.startswith("Line 2 has more than")
    assert len(read_lines(b"x" * MAX_LINE)) == 1


def test_lines_of_a_large_file_may_end_with_a_carriage_return_only():
    data = b"0123456789\r" * 200_000
    assert len(read_lines(data)) == 200_000


@pytest.mark.parametrize(
    ("cut", "words"), [(slice(-9), "cut off"), (slice(40), "cut off"), (None, "damaged")]
)
def test_a_truncated_or_damaged_gzip_file_is_refused(cut, words):
    packed = gzip.compress("".join(f"line {i}\n" for i in range(99_999)).encode())
    broken = packed[cut] if cut else packed[:60] + b"\xff" * 40 + packed[100:]
    read = lambda: list(Lines(gzip.GzipFile(fileobj=io.BytesIO(broken))))  # noqa: E731  # short
    assert words in refusal(read).message


def test_each_csv_row_has_the_number_of_its_first_line():
    rows, layout = read_csv('\n\nISBN , title\n1,"a\n\nb"\n\n2,c\n')
    assert [row for row in rows if row[1]] == [
        (4, ["1", "a\n\nb"], None), (8, ["2", "c"], None),
    ]  # fmt: skip
    assert layout.names == ("ISBN", "title")
    assert layout.given == ("isbn", "title")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_from_the_header(delimiter):
    rows, _ = read_csv(f'"isbn"{delimiter}title\n1{delimiter}"a,b;c"\n')
    assert rows == [(2, ["1", "a,b;c"], None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The file is empty: it has no header."),
        (" \n\n", "The file is empty: it has no header."),
        ("isbn^title\n1^2\n", f"{KNOWN} (isbn, title"),
        ("9783522202558,Momo\n", "It reads: 9783522202558,Momo"),
        ("<?xml version='1.0'?>\n<books/>", "XML or HTML"),
        ('{"isbn": "1"}\n', "JSON, not CSV"),
        ('[{"isbn": "1"}]\n', "JSON, not CSV"),
        ('isbn,"title\n1,2\n', "The header, line 1, cannot be read"),
    ],
)
def test_a_file_that_is_not_csv_is_refused_with_one_sentence(text, words):
    error = csv_refusal(text)
    assert words in error.message
    assert len(error.faults) == 1
    assert "\n" not in error.message


def test_a_row_with_more_or_fewer_cells_than_the_header_is_a_fault():
    rows, _ = read_csv("isbn,title,,\n1,2\n1\n1,2,,\n1,2,3\n")
    assert [(row[0], row[2]) for row in rows] == [
        (2, None),
        (3, "The row has 1 cells, the header 2."),
        (4, None),
        (5, "The row has 3 cells, the header 2."),
    ]


def test_a_misplaced_quote_is_a_fault_of_that_row_only():
    rows, _ = read_csv('isbn,title\n1,"a"b\n2,c\n')
    assert [row[0] for row in rows] == [2, 3]
    assert rows[0][2].startswith("The row is not CSV")
    assert rows[1] == (3, ["2", "c"], None)


@pytest.mark.parametrize(
    ("header", "options", "field", "words"),
    [
        ("title,author", {}, "isbn", "required"),
        ("isbn,colour", {}, "colour", "not a field of a book"),
        ("isbn,,title", {}, "", "Column 2 has no name"),
        ("isbn,ISBN", {}, "isbn", "there twice"),
        ("isbn,title", {"columns": {"author": "authors"}}, "author", "no column 'authors'"),
        (
            "ean;titel;",
            {"columns": {"isbn": "NO"}, "ignore_unknown": True},
            "isbn",
            "no column 'NO'; it has: ean, titel.",
        ),
        ('"ean"', {"columns": {"isbn": "NO"}, "ignore_unknown": True}, "isbn", "it has: ean."),
        ("isbn,title", {"fixed": {"title": "x"}}, "title", "a fixed value was set too"),
        ("isbn,title", {"fixed": {"title": "x"}, "ignore_unknown": True}, "title", "fixed value"),
    ],
)
def test_an_invalid_csv_header_is_refused_with_the_field_and_the_reason(
    header, options, field, words
):
    error = csv_refusal(f"{header}\n1,2,3\n", **options)
    assert [fault.field for fault in error.faults] == [field]
    assert words in error.message


def test_all_faults_of_a_header_are_reported_together():
    error = csv_refusal("title,colour,size\n")
    assert [fault.field for fault in error.faults] == ["colour", "size", "isbn"]


def test_columns_can_be_renamed_set_to_a_fixed_value_or_ignored():
    options = FeedOptions(
        columns={"author": "Authors", "isbn": "EAN"}, fixed={"price": "1"}, ignore_unknown=True
    )
    text = "ean,isbn,title,authors,author,\n9783522202558,x,T,A,B,\n"
    feed = CsvFeed(io.BytesIO(text.encode()), options)
    [(_, row, _)] = feed.rows()
    layout = feed.layout
    assert layout.ignored == ("isbn", "author")
    assert layout.given == ("isbn", "title", "author", "price")
    cells = dict(zip(FEED_FIELDS, layout.pick([*row, *layout.tail]), strict=True))
    assert {name: cell for name, cell in cells.items() if cell is not None} == {
        "isbn": "9783522202558", "title": "T", "author": "A", "price": "1",
    }  # fmt: skip


def test_unnamed_columns_are_ignored_and_not_reported():
    _, layout = read_csv("isbn,,title\n1,2,3\n", ignore_unknown=True)
    assert layout.ignored == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": {"colour": "x"}}, "no field 'colour'"),
        ({"fixed": {"colour": "x"}}, "no field 'colour'"),
        ({"columns": {"price": "x"}, "fixed": {"price": "1"}}, "both a column and a fixed value"),
    ],
)
def test_options_for_unknown_or_doubly_given_fields_are_refused(options, words):
    assert words in refusal(lambda: Intake(FeedOptions(**options))).message


def documents(text, **options):
    feed = NdjsonFeed(io.BytesIO(text.encode()), FeedOptions(**options))
    return [(each.line, each.value, each.fault) for each in feed.documents()], feed


def test_each_ndjson_document_has_its_line_number_and_its_fault():
    found, feed = documents('\n{"isbn":"1"}\r\n\n7\n[1]\n{"a":1\n<a/>')
    assert found[:3] == [(2, {"isbn": "1"}, None), (4, 7, None), (5, [1], None)]
    assert [each[0] for each in found[3:]] == [6, 7]
    assert all(each[2].startswith("The line is not JSON") for each in found[3:])
    assert feed.ignored == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('\n[{"isbn":"1"}]', "Line 2: a JSON list"),
        ("<a/>", "Line 1: the file is XML"),
    ],
)
def test_a_json_list_or_xml_is_refused_as_ndjson(text, words):
    assert words in refusal(lambda: documents(text)).message


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_ndjson_file_has_no_documents(text):
    assert documents(text)[0] == []


def test_ndjson_members_can_be_renamed_and_unknown_ones_ignored(monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.ndjson_feed._MAX_IGNORED", 2)
    text = '{"EAN":"1","isbn":"2","x":1,"y":2,"z":3}\n3\n'
    found, feed = documents(text, columns={"isbn": "ean"}, ignore_unknown=True)
    assert [each[1] for each in found] == [{"isbn": "1"}, 3]
    assert feed.ignored == ("isbn", "x")
    found, _ = documents(text, columns={"isbn": "ean"})
    assert found[0][1] == {"isbn": "1", "x": 1, "y": 2, "z": 3}
