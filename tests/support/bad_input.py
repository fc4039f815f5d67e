"""More than a thousand requests that must be refused, each with the expected error.

Every case is data: what is sent, and the status, the code and the fields that come back. ``{id}``
is a book with stock, ``{free}`` one with price 0; see `SHELF`. The cases are generated from tables
of values, and no request occurs twice.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.support.api import BOOKS, isbn

#: The books in the database while the requests are sent.
SHELF: dict[str, dict[str, Any]] = {
    "id": {"title": "Momo", "author": "Michael Ende", "isbn": isbn(1), "price": 15, "stock": 3,
           "extra": {"publisher": "Thienemann"}},
    "full": {"title": "Jim Knopf", "author": "Michael Ende", "isbn": isbn(2), "price": 12,
             "stock": 2147483647},
    "free": {"title": "Leaflet", "author": "N. N.", "isbn": isbn(3), "price": 0, "stock": 0},
}  # fmt: skip
NEW: dict[str, Any] = {"title": "T", "author": "A", "isbn": isbn(9), "price": 1, "stock": 1}
NO_ID = "01a20253-e83e-7b91-92af-097058bab2fa"

BOOK = f"{BOOKS}/{{id}}"
STOCK = f"{BOOK}/stock"
UPSERT = f"{BOOKS}/isbn/{isbn(9)}"
#: Every operation that reads a body.
WRITES = [("POST", BOOKS), ("PUT", BOOK), ("PATCH", BOOK), ("POST", STOCK), ("PUT", UPSERT)]


class Case(NamedTuple):
    """One request and the error it must get; ``details`` must name exactly ``fields``."""

    method: str
    path: str
    body: bytes | None
    headers: tuple[tuple[str, str], ...]
    status: int
    code: str
    fields: tuple[str, ...] = ()


def case(
    method: str, path: str, body: Any, status: int, code: str, *fields: str, **headers: str
) -> Case:
    """A case; a body that is not bytes is sent as JSON, header names have underscores."""
    if body is not None:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content_Type": "application/json"} | headers
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items() if value)
    return Case(method, path, body, named, status, code, fields)


def invalid(method: str, path: str, body: Any, *fields: str) -> Case:
    """A case of wrong values."""
    return case(method, path, body, 422, "validation_failed", *fields)


MALFORMED = [
    b"", b" ", b"\n\r\t ", b"{", b"}", b"[", b"]", b"{]", b"[}", b"{}{}", b"{} x", b"[1,]", b"[,1]",
    b'{"a":1,}', b'{,"a":1}', b'{"a"}', b'{"a":}', b'{"a" 1}', b'{"a":1 "b":2}', b"{a:1}",
    b"{'a':1}", b"{1:1}", b'{null:1}', b"undefined", b"None", b"True", b"TRUE", b"nul", b"tru",
    b"NaN", b"-NaN", b"Infinity", b"-Infinity", b'{"price":NaN}', b'{"price":Infinity}',
    b'{"stock":-Infinity}', b"+1", b"01", b"1.", b".5", b"1e", b"1e+", b"--1", b"0x10", b"1_000",
    b"1,5", b'{"price":01}', b'{"price":+1}', b'{"price":1.}', b'{"stock":.5}', b'{"price":1,5}',
    b'"', b'"a', b'"\\', b'"\\x41"', b'"\\u12"', b'"\\uZZZZ"', b'"\n"', b'"\t"', b'"\x00"',
    b'"\x1f"', b"'a'", b'{"title":"a\nb"}', b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}',
    b'{"title":"x","title":"y"}', b'{"extra":{"a":1,"a":2}}', b'[{"a":{"b":1,"b":1}}]',
    b'"\\ud800"', b'"\\udfff"', b'{"title":"\\ud83d"}', b'{"title":"\\ude00\\ud83d"}',
    b'{"\\ud800":1}', b'{"extra":{"a":"\\uD800x"}}', b'"\xff"', b'"\xc3("', b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"', b'"\xc0\x80"', b"\x80", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00",
    b"\xfe\xff\x00{\x00}", b"\x00\x00\x00{", b"{\x00}\x00", b"+AHs-+AH0-", b"// x\n{}", b"/**/{}",
    b"# x\n{}", b"{} # x", b"<a/>", b"a=1&b=2", b"title=x", b"--x\r\n\r\n{}\r\n--x--", b"\x1f\x8b",
    b"[" * 33, b"[" * 100_000, b'{"a":' * 33 + b"1" + b"}" * 33, b"[" * 33 + b"]" * 33,
    b'{"a":' * 50_000, b'{"extra":' + b"[" * 40 + b"]" * 40 + b"}", gzip.compress(b"{}", mtime=0),
    b"\x00", b"\x7f", b"\xe2\x80\x8b{}", b"\xc2\xa0{}", b"{}\x00", b"{}\xe2\x80\xa9", b'{"a":1}}',
    b"[1 2]", b"[1;2]", b"{}," , b'"a" "b"', b"truefalse", b"1 2", b"-", b"- 1", b"1e5.5",
    b"\\u007b}",
]  # fmt: skip
NO_OBJECTS = ["null", "true", "false", "0", "-1", "1.5", "1e400", "9" * 5000, '""', '"{}"', "[]",
              "[{}]", '["title"]', "[[]]", '"title"', "1e-999999999999999999999"]  # fmt: skip

NO_TEXT = ["null", "true", "false", "0", "1", "-1.5", "1e400", "[]", '["x"]', "{}", '{"x":1}']
BAD_LINES = [*NO_TEXT, '""', '" "', '"\\t\\n"', '"\\u00a0"', '"\\u2003"', '"a\\u0000b"',
             '"\\u0000"', json.dumps("x" * 256), json.dumps("ß" * 256), json.dumps("😀" * 256),
             json.dumps("x" * 100_000), json.dumps("क़" * 128), json.dumps("e\u0301" * 256),
             '"\\u001f\\u001f"', json.dumps(" " * 300), '"x\\u0000"']  # fmt: skip
BAD_DESCRIPTIONS = [*NO_TEXT[1:], json.dumps("x" * 10_001), json.dumps("é" * 10_001),
                    '"\\u0000"', '"a\\u0000b"', json.dumps("क़" * 5001)]  # fmt: skip
BAD_ISBNS = [
    *NO_TEXT, "9781718500440", "9781718500440.0", *(json.dumps(text) for text in [
        "", " ", "-", "x", "X", "0", "978", "978171850044", "97817185004400", "9781718500441",
        "9781718500449", "171850044", "17185004400", "1718500441", "171850044X", "X718500440",
        "1X18500440", "0000000000000", "9780000000000", "9770000000003", "9999999999994",
        "1234567890128", "9790000000001", "979-0-2600-0043-8", "978171850044O", "978I718500440",
        "978l718500440", "٩٧٨١٧١٨٥٠٠٤٤٠", "９７８１７１８５００４４０",
        "९७८१७१८५००४४०", "978171850044⁰",
        "ISBN ISBN 9781718500440", "isbn=9781718500440", "9781718500440 (pbk)", "978_1718500440",
        "978.1718500440", "978/1718500440", "9781718500440,", "9.78171850044e12", "+9781718500440",
        "-9781718500441", "9781718500440\0", "\0", "9781718500440\n9781718500440",
        "978171850044\u0664", "0" * 10_000, "-" * 64 + "9781718500440", "9781718500440" * 2,
        "97 8171 8500 441", "XXXXXXXXXX", "XXXXXXXXXXXXX", "null", "NaN", "1e12", "0-306-40615-3",
    ]),
]  # fmt: skip
BAD_PRICES = [
    *(kind for kind in NO_TEXT if kind not in ("0", "1")), '"1"', '"1.50"', '""', '"free"', "-1",
    "-0.01", "-1e-2", "0.001", "1.005", "0.000000001", "1e-3", "1e-400", "-1e-400", "1.999",
    "99999999.991", "99999999.994", "99999999.999", "100000000", "100000000.00", "99999999.995",
    "1e8", "1e9", "1e308", "1e999999999999999999999", "-1e400", "9" * 400, "9" * 5000,
    "0." + "0" * 5000 + "1", "1." + "0" * 300 + "1", "33.333333333333336", "0.1e-2", "1e-99999",
    "-99999999.99", '"NaN"', '{"amount":1}', "[1]", "10.010000000000001",
]  # fmt: skip
BAD_STOCKS = [
    *(kind for kind in NO_TEXT if kind not in ("0", "1")), '"5"', '""', '"0"', "-1", "-2147483648",
    "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
    "18446744073709551616", "1.0", "5.0", "0.5", "1e0", "1e2", "1E400", "9" * 400, "9" * 401,
    "9" * 5000, "-" + "9" * 5000, "-1e2", "0.0", "-0.0", "1e-5", "2147483647.5",
]  # fmt: skip
BAD_DELTAS = [kind for kind in BAD_STOCKS if not kind.startswith("-") or "e" in kind or "." in kind]
BAD_DELTAS += ["-2147483648", "-9223372036854775809", "-" + "9" * 5000]
BAD_EXTRAS = [
    "true", "false", "0", "1.5", '""', '"{}"', "[]", "[{}]", json.dumps({"x": "y" * 16_384}),
    json.dumps({"x" * 16_384: 1}), json.dumps({"x": [0] * 9000}),
    json.dumps({str(number): number for number in range(3000)}), json.dumps({"é": "ß" * 8_200}),
]  # fmt: skip
#: Faults below extra, with the field that is named.
BAD_BELOW_EXTRA = [
    ('{"a":"\\u0000"}', "extra.a"), ('{"a":1e400}', "extra.a"), ('{"a":9223372036854775808}',
    "extra.a"),
    ('{"a":-9223372036854775809}', "extra.a"), ('{"a":[1,1e999]}', "extra.a.1"),
    ('{"a":{"b":"x\\u0000"}}', "extra.a.b"), ('{"a":1e-400}', "extra.a"),
    ('{"a":0.' + "1" * 65 + "}", "extra.a"), ('{"a":' + "9" * 5000 + "}", "extra.a"),
    ('{"a":{"b":{"c":[{"d":1e309}]}}}', "extra.a.b.c.0.d"),
]  # fmt: skip
UNKNOWN = ["Title", "TITLE", "titel", "price ", " price", "name", "isbn13", "isbn_13", "currency",
           "quantity", "_id", "", "a.b", "a/b", "a~b", "é", "x" * 300, "__proto__", "constructor",
           "__class__", "delta ", "0", "null", "$set", "title_words", "search_text", "version",
           "etag", "data", "book"]  # fmt: skip
PASSED_OVER = ["created_at", "updated_at", "available"]
FROM_SERVER = ["id", *PASSED_OVER]


def with_field(name: str, value: str, others: dict[str, Any] | None = None) -> bytes:
    """A JSON object with one field's value as the given JSON text."""
    book = {key: item for key, item in (others or {}).items() if key != name}
    return f"{json.dumps(book)[:-1]}{', ' if book else ''}{json.dumps(name)}: {value}}}".encode()


