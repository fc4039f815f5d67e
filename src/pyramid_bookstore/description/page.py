"""The page at ``/docs``: Swagger UI, or a plain list of the operations without it.

It loads nothing from other hosts, and only relative URLs, so that it works with any prefix,
SCRIPT_NAME or proxy.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from pyramid_bookstore.description.own_types import Schema

#: The page's Content-Security-Policy: no inline scripts, no other hosts, no frames. The style sheet
#: of Swagger UI has data: URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_OWN = Path(__file__).with_name("assets")
_OURS = ("docs.css", "docs.js")
#: The files of Swagger UI that the page loads.
_SWAGGER = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}


class Asset(NamedTuple):
    """A file of the page."""

    body: bytes
    content_type: str
    #: A digest of the body.
    version: str


@cache
def swagger_folder() -> Path | None:
    """The folder of Swagger UI; `None` if the ``docs`` extra is not installed."""
    # Not imported, because the package imports Flask.
    spec = importlib.util.find_spec("flask_swagger_ui")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) / "dist" if places else None


@cache
def asset(name: str) -> Asset | None:
    """The file of the page with this name; `None` if there is none."""
    folder = _OWN if name in _OURS else swagger_folder() if name in _SWAGGER else None
    if folder is None:
        return None
    body = (folder / name).read_bytes()
    content_type = _TYPES[Path(name).suffix]
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return Asset(body, content_type, hashlib.blake2b(body, digest_size=8).hexdigest())


def page(description: Schema) -> bytes:
    """The page as HTML in UTF-8."""
    name = "plain.html" if swagger_folder() is None else "swagger.html"
    template = Template((_OWN / name).read_text(encoding="utf-8"))
    urls = {file.replace(".", "_").replace("-", "_"): _url(file) for file in (*_OURS, *_SWAGGER)}
    title = escape(description["info"]["title"])
    return template.substitute(urls, title=title, listed=_listed(description)).encode()


def _url(name: str) -> str:
    """A URL relative to the page; it has the version, so that it can be cached forever."""
    file = asset(name)
    return f"docs/{name}?v={file.version}" if file else ""


def _listed(description: Schema) -> str:
    """The operations by tag, as HTML."""
    server = description["servers"][0]["url"].rstrip("/")
    sections = []
    for tag in description["tags"]:
        rows = [
            _row(method, server + path, operation)
            for path, item in description["paths"].items()
            for method, operation in item.items()
            if method in _SHOWN and tag["name"] in operation["tags"]
        ]
        sections.append(
            f"<section><h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
            f"<ul>{''.join(rows)}</ul></section>"
        )
    return "".join(sections)


_SHOWN = ("get", "post", "put", "patch", "delete")


def _row(method: str, path: str, operation: Mapping[str, str]) -> str:
    return (
        f'<li><span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code>'
        f" <span>{escape(operation['summary'])}</span></li>"
    )
