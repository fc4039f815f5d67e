"""The list: pages, filters, search, sort, fields, cursors, counts and links."""

import re
from urllib.parse import quote

import pytest
from webtest import TestApp

from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS, ask, assert_problem, isbn, new_book
from tests.support.apps import build_app, close_app

#: title, author, price, stock; in the order in which they are made.
SHELF = [
    ("Die Verwandlung", "Franz Kafka", 5.5, 3),
    ("Große Erwartungen", "Charles Dickens", 12, 0),
    ("Œuvres complètes", "Émile Zola", 99999999.99, 1),
    ("100% Wool_Socks \\o/", "A. N. Other", 0, 0),
    ("Ελένη", "Νίκος Γκάτσος", 20, 7),
    ("Hundred Years of Solitude", "Gabriel García Márquez", 12, 2147483647),
    ("Straße nach Süden", "Łukasz Żółć", 12.01, 1),
    ("apple", "franz kafka", 5.5, 0),
    ("Zebra", "Franz KAFKA", 7, 9),
    ("O'Reilly – a “quoted” name", "Þórður Þ.", 3, 1),
    ("100 Wool Socks", "B. N. Other", 1, 4),
    ("日本語の本", "村上 春樹", 15, 2),
]


@pytest.fixture(scope="module")
def shelf(backend):
    """A catalogue that no test changes, and its books in the order in which they were made."""
    url = backend.create()
    app = build_app({"bookstore.sqlalchemy.url": url})
    client = TestApp(app)
    books = [
        client.post_json(BOOKS, {"title": title, "author": author, "isbn": isbn(718500440 + number),
                                 "price": price, "stock": stock}, status=201).json
        for number, (title, author, price, stock) in enumerate(SHELF)
    ]  # fmt: skip
    yield client, books
    close_app(app)
    backend.drop(url)


def titles(client, query):
    """Titles by their number in SHELF."""
    known = [title for title, *_ in SHELF]
    return [known.index(book["title"]) for book in client.get(f"{BOOKS}?{query}").json["data"]]


def links(answer):
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])
    return {relation: url for url, relation in found}