def bodies() -> Iterator[Case]:
    """What is not JSON, and JSON that is no object."""
    for method, path in WRITES:
        for body in MALFORMED:
            yield case(method, path, body, 400, "invalid_json")
        for text in NO_OBJECTS:
            yield case(method, path, text.encode(), 422, "validation_failed", "")


def values() -> Iterator[Case]:
    """One wrong field at a time, in each of the operations that take books."""
    wrong = {
        "title": BAD_LINES, "author": BAD_LINES, "isbn": BAD_ISBNS, "price": BAD_PRICES,
        "stock": BAD_STOCKS, "description": BAD_DESCRIPTIONS, "extra": BAD_EXTRAS,
    }  # fmt: skip
    for name, texts in wrong.items():
        for text in texts:
            yield invalid("POST", BOOKS, with_field(name, text, NEW), name)
            yield invalid("PUT", BOOK, with_field(name, text), name)
            # In a merge patch null means the default, where there is one.
            if text != "null" or name not in ("stock", "extra"):
                patched = name == "extra" and text.startswith("{")
                if not patched:
                    yield invalid("PATCH", BOOK, with_field(name, text), name)
            if name != "isbn":
                yield invalid("PUT", UPSERT, with_field(name, text, NEW), name)
    for name in ("stock", "extra"):
        yield invalid("POST", BOOKS, with_field(name, "null", NEW | {"title": "U"}), name)
    for text, name in BAD_BELOW_EXTRA:
        for method, path, others in (("POST", BOOKS, NEW), ("PUT", BOOK, {}), ("PATCH", BOOK, {})):
            yield invalid(method, path, with_field("extra", text, others), name)
    for text in BAD_DELTAS:
        yield invalid("POST", STOCK, with_field("delta", text), "delta")


