"""Compare the answers of an application that is not ours with the bookstore and without it.

    python -m tests.host.real_host

makes an environment of its own in a temporary folder, installs Kinto (a JSON store on Pyramid, with
its own views for every exception, its own policies, tweens and renderer) and this checkout there,
starts Kinto twice by its own factory, asks both the same questions, and the one with the
bookstore for a book's life too. It needs a package index, so it is no part of ``make test``.
Exit 1 where an answer differs.
"""

# ruff: noqa: T201  # a script that reports on stdout

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]

KINTO = {
    "kinto.includes": "kinto.plugins.default_bucket",
    "kinto.userid_hmac_secret": "a secret of the test",
    "multiauth.policies": "basicauth",
    "multiauth.policy.basicauth.use": "kinto.core.authentication.BasicAuthAuthenticationPolicy",
}
#: Kinto's policy decides on Kinto's objects and knows no books: tokens decide on ours.
KEY = "thirty-two bytes of secret or more"
BOOKSTORE = {
    "bookstore.sqlalchemy.url": "sqlite:///books.sqlite",
    "bookstore.migrate": "true",
    "bookstore.auth": "jwt",
    "bookstore.jwt.key": KEY,
    "bookstore.jwt.algorithms": "HS256",
    "bookstore.anonymous": "view",
    "bookstore.roles.clerk": "add edit delete stock import",
}
BUCKET = "/v1/buckets/default/collections/shelf/records"
RECORD = f"{BUCKET}/4d46f2a5-9a1f-4a5e-8d2c-1f0e4b8f8a51"

#: Method, path, JSON, headers; asked in this order, the state of the store included.
QUESTIONS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("GET", "/", None, {}),
    ("GET", "/v1", None, {}),
    ("GET", "/v1/", None, {}),
    ("GET", "/v1/__heartbeat__", None, {}),
    ("GET", "/v1/__lbheartbeat__", None, {}),
    ("GET", "/v1/__version__", None, {}),
    ("GET", "/v1/nothing", None, {}),
    ("GET", "/v1/buckets/", None, {}),
    ("GET", "/v1/buckets", None, {}),
    ("GET", "/v1/buckets", None, {"user": "ann"}),
    ("GET", "/v1/buckets?_limit=no", None, {"user": "ann"}),
    ("GET", "/v1/%FF", None, {}),
    ("GET", "/v1/buckets?x=%FF", None, {"user": "ann"}),
    ("GET", "/books", None, {}),
    ("GET", "/api", None, {}),
    ("GET", "/api/v1", None, {}),
    ("GET", "/api/v1/nothing", None, {}),
    ("PUT", RECORD, {"data": {"title": "Momo"}}, {"user": "ann"}),
    ("PUT", RECORD, {"data": {"title": "Momo"}}, {"user": "ann", "If-None-Match": "*"}),
    ("PUT", RECORD, {"data": 1}, {"user": "ann"}),
    ("PATCH", RECORD, {"data": {"read": True}}, {"user": "ann"}),
    ("GET", RECORD, None, {"user": "ann"}),
    ("GET", RECORD, None, {"user": "ben"}),
    ("GET", BUCKET, None, {"user": "ann"}),
    ("HEAD", BUCKET, None, {"user": "ann"}),
    ("OPTIONS", BUCKET, None, {"Origin": "https://elsewhere.example",
                               "Access-Control-Request-Method": "GET"}),
    ("TRACE", BUCKET, None, {"user": "ann"}),
    ("POST", BUCKET, "no object", {"user": "ann"}),
    ("POST", "/v1/batch", {"requests": [{"path": RECORD}, {"path": "/v1/nothing"}]},
     {"user": "ann"}),
    ("DELETE", RECORD, None, {"user": "ann"}),
    ("DELETE", RECORD, None, {"user": "ann"}),
]  # fmt: skip

# Parts of a response that differ in every run.
_CHANGING = re.compile(r"\b\d{13}\b|\d{4}-\d\d-\d\dT[\d:.+]+|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT")


