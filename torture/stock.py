"""Races for stock and for versions."""

from __future__ import annotations

from collections import Counter
from functools import partial

from torture.stage import (
    BOOKS,
    PGBOUNCER,
    POSTGRESQL,
    SQLITE,
    Client,
    Figure,
    Place,
    Scenario,
    all_at_once,
    book,
    processes,
)

_PROCESSES = 3


def sales(place: Place, full: bool) -> Figure:
    """Twice as many sales as copies, all at once, over several processes."""
    copies = 500 if full else 30
    with place.database() as url, processes(place, url, _PROCESSES) as ports:
        _, made = Client(ports[0]).ask("POST", BOOKS, book(1, stock=copies))
        path = f"{BOOKS}/{made['id']}"

        def sell(number: int) -> tuple[int, dict[str, object], int]:
            client = Client(ports[number % len(ports)])
            try:
                sale = {"delta": -1}
                return client.insist("POST", f"{path}/stock", sale, key=f"{number}", seconds=120)
            finally:
                client.close()

        answers = all_at_once([partial(sell, number) for number in range(2 * copies)])
        _, after = Client(ports[0]).ask("GET", path)
    counts = Counter(status for status, _, _ in answers)
    left = sorted(document["stock"] for status, document, _ in answers if status == 200)
    again = sum(times - 1 for _, _, times in answers)
    held = counts == {200: copies, 409: copies} and after["stock"] == 0
    held = held and left == [*range(copies)]
    lost = copies - counts[200] - int(after["stock"])
    text = f"{counts[200]} sold, {counts[409]} refused, {after['stock']} left, {lost} lost"
    return Figure(held, f"{text}; {again} asked again" if again else text)


def writers(place: Place, full: bool) -> Figure:
    """Many PUTs with the same If-Match, then as many DELETEs."""
    number = 100 if full else 20
    wins = []
    with place.database() as url, processes(place, url, 2) as ports:
        for method in ("PUT", "DELETE"):
            client = Client(ports[0])
            _, made = client.ask("POST", BOOKS, book(1))
            path, tag = f"{BOOKS}/{made['id']}", str(made["etag"])

            def write(index: int, method: str, path: str, tag: str) -> int:
                # From 6 on: who writes the 5 that are there changes nothing, and the tag holds.
                body = {"stock": 6 + index} if method == "PUT" else None
                caller = Client(ports[index % 2], keep=False)
                status = 503
                while status == 503:
                    status, _ = caller.ask(method, path, body, If__Match=tag)
                return status

            calls = [partial(write, index, method, path, tag) for index in range(number)]
            counts = Counter(all_at_once(calls))
            won = {"PUT": 200, "DELETE": 204}[method]
            wins.append(counts[won])
            lost = 412 if method == "PUT" else 404
            if counts != {won: 1, lost: number - 1}:
                return Figure(False, f"{method}: {dict(counts)}")
            if method == "PUT":
                client.ask("DELETE", path)
    return Figure(True, f"{number} PUT: {wins[0]} won; {number} DELETE: {wins[1]} won")


SCENARIOS = [
    Scenario(
        "No copy is sold twice",
        "1,000 concurrent sales of 500 copies over three processes",
        sales,
        (SQLITE, POSTGRESQL, PGBOUNCER),
    ),
    Scenario(
        "Of racing conditional writes one wins",
        "100 writers with one `If-Match`, over two processes",
        writers,
        (SQLITE, POSTGRESQL, PGBOUNCER),
    ),
]