def names() -> Iterator[Case]:
    """Fields that are missing, unknown, or not the client's to set."""
    for name in (*UNKNOWN, *FROM_SERVER):
        for method, path, others in (
            ("POST", BOOKS, NEW), ("PUT", BOOK, {}), ("PATCH", BOOK, {}), ("PUT", UPSERT, NEW),
            ("POST", STOCK, {"delta": 1}),
        ):  # fmt: skip
            if name in PASSED_OVER and method != "POST":
                continue  # a change takes a book as it was read
            yield invalid(method, path, others | {name: "x"}, name)
    required = ("title", "author", "isbn", "price")
    for count in range(1, 16):
        missing = [name for bit, name in enumerate(required) if count >> bit & 1]
        book = {name: value for name, value in NEW.items() if name not in missing}
        yield invalid("POST", BOOKS, book, *missing)
        if missing != ["isbn"]:
            named = [name for name in missing if name != "isbn"]
            yield invalid("PUT", UPSERT, book | {"stock": count}, *named)
    yield invalid("POST", STOCK, {}, "delta")
    yield invalid("POST", STOCK, {"Delta": 1}, "Delta", "delta")
    yield invalid("POST", STOCK, {"stock": 1}, "stock", "delta")


def rules() -> Iterator[Case]:
    """Faults of a book as a whole, or conflicts with the books that exist."""
    for price in ("0", "0.00", "-0", "0e5"):
        for stock in ("1", "2147483647"):
            text = with_field("price", price, {"stock": int(stock)})
            whole = with_field("price", price, NEW | {"stock": int(stock)})
            yield invalid("POST", BOOKS, whole, "price")
            yield invalid("PUT", UPSERT, whole, "price")
            yield invalid("PUT", BOOK, text, "price")
            yield invalid("PATCH", BOOK, text, "price")
        yield invalid("PUT", BOOK, with_field("price", price), "price")
        yield invalid("PATCH", BOOK, with_field("price", price), "price")
    for more in (1, 5, 2147483647):
        yield invalid("PUT", f"{BOOKS}/{{free}}", {"stock": more}, "price")
        yield invalid("PATCH", f"{BOOKS}/{{free}}", {"stock": more}, "price")
        yield invalid("POST", f"{BOOKS}/{{free}}/stock", {"delta": more}, "delta")
        yield invalid("POST", f"{BOOKS}/{{full}}/stock", {"delta": more}, "delta")
        yield case("POST", f"{BOOKS}/{{free}}/stock", {"delta": -more}, 409, "insufficient_stock")
    for less in (-4, -5, -2147483647):
        yield case("POST", STOCK, {"delta": less}, 409, "insufficient_stock")
    taken = isbn(2)
    ten = taken[3:12]
    check = -sum(int(digit) * (10 - place) for place, digit in enumerate(ten)) % 11
    isbn10 = ten + "0123456789X"[check]
    for written in (taken, f"{taken[:3]}-{taken[3:]}", " ".join(taken), isbn10,
                    f"{isbn10[0]}-{isbn10[1:9]}-{isbn10[9]}", f"  {taken} ",
                    "–".join([taken[:3], taken[3:]])):  # fmt: skip
        yield case("POST", BOOKS, NEW | {"isbn": written}, 409, "conflict", "isbn")
        yield case("PUT", BOOK, {"isbn": written}, 409, "conflict", "isbn")
        yield case("PATCH", BOOK, {"isbn": written}, 409, "conflict", "isbn")
        yield invalid("PUT", UPSERT, NEW | {"isbn": written}, "isbn")


