"""Questions to a real host, and what its answers say; for the modules of this folder."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, NamedTuple

GUIDES = Path(__file__).parents[3] / "docs" / "howto"

#: Method, path, JSON (bytes: a form), headers; ``user`` among them is sent as basic authentication.
Question = tuple[str, str, Any, dict[str, str]]

#: Parts of a response that differ in every run.
_CHANGING = re.compile(
    r"\b[0-9a-f]{32,40}\b|\bdue=\d+|\b(session|auth_tkt|csrf_token)=[^;]+|\b\d{13}\b"
    r"|\d{4}-\d\d-\d\dT[\d:.+]+|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT"
)


class Cell(NamedTuple):
    """One thing that a host was tried for; ``fault`` is empty where it is as it should be, and
    ``skipped`` is why it was not tried."""

    name: str
    fault: str
    skipped: str = ""


def from_page(name: str, page: str = "hosts.md") -> str:
    """The block that the guide says to write to the file of this name."""
    marker = f"<!-- file: {name} -->\n"
    block = (GUIDES / page).read_text("utf-8").partition(marker)[2]
    return block.partition("\n")[2].partition("\n```")[0] + "\n"


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication."""
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {login}"}


def client(app: Any) -> Any:
    """A client that keeps no cookies: each question has its own."""
    from webtest import TestApp

    return TestApp(app, cookiejar=CookieJar(DefaultCookiePolicy(allowed_domains=[])))


def cookies(answer: Any) -> dict[str, str]:
    """The header with the cookies that an answer set."""
    found = {value.partition(";")[0] for value in answer.headers.getall("Set-Cookie")}
    return {"Cookie": "; ".join(found)}


def ask(app: Any, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    sent = {name: value for name, value in headers.items() if name != "user"}
    if "user" in headers:
        sent |= basic(headers["user"], "secret")
    content = body or b""
    if isinstance(body, bytes):
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    elif body is not None:
        sent["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    return app.request(path, method=method, headers=sent, body=content, expect_errors=True)


def compared(name: str, questions: Sequence[Question], without: Any, with_books: Any) -> Cell:
    """Whether a host answers alike without the bookstore and with it."""
    asked = [(_answer(without, each), _answer(with_books, each)) for each in questions]
    different = [
        f"{question[:2]}: without {before}, with {after}"
        for question, (before, after) in zip(questions, asked, strict=True)
        if before != after
    ]
    return Cell(f"{name}: {len(questions)} questions", "; ".join(different))


def _answer(app: Any, question: Question) -> tuple[Any, ...]:
    """Status, headers and body, without times."""
    try:
        answer = ask(app, *question)
    except Exception as error:  # noqa: BLE001  # a defect of the host's must stay the same too
        return type(error).__name__, str(error)
    headers = sorted((name, _CHANGING.sub("<time>", value)) for name, value in answer.headerlist)
    return answer.status, headers, _CHANGING.sub("<time>", answer.text)


def statuses(name: str, wanted: Iterable[int], found: Iterable[int]) -> Cell:
    """Whether the statuses are those that are wanted."""
    wanted, found = list(wanted), list(found)
    return Cell(name, "" if wanted == found else f"{found}, not {wanted}")


def life(name: str, app: Any, base: str, may: dict[str, str]) -> Iterator[Cell]:
    """Create, read, sell, refuse and delete a book; ``may`` are headers of one who may all."""
    fields = {"title": "Momo", "author": "Michael Ende", "isbn": "9783522202558", "price": 15}
    made = ask(app, "POST", f"{base}/books", {**fields, "stock": 2}, may)
    one = f"{base}/books/{made.json.get('id')}"
    isbn = f"{base}/books/isbn/{fields['isbn']}"
    steps = [
        (made, 201),
        (ask(app, "POST", f"{base}/books", fields, {}), 401),
        (ask(app, "POST", f"{base}/books", fields, may), 409),
        (ask(app, "GET", one, None, {}), 200),
        (ask(app, "GET", one, None, {"If-None-Match": made.headers.get("ETag", "")}), 304),
        (ask(app, "PUT", isbn, fields, {}), 401),
        (ask(app, "PUT", isbn, fields, may), 200),
        (ask(app, "PATCH", one, {"price": 7}, {**may, "If-Match": '"1"'}), 412),
        (ask(app, "PATCH", one, {"price": 7}, may), 200),
        (ask(app, "POST", f"{one}/stock", {"delta": -3}, may), 409),
        (ask(app, "GET", f"{base}/books?page=0", None, {}), 422),
        (ask(app, "TRACE", one, None, {}), 405),
        (ask(app, "OPTIONS", one, None, {}), 204),
        (ask(app, "DELETE", one, None, {}), 401),
        (ask(app, "DELETE", one, None, may), 204),
        (ask(app, "GET", one, None, {}), 404),
        (ask(app, "GET", f"{base}/ready", None, {}), 200),
        (ask(app, "GET", f"{base}/openapi.json", None, {}), 200),
    ]
    wrong = [
        f"{answer.request.method} {answer.request.path}: {answer.status}, not {status}:"
        f" {answer.text[:300]}"
        for answer, status in steps
        if answer.status_int != status
    ]
    yield Cell(f"{name}: {len(steps)} steps", "; ".join(wrong))