def outside() -> int:
    """Make the environment and run the comparison in it."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        words = ["install", "-q", "--disable-pip-version-check", "-e", f"{CHECKOUT}[jwt]"]
        subprocess.run([python, "-m", "pip", *words, "kinto", "webtest"], check=True)
        inside = [python, "-W", "ignore", str(Path(__file__).resolve()), "inside"]
        return subprocess.run(inside, cwd=folder, check=False).returncode


def inside() -> int:
    """Compare, and print the result."""
    found = {name: version(name) for name in ("kinto", "pyramid", "pyramid_bookstore")}
    print(*(f"{name} {number}" for name, number in found.items()), sep=", ")
    logging.disable()
    ways = {
        "pyramid.includes": {"pyramid.includes": "pyramid_bookstore", **BOOKSTORE},
        "kinto.includes": {"kinto.includes": KINTO["kinto.includes"] + " pyramid_bookstore",
                           "bookstore.prefix": "/shop", **BOOKSTORE},
    }  # fmt: skip
    without = list(answers({}))
    failures = 0
    for way, settings in ways.items():
        different = [
            (question, before, after)
            for question, before, after in zip(QUESTIONS, without, answers(settings), strict=True)
            if before != after
        ]
        print(f"{way}: {len(QUESTIONS)} questions to Kinto, {len(different)} answered otherwise")
        for question, before, after in different:
            print(f"  {question[:2]}\n    without: {before}\n    with:    {after}")
        failures += len(different) + life(way, settings)
    return 1 if failures else 0


def answers(settings: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Status, headers and body of each question, without times."""
    app = application(settings)
    for method, path, body, headers in QUESTIONS:
        answer = ask(app, method, path, body, headers)
        yield (
            answer.status,
            sorted((name, _CHANGING.sub("<time>", value)) for name, value in answer.headerlist),
            _CHANGING.sub("<time>", answer.text),
        )


def life(way: str, settings: dict[str, str]) -> int:
    """Create, sell and delete a book in the same application; the number of steps that failed."""
    app = application(settings)
    base = "/api/v1" if way == "pyramid.includes" else "/v1/shop"
    fields = {"title": "Momo", "author": "Michael Ende", "isbn": "9783522202558", "price": 15}
    clerk = {"Authorization": f"Bearer {token()}"}
    made = ask(app, "POST", f"{base}/books", {**fields, "stock": 2}, clerk)
    one = f"{base}/books/{made.json.get('id')}"
    steps = [
        (made, 201),
        (ask(app, "POST", f"{base}/books", fields, {}), 401),
        (ask(app, "POST", f"{base}/books", fields, {"user": "ann"}), 401),
        (ask(app, "POST", f"{base}/books", fields, clerk), 409),
        (ask(app, "GET", one, None, {}), 200),
        (ask(app, "POST", f"{one}/stock", {"delta": -3}, clerk), 409),
        (ask(app, "GET", f"{base}/books?page=0", None, {}), 422),
        (ask(app, "DELETE", one, None, clerk), 204),
        (ask(app, "GET", one, None, {}), 404),
        (ask(app, "GET", f"{base}/ready", None, {}), 200),
    ]
    wrong = [(answer, status) for answer, status in steps if answer.status_int != status]
    print(f"{way}: a book's life below {base}, {len(steps)} steps, {len(wrong)} wrong")
    for answer, status in wrong:
        print(f"  {answer.request.method} {answer.request.path}: {answer.status}, not {status}")
        print(f"    {answer.text[:300]}")
    return len(wrong)


def token() -> str:
    import jwt

    return jwt.encode({"roles": ["clerk"], "exp": int(time.time()) + 600}, KEY, "HS256")


def application(settings: dict[str, str]) -> Any:
    """Kinto as its own INI file starts it."""
    from pyramid.paster import get_app
    from webtest import TestApp

    lines = [f"{name} = {value}" for name, value in (KINTO | settings).items()]
    Path("kinto.ini").write_text("\n".join(["[app:main]", "use = egg:kinto", *lines]), "utf-8")
    return TestApp(get_app("kinto.ini"))


def ask(app: Any, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    sent = {name: value for name, value in headers.items() if name != "user"}
    if "user" in headers:
        login = base64.b64encode(f"{headers['user']}:secret".encode()).decode()
        sent["Authorization"] = f"Basic {login}"
    if body is not None:
        sent["Content-Type"] = "application/json"
    content = b"" if body is None else json.dumps(body).encode()
    return app.request(path, method=method, headers=sent, body=content, expect_errors=True)


if __name__ == "__main__":
    # In the new environment neither the checkout nor its tests folder are on the path.
    os.environ.pop("PYTHONPATH", None)
    raise SystemExit(inside() if sys.argv[1:] == ["inside"] else outside())
