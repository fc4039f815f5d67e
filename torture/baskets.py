"""Baskets, holds, sales and imports at once, while processes die: every copy is somewhere, once."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from sqlalchemy import Engine, text

from pyramid_bookstore.db.engines import make_reading_engine
from torture.crashes import victim
from torture.stage import (
    API,
    BOOKS,
    PGBOUNCER,
    POSTGRESQL,
    SQLITE,
    Client,
    Figure,
    Place,
    Scenario,
    book,
    throughout,
)

_PROCESSES, _TITLES = 3, 20
_SETTINGS = {"holds": "true", "stock_log": "true"}

#: Books whose stock imports set to what somebody counted, perhaps below what is held.
_COUNTED = 5

#: Seconds of a hold that is left to run out.
_SHORT = 2

#: Of every book in one statement: stock, held, and what they must be.
_LOOK = text("""
    SELECT isbn, stock, held,
        (SELECT coalesce(sum(quantity), 0) FROM bookstore_hold_lines WHERE book_id = books.id),
        (SELECT coalesce(sum(delta), 0) FROM bookstore_movements WHERE book_id = books.id)
    FROM bookstore_books AS books
""")
_LOG = text("""
    SELECT isbn, delta, moves.stock, reason, reference
    FROM bookstore_movements AS moves JOIN bookstore_books AS books ON books.id = moves.book_id
    ORDER BY moves.seq
