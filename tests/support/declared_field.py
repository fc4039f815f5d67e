"""Run by a test on a copy of the package with two more fields: do they work everywhere?

``publisher`` is a text that can be null, filtered whole and sorted; ``pages`` a number that can be
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
    for number, publisher in enumerate(PUBLISHERS * 3):
        fields = book_fields(publisher=publisher, stock=number % 2, title=f"Book {number:02}")
        if number % 4:
            fields["pages"] = 100 * number
        made = app.post_json(BOOKS, fields).json
        assert (made["publisher"], made["pages"]) == (publisher, fields.get("pages"))
        url = f"{BOOKS}/{made['id']}"
        assert app.get(url).json == made
        assert app.patch_json(url, {"pages": None}).json["pages"] is None
        changed = app.put_json(url, {"publisher": publisher, "pages": made["pages"]}).json
        assert changed | {"updated_at": made["updated_at"]} == made
    assert app.post_json(BOOKS, book_fields()).json["publisher"] is None
    bad = book_fields(publisher="x" * 121, pages="many")
    assert faults(app.post_json(BOOKS, bad, status=422)) == ["publisher", "pages"]
    assert faults(app.get(f"{BOOKS}?min_pages=2&max_pages=1", status=422)) == ["min_pages"]


def lists(app: Any) -> None:
    found = books(app.get(f"{BOOKS}?publisher=piper&fields=publisher,pages"))
    assert len(found) == 6
    assert {book["publisher"] for book in found} == {"Piper", "PIPER"}
    assert all([*book] == ["publisher", "pages"] for book in found)
    assert all(book["pages"] >= 500 for book in books(app.get(f"{BOOKS}?min_pages=500")))
    for sort in ("publisher", "-publisher,title"):
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
        assert b"publisher" in exported.splitlines()[0]
        again = app.post(f"{BOOKS}/import", exported, content_type=media).json
        assert (again["unchanged"], again["rejected"]) == (16, 0), again
        changed = exported.replace(b"Suhrkamp", b"Hanser")
        report = app.post(f"{BOOKS}/import", changed, content_type=media).json
        assert (report["updated"], report["unchanged"]) == (3, 13), report
        assert len(books(app.get(f"{BOOKS}?publisher=HANSER"))) == 3
        app.post(f"{BOOKS}/import", exported, content_type=media)
        assert app.get(f"{BOOKS}/export?format={kind}").body == exported
    some = f"isbn,publisher\n{books(app.get(BOOKS))[0]['isbn']},\n".encode()
    assert app.post(f"{BOOKS}/import", some, content_type="text/csv").json["unchanged"] == 1
    one = f"{BOOKS}/export?format=ndjson&publisher=suhrkamp"
    assert [json.loads(line)["publisher"] for line in app.get(one).body.splitlines()] == [
        "Suhrkamp"
    ] * 3


def description(app: Any) -> None:
    document = app.get("/api/v1/openapi.json").json
    schemas = document["components"]["schemas"]
    for name in ("Book", "NewBook", "BookChanges", "BookPatch"):
        assert schemas[name]["properties"]["publisher"]["maxLength"] == 120, name
        assert schemas[name]["properties"]["pages"]["type"] == ["integer", "null"], name
    parameters = {each["name"]: each for each in document["paths"]["/books"]["get"]["parameters"]}
    assert {"publisher", "min_pages", "max_pages"} <= {*parameters}
    assert "-publisher" in parameters["sort"]["schema"]["items"]["enum"]
    assert "pages" not in parameters["sort"]["schema"]["items"]["enum"]


def python(url: Any) -> None:
    with Session(url) as session:
        bookstore = Bookstore.on(session)
        assert len(bookstore.list(publisher="PIPER", sort="publisher").books) == 6
        assert bookstore.list(publisher="piper").books[0].publisher in ("Piper", "PIPER")  # type: ignore[attr-defined]  # it is the copy's
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
