"""Kinto: a JSON store with views for every exception, policies, tweens and renderer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from asking import Cell, basic, compared, from_page, life, statuses

PACKAGES = ("kinto",)

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
    ("GET", "/api/v1/", None, {}),
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


def cells() -> Iterator[Cell]:
    """What docs/howto/hosts.md promises of Kinto."""
    guide = ConfigParser(interpolation=None)
    guide.read_string(from_page("kinto.ini"))
    chosen = dict(guide["app:main"])
    mine = {name: value for name, value in chosen.items() if name.startswith("bookstore.")}
    alone = {name: value for name, value in chosen.items()
             if name not in mine and name != "pyramid.includes"}  # fmt: skip
    ways = {
        "pyramid.includes": (chosen, "/api/v1"),
        "kinto.includes": (
            {**alone, **mine, "bookstore.prefix": "/shop",
             "kinto.includes": f"{alone['kinto.includes']} pyramid_bookstore"},
            "/v1/shop",
        ),
    }  # fmt: skip
    ann = basic("ann", "secret")
    for way, (settings, base) in ways.items():
        app = application(settings)
        yield compared(f"own answers ({way})", QUESTIONS, application(alone), app)
        yield from life(f"a book's life ({way})", app, base, ann)
        challenge = app.post_json(f"{base}/books", {}, status=401).headers["WWW-Authenticate"]
        yield Cell(f"who may ({way})", "" if challenge.startswith("Basic ") else challenge)
    paths = ["/shop/books/none", "/shop/books?page=0", "/shop", "/shop/books", "/nothing"]
    batch = {"requests": [{"path": path} for path in paths]}
    answers = app.post_json("/v1/batch", batch, headers=ann).json["responses"]
    yield statuses("/v1/batch", [404, 422, 200, 200, 404], [each["status"] for each in answers])


def application(settings: dict[str, str]) -> Any:
    """Kinto as its own INI file starts it."""
    from pyramid.paster import get_app
    from webtest import TestApp

    lines = [f"{name} = {value}" for name, value in settings.items()]
    Path("kinto.ini").write_text("\n".join(["[app:main]", *lines]), "utf-8")
    return TestApp(get_app("kinto.ini"))