BAD_NUMBERS = ["", "x", "-1", "+1", "1.0", "1e2", " 1", "1 ", "0x1", "1_0", "٣", "１", "NaN",
               "null", "true", "1,2", "[1]", "9" * 21, "9" * 3000, "\0", "1\0", "²", "--1",
               "Infinity"]  # fmt: skip
BAD_PARAMETERS = {
    "page": ["0", "00", "2147483648", "9223372036854775808", "1" + "0" * 300, *BAD_NUMBERS],
    "limit": ["0", "101", "1000", "2147483648", *BAD_NUMBERS],
    "min_price": ["1.005", "100000000", "1e2", "1.", ".5", "-0.01", "1,50", "€1", "$1", "1.5.5",
                  *(text for text in BAD_NUMBERS if text not in ("", "1.0", "1e2"))],
    "max_price": ["1.001", "99999999.999", "100000000.00", "0x1F", "1/2", "free", "-5", "1e-2",
                  *(text for text in BAD_NUMBERS if text not in ("", "1.0"))],
    "in_stock": ["yes", "no", "t", "on", "off", "null", "2", " true",
                 "true ", "tru", "truefalse", "-1", "\0"],
    "sort": ["", ",", "isbn", "id", "description", "extra", "Title", "title,", ",title",
             "title,,price",
             "title,title", "title,-title", "--title", "+title", "title asc", "title;price",
             "-", "title ",
             " title", "title desc", "price-", "1", "*", "created", "title_words", "random()",
             "(select 1)", "title'--", "price,stock,title,author,created_at,updated_at,isbn", "\0"],
    "fields": ["", ",", "Title", "title,", ",title", "title,title", "all", "*", "-title", "title ",
               "publisher", "extra.publisher", "title;id", "search_text", "title_words",
               "id,,title",
               "password", "title author", "\0", "1"],
    "count": ["", "1", "true", "Exact", "EXACT", "all", "estimate", "exact ", "exact,none", "yes",
              "-1", "null", "\0"],
    "author": ["x" * 501, "\0", "a\0b", "ß" * 501, "x" * 5000],
    "search": ["x" * 501, "\0", "a\0b", "😀" * 501, "%" * 600],
    "cursor": ["", "x", "x" * 2049, "====", "AAAA", "\0", "é", "null", "W10", "e30", "MQ", "bnVsbA",
               *(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in (
                   b'["x",false,[1,"x"]]', b'["AAAAAAAA",false,[]]', b'["AAAAAAAA",0,[1]]',
                   b'["",false,[1,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",false,[99999999999999999999,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",true,[1e400,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",true,[null,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",true,[1,"01a20253-e83e-7b91-92af-097058bab2fa"],1]',
                   b'["AAAAAAAA",true,[1,2,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",true,[-62135596800000001,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",true,["x","01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'["AAAAAAAA",true,[true,"01a20253-e83e-7b91-92af-097058bab2fa"]]',
                   b'{"a":1}', b"[", b"\xff", b'"x"', b"[" * 500, b'["\\ud800",true,[1,"x"]]'))],
}  # fmt: skip
NO_PARAMETERS = ["x", "Page", "PAGE", "page[]", "page.x", "limit ", "per_page", "offset", "q",
                 "order",
                 "order_by", "title", "isbn", "price", "id", "filter", "sort[]", "_",
                 "callback", "",
                 "%00", "%C3%A9", "x" * 500, "fields[book]", "%26", "%3D", "min-price", "maxprice",
                 "$where", "__proto__", "debug", "pretty", "format"]  # fmt: skip


