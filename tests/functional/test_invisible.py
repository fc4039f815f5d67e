"""Characters that show nothing are taken out of every text, on every way in."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.support.api import BOOKS, RUST, ask, isbn, new_book
from tests.support.sheets import xlsx

#: A zero-width space, a direction mark, a byte order mark, a control character.
HIDDEN = ["\u200b", "\u200f", "\u202e", "\ufeff", "\x07", "\x85", "\u00ad", "\u2060", "\u3164"]
#: What some texts need, but none has alone: joiners, a variation selector, fillers of Hangul, the
#: blank of Braille, an inherent vowel, a tag.
DEPENDENT = ["\u200d", "\ufe0f", "\u034f", "\u115f", "\u1160", "\u2800", "\u17b4", "\U000e0041"]
TRADE = {"bookstore.trade": "true", "bookstore.migrate": "true"}


@pytest.mark.parametrize("char", HIDDEN)
def test_hidden_characters_are_taken_out_of_a_body(client, char):
    hidden = {
        "title": f"{char}Du{char}ne",
        "author": f"Frank Herbert {char}",
        "description": f"Line{char} 1\r\n\tLine 2{char}",
        "isbn": char.join(isbn(1)),
    }
    book = client.post_json(BOOKS, new_book(1) | hidden, status=201).json
    assert (book["title"], book["author"]) == ("Dune", "Frank Herbert")
    assert (book["description"], book["isbn"]) == ("Line 1\r\n\tLine 2", isbn(1))
    path = f"{BOOKS}/{book['id']}"
    assert client.patch_json(path, {"title": f"Du{char}ne 2"}).json["title"] == "Dune 2"


@pytest.mark.parametrize("text", [*HIDDEN, *DEPENDENT, " \u200b ", "\u2800 \u115f", "\u200e\u200b"])
def test_a_text_of_hidden_characters_alone_is_empty_on_every_way_in(client_with, text):
    client = client_with(TRADE)
    values = {
        "title": text,
        "author": text,
        "extra": {"publisher": text, "subjects": ["a:b", text]},
    }
    answer = client.post_json(BOOKS, new_book(1) | values, status=422).json
    fields = ["title", "author", "extra.publisher", "extra.subjects.1"]
    assert [fault["field"] for fault in answer["details"]] == fields
    assert {fault["message"] for fault in answer["details"]} == {"The text must not be empty."}
    # In a feed an empty cell of a declared field has no value, and a row of empty cells is blank.
    own = {"title": text, "author": text, "publisher": text}
    line = json.dumps({"isbn": isbn(1), "price": 9, **own}).encode()
    header, row = ["isbn", "price", *own], [isbn(1), "9", *own.values()]
    feeds = [("application/x-ndjson", line + f"\n{text}\n".encode())]
    if text.isprintable() or text > "\xff":
        rows = [header, row, [text] * len(header)]
        feeds += [("text/csv", "\r\n".join(map(",".join, rows)).encode())]
    for kind, feed in feeds:
        report = ask(client, "POST", f"{BOOKS}/import", feed, {"Content-Type": kind})
        assert report.status_int == 422, report.text
        [reject] = report.json["rejects"]
        assert [fault["field"] for fault in reject["faults"]] == ["title", "author"], kind
        assert report.json["blank"] == 1


@pytest.mark.parametrize("title", ["می\u200cخواهم", "क\u094d\u200dष", "👩\u200d💻 Code"])
def test_joiners_that_writing_needs_stay_and_a_search_needs_none(client, title):
    client.post_json(BOOKS, new_book(1, title=title), status=201)
    assert client.get(f"{BOOKS}/isbn/{isbn(1)}").json["title"] == title
    for search in (title, title.replace("\u200c", "").replace("\u200d", "")):
        assert client.get(f"{BOOKS}?search={quote(search)}").json["total"] == 1


@pytest.mark.parametrize("char", [*HIDDEN, "\u200d", "\u200c"])
def test_hidden_characters_in_a_parameter_count_for_nothing(client_with, char):
    client = client_with(TRADE)
    client.post_json(BOOKS, RUST)
    hidden = quote(char)
    for query in (
        f"search=Ru{hidden}st", f"author={hidden}klabnik",
        f"publisher=No+Starch+Press+{hidden}",
        f"min_pages={hidden}560", f"search={quote(char.join(RUST['isbn']))}",
    ):  # fmt: skip
        if char in "\u200c\u200d" and "min_pages" in query:
            continue  # a joiner before a digit
        assert client.get(f"{BOOKS}?{query}").json["total"] == 1, query
    assert (
        client.get(f"{BOOKS}/isbn/{quote(char.join(RUST['isbn']))}").json["title"] == RUST["title"]
    )


@pytest.mark.parametrize("char", [*HIDDEN, *DEPENDENT])
def test_a_filter_of_nothing_but_hidden_characters_is_none(client_with, char):
    client = client_with(TRADE)
    client.post_json(BOOKS, RUST)
    names = ("search", "author", "min_price", "in_stock", "publisher", "min_pages")
    query = "&".join(f"{name}={quote(char)}" for name in names)
    assert client.get(f"{BOOKS}?{query}").json["total"] == 1


@pytest.mark.parametrize("char", HIDDEN)
def test_hidden_characters_are_taken_out_of_feeds(client_with, char):
    """The line of the fast path has none of them, and the same book."""
    client = client_with(TRADE)
    row = [
        f"{char}{isbn(1)}",
        f"Mo{char}mo",
        f"Ende{char}",
        f"{char}9.50",
        f"3{char}",
        f"dt{char}v",
    ]
    header = ["isbn", "title", "author", "price", "stock", "publisher"]
    line = dict(zip(header, row, strict=True)) | {"price": 9.5, "stock": 3}
    plain = [isbn(1), "Momo", "Ende", "9.50", "3", "dtv"]
    feeds = {
        "text/csv": f"{','.join(header)}\r\n{','.join(row)}\r\n".encode(),
        "application/x-ndjson": json.dumps(line).encode(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": xlsx(header, row),
    }
    same = f"{','.join(header)}\r\n{','.join(plain)}\r\n".encode()
    counted = []
    for kind, feed in [("text/csv", same), *feeds.items()]:
        if kind.endswith("sheet") and char in "\x07":
            continue  # XML has none
        answer = ask(client, "POST", f"{BOOKS}/import", feed, {"Content-Type": kind})
        assert answer.status_int == 200, answer.text
        counted.append((answer.json["created"], answer.json["unchanged"]))
    assert counted == [(1, 0)] + [(0, 1)] * (len(counted) - 1)
    book = client.get(f"{BOOKS}/isbn/{isbn(1)}").json
    assert (book["title"], book["extra"]["publisher"]) == ("Momo", "dtv")


def test_members_of_extra_that_are_not_declared_stay_as_they_are(client):
    extra = {"note": "a\u200bb\x07\tc", "na\u200bme": 1}
    assert client.post_json(BOOKS, new_book(1, extra=extra)).json["extra"] == extra


@pytest.mark.parametrize("accent", ["\u0301", "\u0308\u0301", "¨", "\u00b8", "ـ", " \u0300 "])
def test_a_search_for_an_accent_alone_does_not_list_everything(client, accent):
    client.post_json(BOOKS, new_book(1, title="Café"))
    for query in ("search", "author", "sort=relevance&search"):
        page = client.get(f"{BOOKS}?{query}={quote(accent)}").json
        assert (page["total"], page["data"]) == (0, [])
    assert client.get(f"{BOOKS}/suggest?q={quote(accent)}").json["data"] == []