class TestPages:
    def test_a_list_shows_the_newest_first_in_pages_of_twenty(self, shelf):
        client, books = shelf
        page = client.get(BOOKS).json
        assert page["data"] == books[::-1]
        assert {name: page[name] for name in page if name != "data"} == {
            "total": 12, "page": 1, "limit": 20, "total_pages": 1, "next_cursor": None,
        }  # fmt: skip

    @pytest.mark.parametrize("limit", [1, 5, 11, 12, 13, 100])
    def test_all_pages_together_are_the_whole_list(self, shelf, limit):
        client, books = shelf
        found, number = [], 1
        while True:
            page = client.get(f"{BOOKS}?limit={limit}&page={number}").json
            assert (page["total"], page["page"], page["limit"]) == (12, number, limit)
            assert page["total_pages"] == -(-12 // limit)
            found += page["data"]
            if page["next_cursor"] is None:
                break
            number += 1
        assert number == page["total_pages"]
        assert found == books[::-1]

    @pytest.mark.parametrize("number", [2, 3, 5000])
    def test_a_page_past_the_end_is_empty_and_links_to_the_last_page(self, shelf, number):
        client, _ = shelf
        answer = client.get(f"{BOOKS}?page={number}")
        assert answer.json["data"] == []
        assert (answer.json["total"], answer.json["total_pages"]) == (12, 1)
        assert answer.json["next_cursor"] is None
        assert links(answer)["prev"] == f"{BOOKS}?page=1"

    def test_a_list_without_matches_has_total_0_and_no_pages(self, shelf):
        client, _ = shelf
        answer = client.get(f"{BOOKS}?search=nothing+like+that")
        assert answer.json == {
            "data": [], "total": 0, "page": 1, "limit": 20, "total_pages": 0, "next_cursor": None,
        }  # fmt: skip
        assert set(links(answer)) == {"first"}

    def test_the_default_and_maximum_limit_are_configurable(self, make_client):
        client = make_client({"bookstore.limit.default": "2", "bookstore.limit.max": "3"})
        for number in range(4):
            client.post_json(BOOKS, new_book(number))
        assert len(client.get(BOOKS).json["data"]) == 2
        assert len(client.get(f"{BOOKS}?limit=3").json["data"]) == 3
        refused = client.get(f"{BOOKS}?limit=4", status=422)
        assert_problem(refused, 422, "validation_failed", "limit")


@pytest.fixture(scope="module")
def short_pages(shelf):
    """A client for `shelf`, where pages end at 7 books."""
    url = Mount.of(shelf[0].app.registry).settings.database["url"]
    app = build_app({"bookstore.sqlalchemy.url": url, "bookstore.max_offset": "7"})
    yield TestApp(app)
    close_app(app)


class TestReach:
    """Pages end at `bookstore.max_offset` books."""

    @pytest.mark.parametrize("query", ["page=2&limit=3", "page=7&limit=1", "page=1&limit=100"])
    def test_a_page_up_to_the_offset_and_any_first_page_are_answered(self, short_pages, query):
        assert short_pages.get(f"{BOOKS}?{query}").json["data"]

    @pytest.mark.parametrize("query", ["page=2&limit=4", "page=8&limit=1", f"page={2**31 - 1}"])
    def test_a_page_beyond_is_refused_and_points_to_the_cursor(self, short_pages, query):
        refused = short_pages.get(f"{BOOKS}?{query}", status=422)
        assert_problem(refused, 422, "validation_failed", "page")
        [fault] = refused.json["details"]
        assert fault["message"] == (
            "Pages end at 7 books; go on with `cursor` (`next_cursor` of an earlier page)."
        )

    @pytest.mark.parametrize("limit", [2, 3, 7, 9])
    def test_the_links_lead_through_the_whole_list_by_cursor_where_pages_end(
        self, shelf, short_pages, limit
    ):
        _, books = shelf
        url, seen = f"{BOOKS}?limit={limit}", []
        while url:
            answer = short_pages.get(url)
            seen += answer.json["data"]
            url = links(answer).get("next")
        assert seen == books[::-1]

    @pytest.mark.parametrize(("limit", "pages"), [(3, 2), (2, 3), (9, 1)])
    def test_neither_total_pages_nor_last_names_a_page_that_is_refused(
        self, short_pages, limit, pages
    ):
        for page in range(1, pages + 1):
            answer = short_pages.get(f"{BOOKS}?limit={limit}&page={page}")
            assert (answer.json["total"], answer.json["total_pages"]) == (12, pages)
            assert answer.json["next_cursor"]
            assert "last" not in links(answer)

    def test_a_list_within_reach_has_its_last_page(self, short_pages):
        answer = short_pages.get(f"{BOOKS}?in_stock=false&limit=1")
        assert links(answer)["last"].endswith("page=3")

    def test_a_list_by_relevance_ends_there(self, short_pages):
        url = f"{BOOKS}?search=a&sort=relevance&limit=3"
        answer = short_pages.get(f"{url}&page=2")
        assert "next" not in links(answer)
        assert answer.json["next_cursor"] is None
        refused = short_pages.get(f"{url}&page=3", status=422)
        [fault] = refused.json["details"]
        assert fault["message"].startswith("A list by `relevance` ends after 7 books.")


class TestLinks:
    def test_a_middle_page_links_to_first_previous_next_and_last(self, shelf):
        client, _ = shelf
        answer = client.get(f"{BOOKS}?sort=title&page=2&limit=1&author=kafka")
        total = answer.json["total_pages"]
        query = "sort=title&limit=1&author=kafka"
        assert links(answer) == {
            "first": f"{BOOKS}?{query}",
            "prev": f"{BOOKS}?{query}&page=1",
            "next": f"{BOOKS}?{query}&page=3",
            "last": f"{BOOKS}?{query}&page={total}",
        }

    def test_the_links_next_and_prev_lead_through_the_whole_list(self, shelf):
        client, books = shelf
        found, url = [], f"{BOOKS}?limit=5"
        while url:
            answer = client.get(url)
            found += answer.json["data"]
            url = links(answer).get("next")
        assert found == books[::-1]
        while url := links(answer).get("prev"):
            answer = client.get(url)
        assert answer.json["data"] == books[:-6:-1]

    @pytest.mark.parametrize("term", ["ß", "%", "+", "&=#", "“q”", "a b", "日本", "%25", "\\"])
    def test_the_links_keep_the_search_term_of_the_request(self, shelf, term):
        client, _ = shelf
        answer = client.get(f"{BOOKS}?search={quote(term, safe='')}&limit=1")
        again = client.get(links(answer)["first"])
        del again.headers["X-Request-ID"], answer.headers["X-Request-ID"]
        assert (again.body, again.headers) == (answer.body, answer.headers)
        assert answer.headers["Link"].isascii()


class TestFilters:
    @pytest.mark.parametrize(
        ("author", "found"),
        [("kafka", [8, 7, 0]), ("KAFKA", [8, 7, 0]), ("franz k", [8, 7, 0]), ("zola", [2]),
         ("emile", [2]), ("ÉMILE", [2]), ("E\u0301mile", [2]), ("garcia marquez", [5]),
         ("lukasz", [6]), ("zolc", [6]), ("νικος", [4]), ("ΝΊΚΟΣ", [4]), ("村上", [11]),
         ("thordur", [9]), ("  kafka  ", [8, 7, 0]), ("%", []), ("_", []), ("verwandlung", []),
         ("other", [10, 3]), ("Dickens", [1])],
    )  # fmt: skip
    def test_the_author_filter_ignores_case_and_accents(self, shelf, author, found):
        client, _ = shelf
        assert titles(client, f"author={quote(author)}") == found

    @pytest.mark.parametrize(
        ("term", "found"),
        [("kafka", [8, 7, 0]), ("verwandlung", [0]), ("grosse", [1]), ("GROSSE", [1]),
         ("große", [1]), ("GROẞE", [1]), ("strasse", [6]), ("sud", [6]), ("oeuvres", [2]),
         ("œuvres completes", [2]), ("completes, oeuvres!", [2]), ("ελενη", [4]),
         ("100%", [10, 3]), ("%", [3]), ("_", [3]), ("%_", []), ("l_s", []), ("\\", [3]),
         ("\\o/", [10, 9, 5, 3, 2]), ("wool socks", [10, 3]), ("o'reilly", [9]),
         ("O’Reilly", [9]), ("OREILLY", [9]), ('"quoted"', [9]), ('"quot"', []), ("- a", [9, 7, 3]),
         ("日本", [11]), ("日本 本", [11]), ("本", [11]), ("本語", [11]), ("本日", []),
         ("a", [9, 7, 3]), ("an", [3]), ("A.N.", [3]), ("n. other", [10, 3]),
         ("kafka zebra", [8]), ("zebra kafka", [8]), ("kafka momo", []), ('"zebra kafka"', []),
         ("'; DROP TABLE bookstore_books; --", []), ("", list(range(11, -1, -1))),
         ("   ", list(range(11, -1, -1)))],
    )  # fmt: skip
    def test_search_finds_each_word_in_title_or_author_in_any_case(self, shelf, term, found):
        client, _ = shelf
        # The order of a's matches is the list's own, so it says which, not how good.
        assert titles(client, f"search={quote(term)}") == found

    @pytest.mark.parametrize("cut", [slice(0, 13), slice(3, 9), slice(8, 13)])
    def test_search_finds_isbns_with_or_without_hyphens(self, shelf, cut):
        client, books = shelf
        part = books[4]["isbn"][cut]
        expected = [book for book in books[::-1] if part in book["isbn"]]
        assert expected
        for written in (part, f"{part[:2]}-{part[2:]}", f"{part[:3]} {part[3:]}"):
            assert client.get(f"{BOOKS}?search={quote(written)}").json["data"] == expected

    def test_search_finds_a_book_by_its_isbn_10(self, client):
        client.post_json(BOOKS, new_book(isbn="1718500440"))
        assert client.get(f"{BOOKS}?search=1-7185-0044-0").json["total"] == 1

    @pytest.mark.parametrize(
        ("query", "found"),
        [("min_price=12", [11, 6, 5, 4, 2, 1]), ("max_price=1", [10, 3]), ("max_price=0", [3]),
         ("min_price=12&max_price=12", [5, 1]), ("min_price=12.01&max_price=12.01", [6]),
         ("min_price=12.00&max_price=12.0", [5, 1]), ("min_price=99999999.99", [2]),
         ("min_price=0&max_price=99999999.99", list(range(11, -1, -1))),
         ("in_stock=true&max_price=6", [10, 9, 0]), ("in_stock=false", [7, 3, 1]),
         ("in_stock=true&author=kafka", [8, 0]), ("author=kafka&search=zebra", [8]),
         ("author=kafka&search=zebra&in_stock=false", [])],
    )  # fmt: skip
    def test_filters_by_price_stock_and_author_are_combined_with_and(self, shelf, query, found):
        client, _ = shelf
        assert titles(client, query) == found
        assert client.get(f"{BOOKS}?{query}&limit=1").json["total"] == len(found)


class TestSort:
    @pytest.mark.parametrize(
        ("sort", "order"),
        [("created_at", list(range(12))), ("-created_at", list(range(11, -1, -1))),
         ("updated_at", list(range(12))), ("price", [3, 10, 9, 0, 7, 8, 1, 5, 6, 11, 4, 2]),
         ("-price", [2, 4, 11, 6, 5, 1, 8, 7, 0, 9, 10, 3]),
         ("stock", [1, 3, 7, 2, 6, 9, 11, 0, 10, 4, 8, 5]),
         ("price,-stock", [3, 10, 9, 0, 7, 8, 5, 1, 6, 11, 4, 2]),
         ("-price,stock,title", [2, 4, 11, 6, 1, 5, 8, 7, 0, 9, 10, 3]),
         ("title", [10, 3, 7, 0, 1, 5, 2, 9, 6, 8, 4, 11]),
         ("author,-title", [3, 10, 1, 2, 8, 0, 7, 5, 6, 9, 4, 11])],
    )  # fmt: skip
    def test_a_list_is_sorted_by_one_or_several_keys(self, shelf, sort, order):
        client, _ = shelf
        assert titles(client, f"sort={sort}") == order

    @pytest.mark.parametrize("sort", ["price", "-price", "stock,-title", "-author,price,stock",
                                      "title", "-updated_at", "created_at"])  # fmt: skip
    def test_pages_and_cursors_in_both_directions_give_the_same_list(self, shelf, sort):
        client, _ = shelf
        whole = client.get(f"{BOOKS}?sort={sort}").json["data"]
        pages, cursors, back = [], [], []
        url = f"{BOOKS}?sort={sort}&limit=5&page=1"
        while url:
            answer = client.get(url)
            pages += answer.json["data"]
            url = links(answer).get("next")
        url = f"{BOOKS}?sort={sort}&limit=5"
        while True:
            answer = client.get(url)
            cursors += answer.json["data"]
            if answer.json["next_cursor"] is None:
                break
            url = f"{BOOKS}?sort={sort}&limit=5&cursor={answer.json['next_cursor']}"
        while True:
            back = answer.json["data"] + back
            url = links(answer).get("prev")
            if url is None:
                break
            answer = client.get(url)
        assert pages == cursors == back == whole


class TestCursors:
    def test_a_list_by_cursor_has_neither_page_nor_total(self, shelf):
        client, books = shelf
        cursor = client.get(f"{BOOKS}?limit=4").json["next_cursor"]
        page = client.get(f"{BOOKS}?limit=4&cursor={cursor}").json
        assert list(page) == ["data", "limit", "next_cursor"]
        assert page["data"] == books[7:3:-1]

    def test_a_list_by_cursor_has_a_total_if_requested(self, shelf):
        client, _ = shelf
        cursor = client.get(f"{BOOKS}?limit=4").json["next_cursor"]
        page = client.get(f"{BOOKS}?limit=4&cursor={cursor}&count=exact").json
        assert (page["total"], page["total_pages"]) == (12, 3)
        assert "page" not in page

    def test_a_cursor_is_not_shifted_by_new_and_deleted_books(self, client):
        made = [client.post_json(BOOKS, new_book(number)).json for number in range(6)]
        first = client.get(f"{BOOKS}?limit=2").json
        client.post_json(BOOKS, new_book(9))
        client.delete(f"{BOOKS}/{made[5]['id']}")
        client.delete(f"{BOOKS}/{made[4]['id']}")
        second = client.get(f"{BOOKS}?limit=2&cursor={first['next_cursor']}").json
        assert second["data"] == made[3:1:-1]

    def test_a_cursor_of_a_list_with_other_filters_or_order_is_refused(self, shelf):
        client, _ = shelf
        cursor = client.get(f"{BOOKS}?limit=4").json["next_cursor"]
        for query in ("sort=title", "author=k", "search=k", "in_stock=true", "min_price=1"):
            refused = client.get(f"{BOOKS}?{query}&cursor={cursor}", status=422)
            assert_problem(refused, 422, "validation_failed", "cursor")
        assert client.get(f"{BOOKS}?limit=2&fields=title&cursor={cursor}").json["data"]


class TestCount:
    def test_count_exact_is_the_default(self, shelf):
        client, _ = shelf
        assert client.get(f"{BOOKS}?count=exact").body == client.get(BOOKS).body

    def test_count_none_gives_a_list_without_totals(self, shelf):
        client, books = shelf
        page = client.get(f"{BOOKS}?count=none&limit=5").json
        assert list(page) == ["data", "page", "limit", "next_cursor"]
        assert page["data"] == books[:6:-1]

    def test_count_estimated_gives_integer_totals(self, shelf):
        client, _ = shelf
        page = client.get(f"{BOOKS}?count=estimated").json
        assert isinstance(page["total"], int)
        assert isinstance(page["total_pages"], int)

    @pytest.mark.parametrize(
        "filters",
        ["", "search=oo", "search=o&in_stock=true", "min_price=1&in_stock=true", "author=a"],
    )
    def test_count_estimated_is_exact_in_a_small_catalogue(self, client, filters):
        """Most books are deleted, so the row numbers of the others have large gaps."""
        for number in range(60):
            book = {"title": f"Oo {number}", "author": "A", "isbn": isbn(7000 + number)}
            made = client.post_json(BOOKS, book | {"price": 2 + number % 3, "stock": number % 2})
            if number % 20 > 1:
                client.delete(made.headers["Location"])
        for page in ("limit=1", "limit=4&page=2", "limit=50"):
            query = f"{BOOKS}?{filters}&{page}&count="
            exact, estimated = client.get(query + "exact"), client.get(query + "estimated")
            assert estimated.json == exact.json
            assert exact.json["total"] > 2

    def test_a_list_without_a_total_has_no_link_to_the_last_page(self, shelf):
        client, _ = shelf
        answer = client.get(f"{BOOKS}?count=none&limit=5&page=2")
        assert set(links(answer)) == {"first", "prev", "next"}


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "names"),
        [("title", ["title"]), ("price,id", ["id", "price"]), ("extra", ["extra"]),
         ("updated_at,created_at,extra,description,stock,price,isbn,author,title,id",
          ["id", "title", "author", "isbn", "price", "stock", "description", "extra",
           "created_at", "updated_at"])],
    )  # fmt: skip
    def test_fields_selects_the_fields_of_each_book_in_fixed_order(self, shelf, fields, names):
        client, books = shelf
        data = client.get(f"{BOOKS}?fields={fields}").json["data"]
        assert [list(book) for book in data] == [names] * 12
        assert data == [{name: book[name] for name in names} for book in books[::-1]]

    def test_a_selected_price_keeps_its_two_decimals(self, shelf):
        client, _ = shelf
        assert b'[{"price":0.00}]' in client.get(f"{BOOKS}?fields=price&max_price=0").body