def parameters() -> Iterator[Case]:
    """Query parameters: wrong values, unknown or repeated ones, and paths that have none."""
    from urllib.parse import quote

    for name, texts in BAD_PARAMETERS.items():
        for text in texts:
            yield invalid("GET", f"{BOOKS}?{name}={quote(text, safe='')}", None, name)
        yield invalid("GET", f"{BOOKS}?{name}=1&{name}=1", None, name)
        yield invalid("GET", f"{BOOKS}?{name}=1&page=1&{name}=2", None, name)
    from urllib.parse import unquote

    for name in NO_PARAMETERS:
        yield invalid("GET", f"{BOOKS}?{name}=1", None, unquote(name))
        yield invalid("GET", f"{BOOK}?{name}=1", None, unquote(name))
    for method, path in (("GET", f"{BOOKS}/isbn/{isbn(1)}"), ("DELETE", BOOK), ("HEAD", BOOK)):
        for name in ("x", "fields", "page"):
            if method != "HEAD":
                yield invalid(method, f"{path}?{name}=1", None, name)
    for method, path in WRITES:
        for name in ("x", "return", "upsert", "isbn"):
            yield invalid(method, f"{path}?{name}=1", NEW, name)
    for sort, keys in (
        ("title", ["5", '"a\\u0000"', "null"]),
        (
            "price",
            ['"x"', '"NaN"', '"sNaN"', '"1.005"', '"-1"', '"1e99"', "100000000", '"1e-9"', "{}"],
        ),
        ("stock", ["-1", "2147483648", '"x"', "1.5"]),
        ("updated_at", ['"x"', "253402300800000000", "-62135596800000001", "true"]),
    ):
        for key in keys:
            wire = f'["AAAAAAAA",false,[{key},"{NO_ID}"]]'.encode()
            text = base64.urlsafe_b64encode(wire).decode().rstrip("=")
            yield invalid("GET", f"{BOOKS}?sort={sort}&cursor={text}", None, "cursor")
    for low, high in (("2", "1"), ("0.01", "0"), ("99999999.99", "99999999.98")):
        yield invalid("GET", f"{BOOKS}?min_price={low}&max_price={high}", None, "min_price")


