"""clld: databases of languages as web applications, by its own project template."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asking import Cell, Question, ask, compared, statuses

#: clld 9.2 needs what clldutils 4 has no more.
PACKAGES = ("clld", "clldutils<4", "cookiecutter")

#: What its development.ini has, and the bookstore beside it: no code.
HOST = {"sqlalchemy.url": "sqlite:///words.sqlite", "pyramid.includes": "pyramid_tm"}
BOOKSTORE = {
    "pyramid.includes": "pyramid_tm pyramid_bookstore",
    "bookstore.dbsession": "db",
    "bookstore.migrate": "true",
}
#: Not ``/_js``, which lists all routes of the application by name, so ours too.
QUESTIONS: list[Question] = [
    (method, path, None, {})
    for method in ("GET", "POST", "OPTIONS", "TRACE")
    for path in ("/", "/legal", "/download", "/languages", "/languages.json", "/values",
                 "/languages/none", "/nothing", "/api", "/api/v1/nothing", "/books",
                 "/%FF")
]  # fmt: skip


def cells() -> Iterator[Cell]:
    """Its routes for resources and its events leave ours alone, and ours leave its."""
    from clld import project_template
    from cookiecutter.main import cookiecutter

    template = Path(project_template.__path__[0])
    cookiecutter(str(template), no_input=True, extra_context={"directory_name": "words", "mpg": ""})
    sys.path.insert(0, "words")
    books = application(BOOKSTORE)
    yield compared("own answers", QUESTIONS, application(HOST), books)
    fields = {"title": "Momo", "author": "Michael Ende", "isbn": "9783522202558", "price": 15}
    made = ask(books, "POST", "/api/v1/books", fields, {})
    one = f"/api/v1/books/{made.json.get('id')}"
    steps = [
        made,
        ask(books, "POST", "/api/v1/books", fields, {}),
        ask(books, "POST", f"{one}/stock", {"delta": -1}, {}),
        ask(books, "PATCH", one, {"price": 3}, {}),
        ask(books, "GET", "/api/v1/books?page=0", None, {}),
        ask(books, "GET", "/api/v1", None, {}),
        ask(books, "DELETE", one, None, {}),
        ask(books, "GET", one, None, {}),
    ]
    wanted = [201, 409, 409, 200, 422, 200, 204, 404]
    yield statuses("a book's life, open to all", wanted, [each.status_int for each in steps])


def application(settings: dict[str, str]) -> Any:
    """The application of the template, with an empty database."""
    import transaction
    import words
    from clld.db.meta import Base, DBSession
    from clld.db.models.common import Dataset
    from webtest import TestApp

    app = words.main({}, **{**HOST, **settings})
    if not Path("filled").exists():
        Base.metadata.create_all(DBSession.get_bind())
        DBSession.add(Dataset(id="words", name="words", domain="words.example"))
        transaction.commit()
        Path("filled").touch()
    return TestApp(app)
