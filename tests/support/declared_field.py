"""Run by a test on a copy of the package with two more fields: do they work everywhere?

``label`` is a text that can be null, filtered whole and sorted; ``weight`` a number that can be
null and is filtered by a range, without an index. The argument is the URL of a database.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import webtest
from pyramid.config import Configurator
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.testing import book_fields
from pyramid_bookstore.web.mount import Mount
from tests.support.filters import check_every_filter

BOOKS = "/api/v1/books"
PUBLISHERS = ("Piper", "PIPER", "Größe & Co", "Suhrkamp", None)


def books(answer: Any) -> list[Any]:
    found: list[Any] = answer.json["data"]
    return found


def faults(answer: Any) -> list[str]:
    return [detail["field"] for detail in answer.json["details"]]


def json_in_and_out(app: Any) -> None:
    for number, label in enumerate(PUBLISHERS * 3):
        fields = book_fields(label=label, stock=number % 2, title=f"Book {number:02}")
        if number % 4:
            fields["weight"] = 100 * number
        made = app.post_json(BOOKS, fields).json
        assert (made["label"], made["weight"]) == (
            label,
            fields.get("weight"),
        )
        url = f"{BOOKS}/{made['id']}"
        assert app.get(url).json == made
        assert app.patch_json(url, {"weight": None}).json["weight"] is None
        changed = app.put_json(url, {"label": label, "weight": made["weight"]}).json
        assert changed | {"updated_at": made["updated_at"]} == made
    assert app.post_json(BOOKS, book_fields()).json["label"] is None
    bad = book_fields(label="x" * 121, weight="many")
    assert faults(app.post_json(BOOKS, bad, status=422)) == ["label", "weight"]
    assert faults(app.get(f"{BOOKS}?min_weight=2&max_weight=1", status=422)) == ["min_weight"]


def lists(app: Any) -> None:
    found = books(app.get(f"{BOOKS}?label=piper&fields=label,weight"))
    assert len(found) == 6
    assert {book["label"] for book in found} == {"Piper", "PIPER"}
    assert all([*book] == ["label", "weight"] for book in found)
    assert all(book["weight"] >= 500 for book in books(app.get(f"{BOOKS}?min_weight=500")))
    for sort in ("label", "-label,title"):
        whole = books(app.get(f"{BOOKS}?sort={sort}&limit=100"))
        page, walked = app.get(f"{BOOKS}?sort={sort}&limit=3"), []
        while True:
            walked += books(page)
            if page.json["next_cursor"] is None:
                break
            page = app.get(f"{BOOKS}?sort={sort}&limit=3&cursor={page.json['next_cursor']}")
        assert walked == whole
        assert len(whole) == 16


def feeds(app: Any) -> None:
    for kind, media in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
        exported = app.get(f"{BOOKS}/export?format={kind}").body
        assert b"label" in exported.splitlines()[0]
        again = app.post(f"{BOOKS}/import", exported, content_type=media).json
        assert (again["unchanged"], again["rejected"]) == (16, 0), again
        changed = exported.replace(b"Suhrkamp", b"Hanser")
        report = app.post(f"{BOOKS}/import", changed, content_type=media).json
        assert (report["updated"], report["unchanged"]) == (3, 13), report
        assert len(books(app.get(f"{BOOKS}?label=HANSER"))) == 3
        app.post(f"{BOOKS}/import", exported, content_type=media)
        assert app.get(f"{BOOKS}/export?format={kind}").body == exported
    some = f"isbn,label\n{books(app.get(BOOKS))[0]['isbn']},\n".encode()
    assert app.post(f"{BOOKS}/import", some, content_type="text/csv").json["unchanged"] == 1
    one = f"{BOOKS}/export?format=ndjson&label=suhrkamp"
    assert [json.loads(line)["label"] for line in app.get(one).body.splitlines()] == [
        "Suhrkamp"
    ] * 3


def description(app: Any) -> None:
    document = app.get("/api/v1/openapi.json").json
    schemas = document["components"]["schemas"]
    for name in ("Book", "NewBook", "BookChanges", "BookPatch"):
        assert schemas[name]["properties"]["label"]["maxLength"] == 120, name
        assert schemas[name]["properties"]["weight"]["type"] == ["integer", "null"], name
    parameters = {each["name"]: each for each in document["paths"]["/books"]["get"]["parameters"]}
    assert {"label", "min_weight", "max_weight"} <= {*parameters}
    assert "-label" in parameters["sort"]["schema"]["items"]["enum"]
    assert "weight" not in parameters["sort"]["schema"]["items"]["enum"]


def python(url: Any) -> None:
    with Session(url) as session:
        bookstore = Bookstore.on(session)
        assert len(bookstore.list(label="PIPER", sort="label").books) == 6
        assert bookstore.list(label="piper").books[0].label in ("Piper", "PIPER")  # type: ignore[attr-defined]  # it is the copy's
        assert check_every_filter(bookstore) > 100


def main(url: str) -> None:
    settings = {"bookstore.sqlalchemy.url": url, "bookstore.migrate": "true"}
    config = Configurator(settings=settings)
    config.include("pyramid_bookstore")
    wsgi = config.make_wsgi_app()
    app = webtest.TestApp(wsgi)
    json_in_and_out(app)
    lists(app)
    feeds(app)
    description(app)
    database = Mount.of(wsgi.registry).database
    assert database is not None
    python(database.writing)
    database.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