""")
_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


class Shop:
    """What customers did, by their own account."""

    def __init__(self, ports: list[int], baskets: int, copies: int) -> None:
        self.ports = ports
        self.copies = copies
        self.ids: dict[str, str] = {}
        for number in range(_TITLES):
            _, made = Client(ports[0]).ask("POST", BOOKS, book(number, stock=copies))
            self.ids[str(made["isbn"])] = str(made["id"])
        self.isbns = [*self.ids]
        self.counted = {*self.isbns[:_COUNTED]}
        #: Copies by the reference of the basket, and the book.
        self.sold: Counter[tuple[str, str]] = Counter()
        self.left_to_run_out: list[str] = []
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._left = iter(range(baskets))
        self._lock = threading.Lock()

    def buy(self, stop: threading.Event) -> None:
        """One customer after another, until there are no more."""
        while (number := self._next()) is not None:
            chosen = random.Random(number)
            books = chosen.sample(self.isbns, chosen.randint(1, 5))
            basket = [(isbn, chosen.randint(1, 2)) for isbn in books]
            if number % 4 == 0:  # a line that is there twice
                basket.append((basket[0][0], 1))
            way = chosen.choice(["sell", "sell one", "commit", "commit", "release", "forget"])
            try:
                if way.startswith("sell"):
                    self._sell(f"basket-{number}", way, basket)
                else:
                    self._hold(f"basket-{number}", way, basket)
            except TimeoutError as error:
                self.note(str(error))

    def import_feeds(self, stop: threading.Event) -> None:
        """Prices of all books change, and the stock of some, each time in another order."""
        while not stop.is_set():
            price, rows = random.randint(1, 99), []
            for isbn in random.sample(self.isbns, _TITLES):
                counted = str(random.randint(0, self.copies)) if isbn in self.counted else ""
                rows.append(f"{isbn},{price},{counted}\n")
            feed = "".join(["isbn,price,stock\n", *rows]).encode()
            # To set what is set already changes nothing.
            self._ask("POST", f"{BOOKS}/import", feed, None, "imports")
            stop.wait(0.2)

    def come_back(self) -> None:
        """Those who left their holds want to pay after all."""
        for path in self.left_to_run_out:
            status, document = self._ask("POST", f"{path}/commit", None, None, "late")
            if (status, document.get("error")) != (409, "hold_over"):
                self.note(f"a hold that ran out: {status}")

    def note(self, fault: str) -> None:
        """Something was wrong."""
        with self._lock:
            self.faults.append(fault)

    def _next(self) -> int | None:
        with self._lock:
            return next(self._left, None)

    def _sell(self, key: str, way: str, basket: list[tuple[str, int]]) -> None:
        why = {"reason": "sale", "reference": key}
        if way == "sell one":
            basket = basket[:1]
            isbn, number = basket[0]
            path, body = f"{BOOKS}/{self.ids[isbn]}/stock", {"delta": -number, **why}
        else:
            lines = [{"isbn": isbn, "delta": -number} for isbn, number in basket]
            path, body = f"{API}/stock", {"lines": lines, **why}
        if self._ask("POST", path, body, key, way)[0] == 200:
            self._book(key, basket)

    def _hold(self, key: str, way: str, basket: list[tuple[str, int]]) -> None:
        lines = [{"isbn": isbn, "quantity": number} for isbn, number in basket]
        body = {"lines": lines, "ttl": _SHORT if way == "forget" else 300, "reference": key}
        status, hold = self._ask("POST", f"{API}/holds", body, key, "hold")
        if status != 201:
            return
        path = f"{API}/holds/{hold['id']}"
        if way == "forget":
            self.left_to_run_out.append(path)
            return
        if way == "commit":
            status, answer = self._ask("POST", f"{path}/commit", None, f"{key}-end", way)
            if status == 200:
                self._book(key, basket)
                return
            short = {line["isbn"] for line in answer.get("lines", ())}
            if not short or not short <= self.counted:
                self.note(f"commit: {status} {answer.get('detail')}")
        # A release has no key: asked again after a lost answer, it is over.
        status, answer = self._ask("DELETE", path, None, None, "release")
        if status != 204 and "was released" not in str(answer.get("detail")):
            self.note(f"release: {status} {answer.get('detail')}")

    def _ask(
        self, method: str, path: str, value: object, key: str | None, way: str
    ) -> tuple[int, Mapping[str, Any]]:
        """Until there is an answer that is no 503, of any process that lives."""
        deadline = time.monotonic() + 120
        headers = {} if key is None else {"Idempotency__Key": key}
        if isinstance(value, bytes):
            headers["Content__Type"] = "text/csv"
        while time.monotonic() < deadline:
            client = Client(random.choice(self.ports), keep=False, timeout=60)
            try:
                status, document = client.ask(method, path, value, **headers)
            except (OSError, http.client.HTTPException) as error:
                if not isinstance(error, ConnectionRefusedError):
                    self._count("lost")
                time.sleep(0.05)
                continue
            if status == 503 or document.get("error") == "idempotency_in_progress":
                self._count("asked again")
                time.sleep(0.1)
                continue
            self._count("refused" if status == 409 else way)
            if status not in (200, 201, 204, 409):
                self.note(f"{way}: {status} {document.get('detail')}")
            return status, document
        raise TimeoutError(f"{method} {path}: no answer")

    def _count(self, way: str) -> None:
        with self._lock:
            self.done[way] += 1

    def _book(self, reference: str, basket: list[tuple[str, int]]) -> None:
        with self._lock:
            for isbn, number in basket:
                self.sold[reference, isbn] += number


def _looks(engine: Engine, shop: Shop, stop: threading.Event) -> None:
    """Compare what the tables say with each other, all the time."""
    while not stop.is_set():
        with engine.connect() as connection:
            rows = connection.execute(_LOOK).all()
        for isbn, stock, held, lines, moved in rows:
            most = held if isbn in shop.counted else stock  # the shelf is right
            if not (0 <= held == lines <= most and 0 <= stock == moved):
                shop.note(f"{isbn}: stock {stock}/{moved}, held {held}/{lines}")
        shop.done["looks"] += 1
        stop.wait(0.05)


def _kills(shop: Shop, kill: Callable[[], None], stop: threading.Event) -> None:
    """Kill one of the processes again and again, whatever becomes of the others."""
    while not stop.wait(random.uniform(0.1, 2)):
        kill()
        shop.done["kills"] += 1


def baskets(place: Place, full: bool) -> Figure:
    """Baskets over three processes, each of which is killed again and again."""
    number, copies, callers = (1000, 130, 16) if full else (60, 12, 6)
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        victims = [stack.enter_context(victim(place, url, **_SETTINGS)) for _ in range(_PROCESSES)]
        shop = Shop([port for port, _ in victims], number, copies)
        engine = make_reading_engine({"url": url})
        stack.callback(engine.dispose)
        kills = [partial(_kills, shop, kill) for _, kill in victims]
        with throughout([shop.import_feeds, partial(_looks, engine, shop), *kills]):
            buyers = [
                threading.Thread(target=shop.buy, args=(threading.Event(),)) for _ in range(callers)
            ]
            for buyer in buyers:
                buyer.start()
            for buyer in buyers:
                buyer.join()
        time.sleep(_SHORT)
        shop.come_back()
        _, page = Client(shop.ports[0]).ask("GET", f"{BOOKS}?limit=100")
        with engine.connect() as connection:
            moves = connection.execute(_LOG).all()
            sqlite = engine.dialect.name == "sqlite"
            deadlocks = 0 if sqlite else connection.scalar(_DEADLOCKS)
    wrong = [*_wrong(page["data"], shop), *_wrong_log(page["data"], moves, shop)]
    done = shop.done
    kept = not (wrong or shop.faults or deadlocks) and done["commit"] > 0 and done["looks"] > 0
    said = (
        f"{number} baskets, {done['kills']} kills: {shop.sold.total()} copies sold, {len(wrong)}"
        f" oversold, lost or held for good, {deadlocks} deadlocks; {done['hold']} holds,"
        f" {done['commit']} committed, {done['release']} released, {len(shop.left_to_run_out)} left"
        f" to run out; {done['refused']} refused, {done['imports']} imports, {done['looks']} looks;"
        f" {done['lost']} answers lost and found out, {done['asked again']} asked again"
    )
    return Figure(kept, said if kept else f"{said}; {'; '.join([*shop.faults, *wrong][:3])}")


def _wrong(books: list[dict[str, Any]], shop: Shop) -> Iterator[str]:
    """The books of which sold and left are not what was there, or of which a hold lives on."""
    for found in books:
        isbn, stock = found["isbn"], found["stock"]
        sold = sum(copies for (_, of), copies in shop.sold.items() if of == isbn)
        if isbn not in shop.counted and sold + stock != shop.copies:
            yield f"{isbn}: {sold} sold, {stock} left"
        if found["available"] != stock:
            yield f"{isbn}: {stock} in stock, {found['available']} available"


def _wrong_log(books: list[dict[str, Any]], moves: Sequence[Any], shop: Shop) -> Iterator[str]:
    """Where the log does not lead from one stock to the next, up to what is there, or has other
    sales than the customers."""
    stocks: Counter[str] = Counter()
    sold: Counter[tuple[str, str]] = Counter()
    for isbn, delta, stock, reason, reference in moves:
        if stocks[isbn] + delta != stock or stock < 0:
            yield f"{isbn}: {stocks[isbn]} and {delta} make {stock}"
        stocks[isbn] = stock
        if reason in ("sale", "hold"):
            sold[reference, isbn] -= delta
        elif reason == "import" and isbn not in shop.counted:
            yield f"{isbn}: an import changed the stock"
    if sold != shop.sold:
        yield f"the log and the customers differ: {sold - shop.sold}, {shop.sold - sold}"
    if stocks != Counter({found["isbn"]: found["stock"] for found in books}):
        yield "the log ends with another stock"


SCENARIOS = [
    Scenario(
        "Every copy is sold, held or free, and none of it twice; the log adds up",
        "1,000 baskets of 1 to 5 of 20 books: sold, held, committed, released, left to run out,"
        " with single sales, and imports that change prices and set the stock of some, over three"
        " processes, each of which is killed again and again",
        baskets,
        (SQLITE, POSTGRESQL, PGBOUNCER),
    ),
]
