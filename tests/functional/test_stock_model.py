"""Sales, holds and the log compared with a model in memory, on both databases (Hypothesis).

Every request goes to both. They must answer as the model does, and the log must add up.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from pyramid_bookstore.catalogue import availability, listing
from pyramid_bookstore.stock import holds as holds_module
from pyramid_bookstore.stock import shelf as shelf_module
from pyramid_bookstore.values import moments
from tests.support.api import API, BOOKS, ask, new_book
from tests.support.both import run_on_both
from tests.support.examples import examples

TITLES = 4
LINES = st.lists(
    st.tuples(st.integers(0, TITLES - 1), st.integers(1, 4), st.booleans()), min_size=1, max_size=5
)


class Clock:
    """Stands still, so that it counts nothing how long a run takes, until it is set ahead."""

    start = moments.now()
    ahead = 0

    @classmethod
    def now(cls):
        return cls.start + timedelta(seconds=cls.ahead)


class Shop(RuleBasedStateMachine):
    holds = Bundle("holds")

    @initialize()
    def begin(self):
        for empty in self.empty:
            empty()
        Clock.start, Clock.ahead = moments.now(), 0
        #: By title; None for one that is deleted.
        self.stock: list[int | None] = [6] * TITLES
        #: By number: lines, the time at which it runs out, whether it ended.
        self.placed: list[dict] = []
        self.ids = [
            [ask(app, "POST", BOOKS, new_book(at, stock=6)).json["id"] for at in range(TITLES)]
            for app in self.apps
        ]

    def everywhere(self, status, method, path, body=None):
        """The answers of both, which have the status that the model says."""
        answers = []
        for at, app in enumerate(self.apps):
            sent = body(at) if callable(body) else body
            answer = ask(app, method, path(at) if callable(path) else path, sent)
            assert answer.status_int == status, (at, status, answer.text)
            answers.append(answer)
        return answers

    def live(self, hold):
        return not hold["ended"] and hold["until"] > Clock.ahead

    def free(self, title):
        kept = sum(hold["lines"][title] for hold in self.placed if self.live(hold))
        return max(0, (self.stock[title] or 0) - kept)

    def wanted(self, lines, sign=1):
        found: Counter[int] = Counter()
        for title, number, _ in lines:
            found[title] += sign * number
        return found

    def sent(self, lines, name, sign=1):
        def body(at):
            return {
                "lines": [
                    {**self.named(at, title, by_isbn), name: sign * number}
                    for title, number, by_isbn in lines
                ],
                **({"ttl": 60} if name == "quantity" else {}),
            }

        return body

    def named(self, at, title, by_isbn):
        if by_isbn:
            return {"isbn": new_book(title)["isbn"]}
        return {"id": self.ids[at][title]}

    def refusal(self, wanted):
        """What is wrong with taking so many copies, if anything."""
        if any(self.stock[title] is None for title in wanted):
            return 422
        return 409 if any(self.free(title) < wanted[title] for title in wanted) else None

    @rule(lines=LINES)
    def sell(self, lines):
        wanted = self.wanted(lines)
        refused = self.refusal(wanted)
        self.everywhere(refused or 200, "POST", f"{API}/stock", self.sent(lines, "delta", -1))
        if not refused:
            for title, number in wanted.items():
                self.stock[title] -= number

    @rule(title=st.integers(0, TITLES - 1), delta=st.integers(-4, 4))
    def change_one(self, title, delta):
        status = 200
        if self.stock[title] is None:
            status = 404
        elif delta < 0 and self.free(title) < -delta:
            status = 409
        self.everywhere(
            status, "POST", lambda at: f"{BOOKS}/{self.ids[at][title]}/stock", {"delta": delta}
        )
        if status == 200:
            self.stock[title] += delta

    @rule(title=st.integers(0, TITLES - 1), stock=st.integers(0, 8), way=st.sampled_from("pui"))
    def set_stock(self, title, stock, way):
        if self.stock[title] is None:
            return
        book = new_book(title, stock=stock)
        if way == "p":
            path = lambda at: f"{BOOKS}/{self.ids[at][title]}"  # noqa: E731  # as short as it gets
            self.everywhere(200, "PATCH", path, {"stock": stock})
        elif way == "u":
            self.everywhere(200, "PUT", f"{BOOKS}/isbn/{book['isbn']}", book)
        else:
            file = f"isbn,stock\n{book['isbn']},{stock}\n".encode()
            for app in self.apps:
                kind = {"Content-Type": "text/csv"}
                assert ask(app, "POST", f"{BOOKS}/import", file, kind).status_int == 200
        self.stock[title] = stock

    @rule(title=st.integers(0, TITLES - 1))
    def delete_or_add(self, title):
        if self.stock[title] is None:
            answers = self.everywhere(201, "POST", BOOKS, new_book(title, stock=3))
            for ids, answer in zip(self.ids, answers, strict=True):
                ids[title] = answer.json["id"]
            self.stock[title] = 3
            return
        self.everywhere(204, "DELETE", lambda at: f"{BOOKS}/{self.ids[at][title]}")
        self.stock[title] = None
        for hold in self.placed:  # of a book that comes again under another id
            if hold["lines"].pop(title, None):
                hold["gone"] = True

    @rule(target=holds, lines=LINES)
    def hold(self, lines):
        wanted = self.wanted(lines)
        refused = self.refusal(wanted)
        answers = self.everywhere(
            refused or 201, "POST", f"{API}/holds", self.sent(lines, "quantity")
        )
        made = {"lines": wanted, "until": Clock.ahead + 60, "ended": bool(refused), "gone": False}
        made["ids"] = [answer.json.get("id", self.ids[0][0]) for answer in answers]
        made["none"] = bool(refused)
        self.placed.append(made)
        return len(self.placed) - 1

    def path(self, hold, end=""):
        return lambda at: f"{API}/holds/{hold['ids'][at]}{end}"

    def over(self, hold):
        """The status for whatever is asked of a hold that is not live."""
        if hold["none"]:
            return 404
        return None if self.live(hold) else 409

    @rule(number=holds)
    def commit(self, number):
        hold = self.placed[number]
        short = any((self.stock[title] or 0) < count for title, count in hold["lines"].items())
        status = self.over(hold) or (409 if hold["gone"] or short else 200)
        self.everywhere(status, "POST", self.path(hold, "/commit"))
        if status == 200:
            hold["ended"] = True
            for title, count in hold["lines"].items():
                self.stock[title] -= count

    @rule(number=holds)
    def release(self, number):
        hold = self.placed[number]
        self.everywhere(self.over(hold) or 204, "DELETE", self.path(hold))
        hold["ended"] = True

    @rule(number=holds, ttl=st.sampled_from([30, 600]))
    def prolong(self, number, ttl):
        hold = self.placed[number]
        over = self.over(hold)
        self.everywhere(over or 200, "PATCH", self.path(hold), {"ttl": ttl})
        if not over:
            hold["until"] = Clock.ahead + ttl

    @rule(number=holds)
    def look(self, number):
        hold = self.placed[number]
        self.everywhere(self.over(hold) or 200, "GET", self.path(hold))

    @rule(seconds=st.sampled_from([20, 50, 1000]))
    def wait(self, seconds):
        # A little more than the multiples of ten: never the very moment at which a hold runs out.
        Clock.ahead += seconds + 7

    @invariant()
    def everything_is_as_the_model_says(self):
        there = [title for title in range(TITLES) if self.stock[title] is not None]
        expected = {(new_book(at)["isbn"], self.stock[at], self.free(at)) for at in there}
        for at, app in enumerate(self.apps):
            books = ask(app, "GET", BOOKS).json["data"]
            found = {(book["isbn"], book["stock"], book["available"]) for book in books}
            assert found == expected, at
            sold_out = ask(app, "GET", f"{BOOKS}?in_stock=false").json["data"]
            assert len(sold_out) == sum(free == 0 for _, _, free in expected), at
            for title in there:
                log = ask(app, "GET", f"{BOOKS}/{self.ids[at][title]}/stock?limit=100").json
                if log["next_cursor"] is None:
                    assert sum(each["delta"] for each in log["data"]) == self.stock[title]
                assert {each["reason"] for each in log["data"]}.isdisjoint({"unrecorded"})


@pytest.mark.no_cover
def test_both_databases_sell_hold_and_count_as_the_model(
    sqlite_backend, postgres_backend, monkeypatch
):
    for module in (availability, holds_module, listing, shelf_module):
        monkeypatch.setattr(module, "now", Clock.now)
    asked = {"bookstore.holds": "true", "bookstore.stock_log": "true"}
    run_on_both(Shop, (sqlite_backend, postgres_backend), asked, examples=examples(15), steps=30)
