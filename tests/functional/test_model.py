"""The API compared with a model in memory, on SQLite and PostgreSQL together (Hypothesis).

Every request goes to both databases. Both must answer as the model does, and their answers must
be equal byte for byte except for ids, times and cursors.
"""

import json
from decimal import Decimal
from unicodedata import normalize
from urllib.parse import quote

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from pyramid_bookstore.values.text import visible
from tests.support.api import BOOKS, alike, ask, assert_problem, isbn
from tests.support.both import run_on_both
from tests.support.examples import examples
from tests.support.model import STOCK_MAX, Model, Refused

# Few values, so that there are equal titles, equal prices and duplicate ISBNs.
TEXTS = st.sampled_from(
    [
        "Momo",
        "momo",
        "MÓMO",
        "Große Fahrt",
        "grosse fahrt",
        "100% _\\",
        "Ελένη",
        "a b",
        "Ab",
        "Åse",
        "ab c",
    ]
) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co"]),
    min_size=1,
    max_size=6,
).map(lambda text: normalize("NFC", text)).filter(lambda text: visible(text.strip()) == text)
ISBNS = st.integers(0, 5).map(isbn)
PRICES = st.sampled_from(["0.00", "0.01", "5.00", "5.50", "99999999.99"]).map(Decimal)
STOCKS = st.sampled_from([0, 0, 1, 2, 50, STOCK_MAX])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "é"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=4,
)
EXTRAS = st.dictionaries(st.sampled_from("abcd"), JSON_VALUES, max_size=3)
BOOK = st.fixed_dictionaries(
    {"title": TEXTS, "author": TEXTS, "isbn": ISBNS, "price": PRICES},
    optional={"stock": STOCKS, "description": st.none() | TEXTS, "extra": EXTRAS},
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={"title": TEXTS, "author": TEXTS, "isbn": ISBNS, "price": PRICES, "stock": STOCKS,
              "description": st.none() | TEXTS, "extra": EXTRAS},
)  # fmt: skip
PATCHES = st.fixed_dictionaries(
    {},
    optional={"title": TEXTS, "price": PRICES, "stock": st.none() | STOCKS,
              "description": st.none() | TEXTS, "extra": st.none() | EXTRAS},
)  # fmt: skip
SORT = st.lists(
    st.sampled_from(["title", "author", "price", "stock", "created_at", "updated_at"]),
    min_size=1, max_size=3, unique=True,
).flatmap(lambda names: st.tuples(*(st.tuples(st.just(name),
st.booleans()) for name in names)))  # fmt: skip
FILTERS = st.fixed_dictionaries(
    {},
    optional={"author": TEXTS, "search": TEXTS | st.integers(0, 5).map(lambda n: isbn(n)[4:]),
              "min_price": PRICES, "max_price": PRICES, "in_stock": st.booleans(), "sort": SORT},
)  # fmt: skip