def addresses() -> Iterator[Case]:
    """Invalid ids, ISBNs and URLs."""
    ids = ["none", "0", "-1", "null", "%00", "%20", "x" * 3000, NO_ID, NO_ID.upper(), "0" * 36,
           "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
           NO_ID.replace("-", ""), f"%7B{NO_ID}%7D", f"urn:uuid:{NO_ID}", f"{NO_ID}%00",
           f"{NO_ID}%0A", f"%20{NO_ID}", f"{NO_ID};x", f"{NO_ID}.json", "%E2%82%AC", "..%5C", "'",
           "1%20OR%201=1", "';--", "%3Cscript%3E", "*", "%25", "%D9%A1" * 36, "-" * 36,
           "{id}%20", "{id}x", "x{id}", "%7B{id}%7D", "{id},{id}", "isbn"]  # fmt: skip
    for bad in ids:
        path = f"{BOOKS}/{bad}"
        yield case("GET", path, None, 404, "not_found")
        yield case("DELETE", path, None, 404, "not_found")
        yield case("PUT", path, {"stock": 1}, 404, "not_found")
        yield case("PATCH", path, {"stock": 1}, 404, "not_found")
        if bad != "isbn":
            yield case("POST", f"{path}/stock", {"delta": 1}, 404, "not_found")
    for bad in ("9780000000000", "0000000000000", "x", "%00", isbn(8), "0" * 3000, "%D9%A9" * 13):
        yield case("GET", f"{BOOKS}/isbn/{bad}", None, 404, "not_found")
        if bad != isbn(8):
            book = {name: value for name, value in NEW.items() if name != "isbn"}
            yield invalid("PUT", f"{BOOKS}/isbn/{bad}", book, "isbn")
            yield invalid("PUT", f"{BOOKS}/isbn/{bad}", NEW, "isbn")
    for broken in ("%FF", "%80", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%C0%AF", "a%FFb"):
        for method in ("GET", "PUT", "PATCH", "DELETE", "POST", "OPTIONS"):
            yield case(method, f"{BOOKS}/{broken}", None, 400, "bad_request")
        yield case("GET", f"{BOOKS}/isbn/{broken}", None, 400, "bad_request")
        yield case("POST", f"{BOOK}/{broken}", None, 400, "bad_request")
        for name in ("search", "author", "page", "x"):
            yield case("GET", f"{BOOKS}?{name}={broken}", None, 400, "bad_request")
        yield case("GET", f"{BOOK}?{broken}", None, 400, "bad_request")
    for broken in ("%", "%2", "%zz", "%u0041", "a%", "%%", "%-1", "% 41"):
        for path in (BOOKS, BOOK, f"{BOOKS}/isbn/{isbn(1)}"):
            yield case("GET", f"{path}?search={broken}", None, 400, "bad_request")


def envelopes() -> Iterator[Case]:
    """Types, charsets, encodings, sizes, methods and conditions."""
    valid: dict[tuple[str, str], Any] = dict.fromkeys(WRITES, NEW) | {("POST", STOCK): {"delta": 1}}
    kinds = ["text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded",
             "multipart/form-data; boundary=x", "application/csv", "json", "*/*", "x", ";",
             "application/json; charset=utf-7", "application/json; charset=utf-16",
             "application/json; charset=latin-1", 'application/json; charset="UTF-7"',
             "application/json;charset=us-ascii", "application/json; charset=zlib",
             "application/json; charset=", "application/problem+json"]  # fmt: skip
    for (method, path), body in valid.items():
        for kind in kinds:
            yield case(method, path, body, 415, "unsupported_media_type", Content_Type=kind)
        yield case(method, path, body, 415, "unsupported_media_type", Content_Type="")
        for encoding in ("gzip", "deflate", "br", "zstd", "identity", "x, gzip"):
            yield case(method, path, body, 415, "unsupported_media_type", Content_Encoding=encoding)
        yield case(method, path, b" " * (2**20 + 1), 413, "payload_too_large")
        yield case(method, path, b"[" * 2**21, 413, "payload_too_large")
    for tag in ('"x"', "x", "", 'W/"1"', '"0"', '"1", "2"', "**", f'"{"f" * 40}"', '"é"'):
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            path = STOCK if method == "POST" else BOOK
            body = {"POST": {"delta": 1}, "DELETE": None}.get(method, {"stock": 1})
            if tag:
                yield case(method, path, body, 412, "precondition_failed", If_Match=tag)
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else {"stock": 1}
        yield case(method, BOOK, body, 412, "precondition_failed", If_None_Match="*")
        since = "Sat, 01 Jan 2000 00:00:00 GMT"
        yield case(method, BOOK, body, 412, "precondition_failed", If_Unmodified_Since=since)
    served = {BOOKS: "GET POST", BOOK: "GET PUT PATCH DELETE", STOCK: "POST", UPSERT: "GET PUT"}
    for path, methods in served.items():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "LINK", "get"):
            if method not in methods.split():
                yield case(method, path, None, 405, "method_not_allowed")


FAMILIES = (bodies, values, names, rules, parameters, addresses, envelopes)


def distinct(cases: Iterable[Case]) -> list[Case]:
    """The cases, of which no two may be the same request; raises `ValueError`."""
    seen: dict[tuple[Any, ...], Case] = {}
    for each in cases:
        if seen.setdefault(each[:4], each) is not each:
            raise ValueError(f"twice: {each.method} {each.path[:80]} {(each.body or b'')[:80]!r}")
    return list(seen.values())
