"""Unicode's noncharacters are text like any other, as its Corrigendum 9 has it: a search takes them
for punctuation, and both databases find the same."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.support.api import BOOKS, isbn

NONCHARACTERS = [
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)),
]


def book(number: int, title: str, author: str = "Michael Ende", **more: Any) -> dict[str, Any]:
    return {"title": title, "author": author, "isbn": isbn(number), "price": 1} | more


def found(client: Any, **asked: Any) -> set[str]:
    answer = client.get(BOOKS, {"limit": "100", "count": "exact", **asked})
    books = answer.json["data"]
    assert answer.json["total"] == len(books)
    return {each["isbn"] for each in books}


def test_there_are_sixty_six() -> None:
    assert len({*NONCHARACTERS}) == 66


def by_json(client: Any, books: list[dict[str, Any]]) -> None:
    for each in books:
        client.post_json(BOOKS, each, status=201)


def by_csv(client: Any, books: list[dict[str, Any]]) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, [*books[0]])
    writer.writeheader()
    writer.writerows(books)
    body = file.getvalue().encode()
    client.post(f"{BOOKS}/import", body, content_type="text/csv", status=200)


def by_ndjson(client: Any, books: list[dict[str, Any]]) -> None:
    body = "\n".join(json.dumps(each, ensure_ascii=False) for each in books).encode()
    client.post(f"{BOOKS}/import", body, content_type="application/x-ndjson", status=200)


@pytest.mark.parametrize("put_in", [by_json, by_csv, by_ndjson])
def test_a_text_with_a_noncharacter_is_stored_as_it_is_and_found(client: Any, put_in: Any) -> None:
    marks = dict(enumerate(NONCHARACTERS))
    put_in(client, [book(n, f"Mo{c}mo {n}", f"En{c}de", description=c) for n, c in marks.items()])
    stored = {each["isbn"]: each for each in client.get(BOOKS, {"limit": "100"}).json["data"]}
    every = {*stored}
    assert len(every) == 66
    for n, mark in marks.items():
        own = stored[isbn(n)]
        assert own["title"] == f"Mo{mark}mo {n}"
        assert (own["author"], own["description"]) == (f"En{mark}de", mark)
        # By itself it is looked for, as all punctuation is.
        assert found(client, **{("search", "author")[n % 2]: mark}) == {isbn(n)}
        # Between words it parts them, whichever it is.
        other = NONCHARACTERS[n - 1]
        forms = f"mo{mark}mo", f"mo{other}mo", f'"mo{mark}mo"', f"{mark}mo{other}"
        assert found(client, search=forms[n % len(forms)]) == every, forms[n % len(forms)]
    assert found(client, search="mo mo") == every
    assert found(client, search="momo") == set()
    assert found(client, author=f"de{marks[3]}en") == every


@pytest.mark.parametrize("mark", ["\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff"])
def test_relevance_suggestions_and_sorts_pass_over_a_noncharacter(client: Any, mark: str) -> None:
    hobbit, tolkien = f"{mark}Hobbit", f"Tolkien{mark}"
    by_json(client, [book(1, hobbit, tolkien), book(2, f"Hobbit{mark}"), book(3, "Abelard")])
    every = {isbn(1), isbn(2)}
    assert found(client, search=f"hobbit{mark}", sort="relevance") == every
    assert found(client, search=mark, sort="relevance") == every
    listed = client.get(BOOKS, {"sort": "title"}).json["data"]
    assert listed[0]["isbn"] == isbn(3)
    for asked in (f"hobb{mark}", f"{mark}hobb", f"{mark}tolk"):
        assert client.get(f"{BOOKS}/suggest", {"q": asked}).json["data"], asked
    answer = client.get(BOOKS, {"search": f"hobbitt{mark}"}).json
    assert (answer["data"], answer["suggestion"]) == ([], "hobbit")


def test_a_book_of_nothing_but_a_noncharacter_is_one(client: Any) -> None:
    by_json(client, [book(1, "\uffff", "\ufffe"), book(2, "\U0010ffff", "\ufdd0")])
    assert found(client, search="\uffff") == {isbn(1)}
    assert found(client, search="\ufffe\uffff") == set()
    assert found(client, search="\U0010ffff", author="\ufdd0") == {isbn(2)}
    answer = client.get(f"{BOOKS}/export", {"format": "ndjson"})
    titles = [json.loads(line)["title"] for line in answer.text.splitlines()]
    assert sorted(titles) == ["\uffff", "\U0010ffff"]