def as_json(value):
    """JSON in which decimals keep their digits."""
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{json.dumps(key)}:{as_json(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value)


def query_of(filters):
    """The filters as a query string."""

    def text(name, value):
        if name == "sort":
            return ",".join(("-" if descending else "") + field for field, descending in value)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return "&".join(f"{name}={quote(text(name, value))}" for name, value in filters.items())


class Shops(RuleBasedStateMachine):
    """Rules are requests. ``apps`` and ``empty`` are set by `run_on_both`."""

    keys = Bundle("keys")
    apps = ()
    empty = ()

    def __init__(self):
        super().__init__()
        for empty in self.empty:
            empty()
        self.model = Model()
        #: Of each book its id and its current tag on each of the databases.
        self.ids = {}
        self.tags = {}

    def send(self, method, path, body=None, *, key=None, headers=None):
        """The answers of both, which must be equal; each has its own ``{id}`` and ``{tag}``."""
        answers = []
        for place, app in enumerate(self.apps):

            def own(text, place=place):
                return text.replace("{id}", self.ids.get(key, GONE)[place]).replace(
                    "{tag}", self.tags.get(key, GONE_TAGS)[place])  # fmt: skip

            sent = {name: own(value) for name, value in (headers or {}).items()}
            if body is not None:
                sent["Content-Type"] = "application/json"
            content = as_json(body).encode() if body is not None else None
            answers.append(ask(app, method, own(path), content, sent))
        first, second = answers
        assert first.status == second.status, (first.text, second.text)
        assert alike(first.text) == alike(second.text)
        names = [sorted(set(answer.headers) - {"Content-Length"}) for answer in answers]
        assert names[0] == names[1]
        return answers

    def expect(self, answers, run):
        """The answer must be the result of ``run`` on the model."""
        try:
            result = run()
        except Refused as refused:
            for answer in answers:
                assert_problem(answer, refused.status, refused.code, *refused.fields)
            return None
        assert answers[0].status_int < 300, answers[0].text
        return result

    def remember(self, book, answers):
        self.ids[book.key] = [answer.json["id"] for answer in answers]
        self.tags[book.key] = [answer.headers["ETag"] for answer in answers]
        self.same(book, answers[0].json)

    def same(self, book, shown):
        """The answer shows exactly the book of the model."""
        assert {name: shown[name] for name in book.fields if name != "price"} == {
            name: value for name, value in book.fields.items() if name != "price"
        }
        assert round(Decimal(str(shown["price"])), 2) == book.fields["price"]

    @rule(target=keys, fields=BOOK)
    def create(self, fields):
        answers = self.send("POST", BOOKS, fields)
        book = self.expect(answers, lambda: self.model.create(fields))
        if book is None:
            return -1
        assert answers[0].status_int == 201
        self.remember(book, answers)
        return book.key

    @rule(target=keys, fields=BOOK)
    def upsert(self, fields):
        answers = self.send("PUT", f"{BOOKS}/isbn/{fields['isbn']}", fields)
        result = self.expect(answers, lambda: self.model.upsert(fields))
        if result is None:
            return -1
        book, created = result
        assert answers[0].status_int == (201 if created else 200)
        self.remember(book, answers)
        return book.key

    @rule(key=keys, changes=CHANGES, match=st.sampled_from([None, "*", "{tag}", '"1"']))
    def put(self, key, changes, match):
        headers = {"If-Match": match} if match else {}
        answers = self.send("PUT", f"{BOOKS}/{{id}}", changes, key=key, headers=headers)
        stale = match == '"1"'
        if key not in self.model.books and free(changes):
            # The change itself is invalid: refused before the book is looked up.
            assert_problem(answers[0], 422, "validation_failed", "price")
            return
        book = self.expect(answers, lambda: self.model.update(key, changes, stale=stale))
        if book is not None:
            self.remember(book, answers)

    @rule(key=keys, patch=PATCHES)
    def patch(self, key, patch):
        answers = self.send("PATCH", f"{BOOKS}/{{id}}", patch, key=key)
        if key not in self.model.books and free(patch):
            assert_problem(answers[0], 422, "validation_failed", "price")
            return
        book = self.expect(answers, lambda: self.model.patch(key, patch))
        if book is not None:
            self.remember(book, answers)

    @rule(
        key=keys,
        delta=st.sampled_from([-1, 1, -50, 50, STOCK_MAX, -STOCK_MAX]) | st.integers(-99, 99),
    )
    def change_stock(self, key, delta):
        answers = self.send("POST", f"{BOOKS}/{{id}}/stock", {"delta": delta}, key=key)
        book = self.expect(answers, lambda: self.model.change_stock(key, delta))
        if book is not None:
            self.remember(book, answers)

    @rule(key=consumes(keys), match=st.sampled_from([None, "*", "{tag}", '"1"']))
    def delete(self, key, match):
        headers = {"If-Match": match} if match else {}
        answers = self.send("DELETE", f"{BOOKS}/{{id}}", key=key, headers=headers)
        self.expect(answers, lambda: self.model.delete(key, stale=match == '"1"'))

    @rule(key=keys)
    def read(self, key):
        answers = self.send("GET", f"{BOOKS}/{{id}}", key=key)
        if key not in self.model.books:
            assert_problem(answers[0], 404, "not_found")
            return
        book = self.model.books[key]
        self.same(book, answers[0].json)
        by_isbn = self.send("GET", f"{BOOKS}/isbn/{book.fields['isbn']}")
        assert by_isbn[0].body == answers[0].body
        again = self.send("GET", f"{BOOKS}/{{id}}", key=key, headers={"If-None-Match": "{tag}"})
        assert again[0].status_int == 304

    @rule(filters=FILTERS, limit=st.integers(1, 4), page=st.integers(1, 3))
    def list(self, filters, limit, page):
        query = query_of(filters)
        answers = self.send("GET", f"{BOOKS}?{query}&limit={limit}&page={page}")
        low, high = filters.get("min_price"), filters.get("max_price")
        if low is not None and high is not None and low > high:
            assert_problem(answers[0], 422, "validation_failed", "min_price")
            return
        books = self.model.listed(**filters)
        wanted = books[(page - 1) * limit : page * limit]
        for place, answer in enumerate(answers):
            shown = answer.json
            assert [book["id"] for book in shown["data"]] == [
                self.ids[b.key][place] for b in wanted
            ]
            assert shown["total"] == len(books)
            assert shown["total_pages"] == -(-len(books) // limit)
            assert (shown["next_cursor"] is not None) == (page * limit < len(books))
        for book, shown in zip(wanted, answers[0].json["data"], strict=True):
            self.same(book, shown)

    @rule(filters=FILTERS, limit=st.integers(1, 4))
    def walk(self, filters, limit):
        """All pages by cursor are the whole list."""
        low, high = filters.get("min_price"), filters.get("max_price")
        if low is not None and high is not None and low > high:
            return
        books = self.model.listed(**filters)
        query = query_of(filters)
        for place, app in enumerate(self.apps):
            found, cursor = [], ""
            while cursor is not None:
                page = ask(app, "GET", f"{BOOKS}?{query}&limit={limit}{cursor}").json
                found += [book["id"] for book in page["data"]]
                cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
            assert found == [self.ids[book.key][place] for book in books]

    @invariant()
    def as_many(self):
        for app in self.apps:
            assert ask(app, "GET", f"{BOOKS}?limit=1&fields=id").json["total"] == len(
                self.model.books
            )


GONE = ["01a20253-e83e-7b91-92af-097058bab2fa"] * 2
GONE_TAGS = ['"2"'] * 2


def free(changes):
    """Whether a change sets price 0 and a stock, which is invalid for every book."""
    return changes.get("price") == 0 and (changes.get("stock") or 0) > 0


@pytest.mark.no_cover
def test_both_databases_answer_every_sequence_of_requests_as_the_model(
    sqlite_backend, postgres_backend
):
    run_on_both(Shops, (sqlite_backend, postgres_backend), examples=examples(15), steps=40)
