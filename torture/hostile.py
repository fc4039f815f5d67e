"""Requests that want in, through, or to break something."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

from jwt.utils import base64url_encode

from tests.support.tokens import SECRET, claims, forge, jwk, private_key, public_pem, sign
from torture.stage import (
    API,
    BOOKS,
    SQLITE,
    Client,
    Figure,
    Place,
    Scenario,
    book,
    nginx,
    processes,
)

#: Answers that are right for what HTTP itself does not allow (RFC 9110, 15.6.2 and 15.6.6).
_FINE = {501, 503, 505}


# An INI takes the blanks at its ends away.
_KEY = SECRET.strip()


def _hidden(number: int) -> bytes:
    body = json.dumps(book(number)).encode()
    head = f"POST {BOOKS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _shapes() -> Iterator[tuple[bytes, bytes]]:
    """Heads that two parsers may read in two ways, and the body before the hidden request."""
    for extra in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 0",
        b"Content-Length: 0\r\nContent-Length: 5",
        b"Content-Length: 5, 0",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: 5_0",
        b"Content-Length: -1",
        b"Content-Length:\x0b5",
        b"Content-Length : 5",
        b" Content-Length: 5",
        b"Content-Length: 5\nX: y",
        b"Content-Length: 5\rX: y",
        b"X: y\nContent-Length: 5",
        b"X: y\r\n Content-Length: 5",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        b'Transfer-Encoding: "chunked"',
        b"Transfer-Encoding: chunked\x00",
        b"Transfer_Encoding: chunked",
        b"Content-Length: 5\x00",
    ):
        yield extra, b"0\r\n\r\n"
    for chunks in (b"0x0\r\n\r\n", b"0;\n\r\n", b"-0\r\n\r\n", b"00000000000000000\r\n\r\n",
                   b"1\r\nZZ\r\n0\r\n\r\n", b"1\nZ\n0\n\n", b"FFFFFFFFFFFFFFFFF\r\n",
                   b"0\r\nX: y\nContent-Length: 0\r\n\r\n"):  # fmt: skip
        yield b"Transfer-Encoding: chunked", chunks


def _exchange(port: int, data: bytes, wait: float = 0.4) -> bytes:
    """Everything that comes back until the other side closes or says nothing more."""
    received = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(data)
        plain.settimeout(wait)
        while more := plain.recv(65536):
            received += more
    return received


def _statuses(received: bytes) -> list[int]:
    parts = received.split(b"HTTP/1.")[1:]
    return [int(part[2:5]) for part in parts if part[2:5].isdigit()]


def _smuggle(place: Place, behind: bool) -> Figure:
    """A hidden request that nginx does not see must not reach the application."""
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        (port,) = stack.enter_context(processes(place, url, 1))
        direct, log = port, None
        if behind:
            port, log = stack.enter_context(nginx(port))
        statuses: Counter[int] = Counter()
        number = 0
        for extra, before in _shapes():
            number += 1
            head = f"POST {API}/health HTTP/1.1\r\nHost: x\r\n".encode() + extra + b"\r\n\r\n"
            statuses.update(_statuses(_exchange(port, head + before + _hidden(number))))
        _, page = Client(direct).ask("GET", f"{BOOKS}?limit=1")
        reached = int(page["total"])
        seen = log.read_text().count(f"POST {BOOKS} HTTP") if log else reached
    bad = {status for status in statuses if status >= 500 and status not in _FINE}
    passed = reached - seen
    text = f"{number} shapes: {sum(statuses.values())} answers, {max(passed, 0)} smuggled"
    if not behind:
        text = f"{number} shapes: {reached} read as two requests of one client, the others refused"
    return Figure(passed <= 0 and not bad, f"{text}, 5xx {len(bad)}")


def smuggling_direct(place: Place, full: bool) -> Figure:
    """Without a proxy there is nobody to smuggle past."""
    return _smuggle(place, behind=False)


def smuggling_behind(place: Place, full: bool) -> Figure:
    """Past nginx."""
    return _smuggle(place, behind=True)


def _bad_tokens() -> Iterator[tuple[str, str]]:
    """Which server's (HS or RS), and the token."""
    head = {"alg": "HS256", "typ": "JWT"}
    rsa, stranger = private_key("RSA"), private_key("RSA", "stranger")
    for name in ("none", "None", "NONE", "", "HS384", "hs256", "RS256"):
        unsigned = [base64url_encode(json.dumps(x).encode()) for x in ({"alg": name}, claims())]
        yield "HS", b".".join([*unsigned, b""]).decode()
        yield "RS", b".".join([*unsigned, b""]).decode()
        yield "HS", forge({"alg": name}, claims(), _KEY)
    for key in (public_pem(rsa), public_pem(rsa).strip(), "", "secret", "x" * 64):
        yield "RS", forge(head, claims(), key)
        yield "HS", forge(head, claims(), key)
    for members in ({"jku": "http://127.0.0.1:1/"}, {"jwk": jwk(stranger)}, {"x5u": "http://x/"},
                    {"kid": "unknown"}, {"crit": ["exp"]}, {"kid": "../../dev/null"}):  # fmt: skip
        yield "RS", sign(claims(), stranger, "RS256", **members)
    wrongs: list[tuple[str, object]] = [
        ("exp", None), ("exp", 1), ("exp", "soon"), ("exp", 1e400), ("exp", 0), ("nbf", 2**40),
        ("iss", "x"), ("iss", None), ("aud", "x"), ("aud", None),
    ]  # fmt: skip
    for member, value in wrongs:
        wrong = {member: value}
        full = {"iss": "https://login.example", "aud": "shop", **wrong}
        yield "HS", forge(head, claims(**full), _KEY)
        yield "RS", sign(claims(**{k: v for k, v in full.items() if v != 1e400}), stranger, "RS256")
    good = forge(head, claims(iss="https://login.example", aud="shop"), _KEY)
    for index in range(0, len(good), 9):
        yield "HS", good[:index] + ("A" if good[index] != "A" else "B") + good[index + 1 :]
    for odd in ("", "x", "a.b.c", "." * 50, good + "=", good[:-3], "A" * 30_000, good * 2):
        yield "HS", odd


