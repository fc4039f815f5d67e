"""Encodings and delimiters: found out, said, and refused where they do not fit."""

from __future__ import annotations

import pytest

from tests.support.feeds import HEADER, MOMO, ROW, messages, only, send


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


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (b"isbn,title\n1,x\n", "utf-16", "stream does not start with BOM) is not utf-16."),
        (b"isbn,title\n1,\\ud800\n", "unicode_escape", "is not unicode_escape."),
        (b"isbn,title\n1,\x81\x07\n", "", "is not UTF-8; save the file as UTF-8"),
    ],
)
def test_bytes_that_no_encoding_fits_are_refused_without_a_proposal(client, body, encoding, words):
    said = messages(send(client, body, f"?encoding={encoding}" if encoding else "", status=422))
    assert words in said
    assert "It may be" not in said
