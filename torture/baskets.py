"""Baskets, holds, sales and imports at once, while processes die: every copy is somewhere, once."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

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
    processes,
    throughout,
)

_TITLES = 20
_SETTINGS = {"holds": "true", "stock_log": "true"}

#: Seconds of a hold that is left to run out.
_SHORT = 2

#: Of every book in one statement: stock, held, and what they must be.
_LOOK = text("""
    SELECT isbn, stock, held,
        (SELECT coalesce(sum(quantity), 0) FROM bookstore_hold_lines WHERE book_id = books.id),
        (SELECT coalesce(sum(delta), 0) FROM bookstore_movements WHERE book_id = books.id)
    FROM bookstore_books AS books
""")


class Shop:
    """What customers did, by their own account."""

    def __init__(self, ports: list[int], baskets: int, copies: int) -> None:
        self.ports = ports
        self.copies = copies
        self.isbns = [str(book(number)["isbn"]) for number in range(_TITLES)]
        self.sold: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._left = iter(range(baskets))
        self._lock = threading.Lock()

    def buy(self, stop: threading.Event) -> None:
        """One customer after another, until there are no more."""
        while (number := self._next()) is not None:
            chosen = random.Random(number)
            port = chosen.choice(self.ports)
            client = Client(port, timeout=60)
            books = chosen.sample(self.isbns, chosen.randint(1, 5))
            basket = [(isbn, chosen.randint(1, 2)) for isbn in books]
            if number % 4 == 0:  # a line that is there twice
                basket.append((basket[0][0], 1))
            way = chosen.choice(["sell", "sell one", "commit", "commit", "release", "forget"])
            try:
                self._basket(client, f"basket-{number}", way, basket)
            except TimeoutError as error:
                self._note(str(error))
            finally:
                client.close()

    def import_feeds(self, stop: threading.Event) -> None:
        """Prices of all books change, each time in another order."""
        while not stop.is_set():
            isbns = random.sample(self.isbns, _TITLES)
            price = random.randint(1, 99)
            feed = "isbn,price\n" + "".join(f"{isbn},{price}\n" for isbn in isbns)
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=60)
            try:
                headers = {"Content-Type": "text/csv"}
                connection.request("POST", f"{BOOKS}/import", feed, headers)
                self._count(connection.getresponse().status, {}, "imports")
            except (OSError, http.client.HTTPException) as error:
                self._note(f"import: {error}")
            finally:
                connection.close()
            stop.wait(0.2)

    def _next(self) -> int | None:
        with self._lock:
            return next(self._left, None)

    def _basket(self, client: Client, key: str, way: str, basket: list[tuple[str, int]]) -> None:
        if way == "sell one":
            basket = basket[:1]
        if way.startswith("sell"):
            lines = [{"isbn": isbn, "delta": -number} for isbn, number in basket]
            if self._ask(client, "POST", f"{API}/stock", {"lines": lines}, key, way)[0] == 200:
                self._sell(basket)
            return
        lines = [{"isbn": isbn, "quantity": number} for isbn, number in basket]
        ttl = _SHORT if way == "forget" else 300
        status, hold = self._ask(
            client, "POST", f"{API}/holds", {"lines": lines, "ttl": ttl}, key, "hold"
        )
        if status != 201 or way == "forget":
            return
        path = f"{API}/holds/{hold['id']}"
        if way == "commit":
            status, _ = self._ask(client, "POST", f"{path}/commit", None, f"{key}-end", way)
            if status != 200:
                self._note(f"commit: {status}")
            self._sell(basket)
            return
        # A release has no key: asked again after a lost answer, it is over.
        if self._ask(client, "DELETE", path, None, None, way)[0] not in (204, 409):
            self._note("release")

    def _ask(
        self,
        client: Client,
        method: str,
        path: str,
        value: object,
        key: str | None,
        way: str,
    ) -> tuple[int, dict[str, object]]:
        """Until there is an answer that is no 503."""
        deadline = time.monotonic() + 120
        headers = {} if key is None else {"Idempotency__Key": key}
        while time.monotonic() < deadline:
            try:
                status, document = client.ask(method, path, value, **headers)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if document.get("error") == "idempotency_in_progress":
                time.sleep(0.05)
                continue
            self._count(status, document, way)
            if status != 503:
                return status, document
            time.sleep(0.1)
        raise TimeoutError(f"{method} {path}: no answer")

    def _count(self, status: int, document: dict[str, object], way: str) -> None:
        with self._lock:
            if status == 503:
                self.done["asked again"] += 1
            elif status in (200, 201, 204):
                self.done[way] += 1
            elif status == 409:
                self.done["refused"] += 1
            else:
                self.faults.append(f"{way}: {status} {document.get('detail')}")

    def _sell(self, basket: list[tuple[str, int]]) -> None:
        with self._lock:
            for isbn, number in basket:
                self.sold[isbn] += number

    def _note(self, fault: str) -> None:
        with self._lock:
            self.faults.append(fault)


def _looks(engine: Engine, shop: Shop, stop: threading.Event, looks: list[int]) -> None:
    """Compare what the tables say with each other, all the time."""
    while not stop.is_set():
        with engine.connect() as connection:
            rows = connection.execute(_LOOK).all()
        for isbn, stock, held, lines, moved in rows:
            if not (0 <= held == lines <= stock == moved):
                shop.faults.append(f"{isbn}: stock {stock}/{moved}, held {held}/{lines}")
        looks[0] += 1
        stop.wait(0.05)


def baskets(place: Place, full: bool) -> Figure:
    """Baskets over three processes, one of which is killed again and again."""
    number, copies, callers = (1000, 130, 16) if full else (60, 12, 6)
    looks, kills = [0], 0
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        port, kill = stack.enter_context(victim(place, url, **_SETTINGS))
        ports = [*stack.enter_context(processes(place, url, 2, **_SETTINGS)), port]
        for at in range(_TITLES):
            Client(ports[0]).ask("POST", BOOKS, book(at, stock=copies))
        shop = Shop(ports, number, copies)
        engine = make_reading_engine({"url": url})
        with throughout([shop.import_feeds, lambda stop: _looks(engine, shop, stop, looks)]):
            buyers = [
                threading.Thread(target=shop.buy, args=(threading.Event(),)) for _ in range(callers)
            ]
            for buyer in buyers:
                buyer.start()
            while any(buyer.is_alive() for buyer in buyers):
                time.sleep(random.uniform(0.3, 1.0))
                kill()
                kills += 1
            for buyer in buyers:
                buyer.join()
        engine.dispose()
        time.sleep(_SHORT)
        _, page = Client(ports[0]).ask("GET", f"{BOOKS}?limit=100")
    wrong = list(_wrong(page["data"], shop))
    oversold = sum(max(0, shop.sold[isbn] - copies) for isbn in shop.isbns)
    done = shop.done
    kept = not wrong and not shop.faults and done["commit"] > 0 and looks[0] > 0
    text = (
        f"{number} baskets, {kills} kills: {sum(shop.sold.values())} copies sold, {oversold}"
        f" oversold, {len(wrong)} books wrong; {done['hold']} holds, {done['commit']} committed,"
        f" {done['release']} released; {done['refused']} refused, {done['imports']} imports,"
        f" {looks[0]} looks, {done['asked again']} asked again"
    )
    return Figure(kept, f"{text}; {'; '.join([*shop.faults, *wrong][:3])}" if not kept else text)


def _wrong(books: list[dict[str, int | str]], shop: Shop) -> Iterator[str]:
    """The books of which sold and left are not what was there, or of which a hold lives on."""
    for found in books:
        isbn = str(found["isbn"])
        if shop.sold[isbn] + int(found["stock"]) != shop.copies:
            yield f"{isbn}: {shop.sold[isbn]} sold, {found['stock']} left"
        if found["available"] != found["stock"]:
            yield f"{isbn}: {found['stock']} in stock, {found['available']} available"


SCENARIOS = [
    Scenario(
        "Every copy is sold, held or free, and none of it twice; the log adds up",
        "1,000 baskets of 1 to 5 of 20 books: sold, held, committed, released, left to run out,"
        " with imports between them, over three processes of which one is killed again and again",
        baskets,
        (SQLITE, POSTGRESQL, PGBOUNCER),
    ),
]