def attacks(place: Place, full: bool) -> Figure:
    """Forged and broken tokens, on every operation that writes."""
    settings: dict[str, Any] = {
        "auth": "jwt", "roles__staff": "view add edit delete stock import",
        "jwt__issuer": "https://login.example", "jwt__audience": "shop",
    }  # fmt: skip
    pem = place.folder / "public.pem"
    pem.write_text(public_pem(private_key("RSA")))
    ways: dict[str, dict[str, Any]] = {
        "HS": {"jwt__key": _KEY, "jwt__algorithms": "HS256"},
        "RS": {"jwt__key_file": pem, "jwt__algorithms": "RS256"},
    }
    counts: Counter[int] = Counter()
    with place.database() as url, ExitStack() as stack:
        ports = {
            name: stack.enter_context(processes(place, url, 1, **settings, **way))[0]
            for name, way in ways.items()
        }
        good = forge(
            {"alg": "HS256", "typ": "JWT"},
            claims(iss="https://login.example", aud="shop"),
            _KEY,
        )
        status, made = Client(ports["HS"]).ask(
            "POST", BOOKS, book(1), Authorization=f"Bearer {good}"
        )
        if status != 201:
            return Figure(False, f"the good token was refused: {status}")
        path = f"{BOOKS}/{made['id']}"
        operations: list[tuple[str, str, object]] = [
            ("GET", path, None), ("POST", BOOKS, book(2)), ("PUT", path, {"stock": 1}),
            ("PATCH", path, {"stock": 1}), ("POST", f"{path}/stock", {"delta": -1}),
            ("PUT", f"{BOOKS}/isbn/{book(3)['isbn']}", book(3)), ("DELETE", path, None),
        ]  # fmt: skip
        for way, token in _bad_tokens():
            client = Client(ports[way], keep=False)
            for method, target, body in operations if full else operations[:2]:
                status, _ = client.ask(method, target, body, Authorization=f"Bearer {token}")
                counts[status] += 1
        _, after = Client(ports["HS"]).ask("GET", path, Authorization=f"Bearer {good}")
    inside = sum(number for status, number in counts.items() if status not in (400, 401, 431))
    held = inside == 0 and after.get("stock") == 5
    return Figure(held, f"{sum(counts.values())} requests, {inside} let in")