class TestCaching:
    def test_an_unchanged_list_gets_304_and_a_changed_one_200(self, client):
        book = client.post_json(BOOKS, new_book()).json
        answer = client.get(BOOKS)
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = {"If-None-Match": answer.headers["ETag"]}
        again = client.get(BOOKS, headers=tag, status=304)
        assert again.body == b""
        assert again.headers["ETag"] == answer.headers["ETag"]
        assert "Content-Type" not in again.headers
        client.put_json(f"{BOOKS}/{book['id']}", {"stock": 1})
        assert client.get(BOOKS, headers=tag).status_int == 200

    def test_head_of_a_list_has_its_headers_and_no_body(self, shelf):
        client, _ = shelf
        got, headed = client.get(BOOKS), client.head(BOOKS)
        assert headed.body == b""
        assert headed.headers["Link"] == got.headers["Link"]
        assert headed.headers["Content-Length"] == got.headers["Content-Length"]


class TestParameters:
    def test_all_invalid_parameters_are_reported_at_once(self, shelf):
        client, _ = shelf
        query = "page=0&limit=101&sort=isbn&fields=x&in_stock=x&min_price=x&colour=red&count=1"
        refused = ask(client, "GET", f"{BOOKS}?{query}")
        names = [pair.partition("=")[0] for pair in query.split("&")]
        document = assert_problem(refused, 422, "validation_failed", *names)
        assert {detail["pointer"] for detail in document["details"]} == {""}

    def test_page_and_cursor_together_are_refused(self, shelf):
        client, _ = shelf
        cursor = client.get(f"{BOOKS}?limit=4").json["next_cursor"]
        refused = client.get(f"{BOOKS}?page=1&cursor={cursor}", status=422)
        assert_problem(refused, 422, "validation_failed", "page")

    def test_a_min_price_above_the_max_price_is_refused(self, shelf):
        client, _ = shelf
        refused = client.get(f"{BOOKS}?min_price=2&max_price=1", status=422)
        assert_problem(refused, 422, "validation_failed", "min_price")

    @pytest.mark.parametrize("query", ["&", "&&page=1&", "page=1&", "author=", "search=",
                                       "%70age=1", "search=a+b%20c"])  # fmt: skip
    def test_empty_parameters_and_any_percent_encoding_are_accepted(self, shelf, query):
        client, _ = shelf
        assert ask(client, "GET", f"{BOOKS}?{query}").status_int == 200


def test_a_cursor_of_the_longest_texts_is_taken_back(client):
    """Ligatures that fold into many letters, and letters of three bytes."""
    for number, text in enumerate(("\ufdfa" * 255, "国" * 255, "각" * 255)):
        client.post_json(BOOKS, new_book(number, title=text, author=text), status=201)
    for sort in ("title,author", "-author,title,-price,stock,created_at,updated_at"):
        path, seen = f"{BOOKS}?limit=1&sort={sort}", []
        cursor = ""
        while cursor is not None:
            page = client.get(path + (f"&cursor={cursor}" if cursor else "")).json
            seen += [book["isbn"] for book in page["data"]]
            cursor = page["next_cursor"]
        assert len({*seen}) == len(seen) == 3
