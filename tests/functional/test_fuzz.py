"""Random requests made of nearly valid parts: they never get a 500,
and both databases give the same answers."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import BOOKS, alike, ask, assert_problem, isbn, new_book
from tests.support.apps import build_app, close_app

TEXT = st.text(max_size=12) | st.sampled_from(["", "\0", "Momo", "%", "\\", "ß", "é" * 300])
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 0.5, 2**31 - 1, 2**31, 1e300])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | st.integers(0, 4).map(isbn),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["title", "author", "isbn", "price", "stock", "description", "extra", "delta", "id"]
OBJECTS = st.dictionaries(st.sampled_from(FIELDS) | TEXT, VALUES, max_size=6)
#: A whole book of which some fields are something else.
BOOKS_NEARLY = st.builds(
    lambda number, wrong: new_book(number) | wrong,
    st.integers(0, 4),
    st.dictionaries(st.sampled_from(FIELDS[:7]), VALUES, max_size=2),
)
BODIES = (
    st.none()
    | st.binary(max_size=40)
    | (OBJECTS | BOOKS_NEARLY | VALUES).map(lambda value: json.dumps(value).encode())
)
WORDS = st.sampled_from(
    ["title", "-price", "created_at", "stock,-title", "true", "false", "exact", "none", "estimated",
     "csv", "1", "2", "100", "0", "-1", "1.5", "99999999.99", "id,title", ""]
)  # fmt: skip
PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(["page", "limit", "author", "search", "min_price", "max_price", "in_stock",
                         "sort", "fields", "cursor", "count", "x"]),
        WORDS | TEXT,
    ),
    max_size=4,
)  # fmt: skip
QUERIES = PARAMETERS.map(
    lambda pairs: "&".join(f"{name}={quote(text, safe='')}" for name, text in pairs)
) | st.text("%&=+abc0123456789ff", max_size=12)
PATHS = st.sampled_from(
    [
        "",
        "/{id}",
        "/{id}",
        "/{id}/stock",
        f"/isbn/{isbn(1)}",
        f"/isbn/{isbn(4)}",
        "/isbn/x",
        "/none",
    ]
) | st.text(max_size=8).map(lambda text: "/" + quote(text, safe="/%"))
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=15)
HEADERS = st.dictionaries(
    st.sampled_from(["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                     "Prefer", "X-Request-ID", "Accept", "Content-Encoding", "Range", "Cookie",
                     "Authorization", "Cache-Control", "Expect", "Forwarded", "X-Forwarded-For"]),
    LATIN | st.sampled_from(["*", "{tag}", 'W/"1"', "return=minimal", "no-cache", "bytes=0-1",
                             "Sat, 01 Jan 2000 00:00:00 GMT"]),
    max_size=2,
) | st.just({})  # fmt: skip
TYPES = (
    st.sampled_from(["application/json"] * 6 + ["application/merge-patch+json", "text/csv", ""])
    | LATIN
)
METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]
)
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE", "X")


@pytest.fixture(scope="module")
def shops(sqlite_backend, postgres_backend):
    made = []
    for backend in (sqlite_backend, postgres_backend):
        url = backend.create()
        app = build_app({"bookstore.sqlalchemy.url": url})
        made.append((backend, url, app))
    yield [app for _, _, app in made]
    for backend, url, app in made:
        close_app(app)
        backend.drop(url)


@given(METHODS, PATHS, QUERIES | st.just(""), HEADERS, TYPES, BODIES)
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
def test_a_random_request_never_gets_a_5xx_and_both_databases_answer_alike(
    shops, method, path, query, headers, kind, body
):
    answers = []
    for app in shops:
        book = ask(app, "PUT", f"{BOOKS}/isbn/{isbn(1)}", new_book(1))
        own = {
            name: value.replace("{tag}", book.headers["ETag"]) for name, value in headers.items()
        }
        if kind and body is not None:
            own["Content-Type"] = kind
        url = f"{BOOKS}{path}".replace("{id}", book.json["id"])
        answer = ask(app, method, f"{url}?{query}" if query else url, body, own)
        answers.append(answer)
        if answer.headers.get("Content-Type") == "application/problem+json" and answer.body:
            assert_problem(answer, answer.status_int, answer.json["error"])
        assert answer.status_int < 500, answer.text
        if method not in SAFE:
            # New books are deleted, so that both databases keep the same content.
            for each in ask(app, "GET", f"{BOOKS}?fields=id,isbn&limit=100").json["data"]:
                if each["isbn"] != isbn(1):
                    ask(app, "DELETE", f"{BOOKS}/{each['id']}")
    first, second = answers
    assert first.status == second.status
    assert alike(first.text) == alike(second.text)