def fuzz(place: Place, full: bool) -> Figure:
    """Good requests with bytes changed, cut out, doubled or put in, and plain noise."""
    number, random_ = (10_000 if full else 400), random.Random(5)
    seeds = [
        _hidden(1),
        b"GET /api/v1/books?search=a&sort=-price,title&limit=5&page=2 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/books/isbn/978-1-7185-0044-0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /api/v1/books/isbn/9781718500440 HTTP/1.1\r\nHost: x\r\nContent-Type:"
        b' application/json\r\nIf-Match: "x"\r\nContent-Length: 14\r\n\r\n{"stock": 9e9}',
        b"POST /api/v1/books/import?dry_run=true HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv"
        b"\r\nContent-Length: 29\r\n\r\ntitle,author,isbn,price\r\na,b,c",
        b"PATCH /api/v1/books/01a20253-e83e-7b91-92af-097058bab2fa HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/merge-patch+json\r\nContent-Length: 17\r\n\r\n"
        b'{"extra": {"a":1}}',
    ]
    spice = [b"\x00", b"\xff", b"%", b"%00", b"\r\n", b"\n", b'"', b"{", b"9" * 40, b"\xed\xa0\x80",
             b"..", b"'", b"&", b"NaN", b"-", b":", b"\xc3\xa9", b" " * 20]  # fmt: skip
    counts: Counter[int] = Counter()
    with place.database() as url, processes(place, url, 1) as (port,):
        for _ in range(number):
            data = bytearray(random_.choice(seeds))
            for _ in range(random_.randint(1, 4)):
                at = random_.randrange(len(data))
                match random_.randrange(5):
                    case 0:
                        data[at] = random_.randrange(256)
                    case 1:
                        data[at:at] = random_.choice(spice)
                    case 2:
                        del data[at : at + random_.randint(1, 9)]
                        data = data or bytearray(b"x")
                    case 3:
                        data[at:at] = data[at : at + random_.randint(1, 30)]
                    case _:
                        data[at:at] = random_.randbytes(5)
            # The end of what is sent is the end of the request, however long it said it would be.
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as plain:
                plain.sendall(bytes(data))
                plain.shutdown(socket.SHUT_WR)
                received = b""
                while more := plain.recv(65536):
                    received += more
                counts.update(_statuses(received)[:1])
        status, _ = Client(port).ask("GET", f"{API}/ready")
    bad = sum(n for code, n in counts.items() if code >= 500 and code not in _FINE)
    answered = sum(counts.values())
    # Of those that end before their announced length nobody waits for an answer.
    held = bad == 0 and status == 200 and answered > number / 2
    return Figure(held, f"{number:,} requests, {answered:,} answered, {bad} with 5xx")


SCENARIOS = [
    Scenario(
        "No request hides in another", "35 request smuggling shapes, direct", smuggling_direct,
        (SQLITE,),
    ),
    Scenario(
        "No request hides in another", "35 request smuggling shapes, behind nginx",
        smuggling_behind, (SQLITE,),
    ),
    Scenario("Nobody gets in", "forged, broken and expired tokens on every operation", attacks),
    Scenario("Nothing a client sends is a 5xx", "10,000 mutated requests", fuzz),
]  # fmt: skip
