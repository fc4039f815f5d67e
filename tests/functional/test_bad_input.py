"""More than a thousand bad requests: each gets its refusal, the same one on both databases."""

import pytest

from tests.support.api import BOOKS, FixedContent, alike, ask, assert_problem
from tests.support.apps import build_app, close_app
from tests.support.bad_input import FAMILIES, SHELF, distinct

CASES = {family.__name__: distinct(family()) for family in FAMILIES}


class Shop:
    """One application on one database, with the books of `SHELF`."""

    def __init__(self, backend):
        self.backend = backend
        self.url = backend.create()
        self.app = build_app({"bookstore.sqlalchemy.url": self.url})
        self.ids = {
            name: ask(self.app, "POST", BOOKS, book).json["id"] for name, book in SHELF.items()
        }

    def close(self):
        close_app(self.app)
        self.backend.drop(self.url)

    def send(self, case):
        path = case.path
        for name, book_id in self.ids.items():
            path = path.replace(f"{{{name}}}", book_id)
        return ask(self.app, case.method, path, case.body, dict(case.headers))

    def neutral(self, response):
        """The answer without ids, times and the request id."""
        text = response.text
        for name, book_id in self.ids.items():
            text = text.replace(book_id, f"{{{name}}}")
        headers = {name.lower(): value for name, value in response.headers.items()}
        del headers["x-request-id"], headers["content-length"]
        return alike(f"{response.status} {sorted(headers.items())}\n{text}")


@pytest.fixture(scope="module")
def shops(sqlite_backend, postgres_backend):
    made = [Shop(sqlite_backend), Shop(postgres_backend)]
    yield made
    for shop in made:
        shop.close()


def described(case):
    return f"{case.method} {case.path[:120]} {dict(case.headers)} {(case.body or b'')[:120]!r}"


def test_the_families_hold_at_least_a_thousand_distinct_requests():
    assert len(distinct(case for cases in CASES.values() for case in cases)) >= 1000


@pytest.mark.parametrize("family", CASES)
def test_bad_requests_are_refused_alike_on_both_databases_and_write_nothing(shops, family):
    contents = [FixedContent(shop.app) for shop in shops]
    wrong = []
    for case in CASES[family]:
        answers = [shop.send(case) for shop in shops]
        try:
            for answer in answers:
                assert_problem(answer, case.status, case.code, *case.fields)
                assert len(answer.body) < 50_000
            first, second = (
                shop.neutral(answer) for shop, answer in zip(shops, answers, strict=True)
            )
            assert first == second
        except (AssertionError, KeyError) as error:
            wrong.append(f"{described(case)}\n    wanted {case.status} {case.code} {case.fields}"
                         f"\n    {str(error)[:400]}")  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(CASES[family])}:\n" + "\n".join(wrong[:25])
    for content in contents:
        content.assert_untouched()
