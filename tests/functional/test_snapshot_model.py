"""A series of snapshots against a model in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from copy import deepcopy

import pytest

from tests.support.feeds import isbn, send
from tests.support.snapshots import HEADER, book_path, members, query, rows, stocks


class Model:
    """What a shop does with snapshots, in memory."""

    def __init__(self):
        self.stock = {}
        self.sources = {}

    def take(self, source, there: dict[int, int], rejected: Sequence[int], absent, percent):
        """Whether it is taken, and the absent books."""
        of_source = self.sources.setdefault(source, {})
        live = {
            number
            for number, gone in of_source.items()
            if absent == "delete" or not gone or self.stock[number]
        }
        missing = sorted(live - there.keys() - {*rejected})
        if missing and absent != "keep":
            if not there or len(missing) * 100 > percent * len(live):
                return False, missing
            for number in missing:
                self.stock[number] = 0
                of_source[number] = True
                if absent == "delete":
                    self.delete(number)
        self.stock |= there
        of_source |= dict.fromkeys(there, False)
        return True, missing

    def delete(self, number):
        self.stock.pop(number, None)
        for books in self.sources.values():
            books.pop(number, None)


def change_one(client, model, chance):
    """Sell, take back or delete a book."""
    number = chance.choice(sorted(model.stock))
    path = book_path(client, number)
    delta = chance.choice([-1, -2, 1, None])
    if delta is None:
        client.delete(path)
        model.delete(number)
    elif model.stock[number] + delta >= 0:
        client.post_json(f"{path}/stock", {"delta": delta})
        model.stock[number] += delta


def take_one(client, model, chance):
    """A snapshot of some books, of which some are rejected, or a dry run of it."""
    source, percent = chance.choice(["one", "two"]), chance.choice([0, 5, 30, 60, 100])
    absent = chance.choice(["keep", "zero", "zero", "delete"])
    numbers, cut = chance.sample(range(12), chance.randrange(10)), chance.randrange(3)
    rejected, there = numbers[:cut], {number: chance.randrange(4) for number in numbers[cut:]}
    dry = chance.random() < 0.2
    taken, missing = (deepcopy(model) if dry else model).take(
        source, there, rejected, absent, percent
    )
    body = HEADER + "".join(rows([number], stock) for number, stock in there.items())
    body += "".join(f"{isbn(number)},,A,1,1\n" for number in rejected)
    options = query(source, absent, percent, skip_invalid="true", dry_run=str(dry).lower())
    answer = send(client, body, options, status=200 if taken else 422)
    if taken:
        named = [book["isbn"] for book in answer.json["absent_books"]]
        assert named == [isbn(number) for number in missing]


@pytest.mark.parametrize("seed", range(6))
def test_a_series_of_snapshots_and_sales_does_what_the_model_does(client, seed):
    chance, model = random.Random(seed), Model()
    for _ in range(30):
        if model.stock and chance.random() < 0.4:
            change_one(client, model, chance)
        else:
            take_one(client, model, chance)
        assert stocks(client) == model.stock
        assert members(client) == sorted(
            (name, isbn(number), gone)
            for name, books in model.sources.items()
            for number, gone in books.items()
        )
