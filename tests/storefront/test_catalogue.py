"""The pages of the catalogue, and requests with invalid URLs."""

import json
from io import BytesIO

import pytest
from webob import Request

from pyramid_bookstore import Bookstore
from pyramid_bookstore.testing import book_fields
from storefront.advice import advice
from storefront.views.catalogue import author_hint, page_numbers
from tests.storefront.conftest import DUNE, HOBBIT


def many(count):
    return [book_fields(title=f"Volume {n:02}", price=1 + n) for n in range(count)]


def titles(page):
    return [title.text for title in page.html.select(".shelf .card-title")]


@pytest.fixture
def books(shop):
    return shop.add_books(HOBBIT, DUNE)


def test_the_front_page_lists_books_by_title(shop, books):
    page = shop.browser().get("/")
    assert titles(page) == ["Dune", "The Hobbit"]
    assert page.html.select_one(".hero")
    assert "Last copy" in page.html.select(".shelf .card")[0].text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=hobbit", ["The Hobbit"]),
        ("q=TOLKI%C3%89N", ["The Hobbit"]),
        ("q=978-0-441-17271-9", ["Dune"]),
        ("q=%25", []),
        ("q=%00", ["Dune", "The Hobbit"]),
        ("author=herbert", ["Dune"]),
        ("sort=new", ["Dune", "The Hobbit"]),
        ("sort=author", ["Dune", "The Hobbit"]),
        ("sort=cheap", ["Dune", "The Hobbit"]),
        ("sort=dear", ["The Hobbit", "Dune"]),
        ("sort=nonsense", ["Dune", "The Hobbit"]),
        ("in_stock=1", ["Dune", "The Hobbit"]),
        ("q=" + "x" * 5000, []),
    ],
)
def test_each_search_sort_and_filter_lists_the_right_books(shop, books, query, expected):
    assert titles(shop.browser().get("/?" + query)) == expected


def test_the_links_to_other_pages_keep_the_search(shop):
    shop.add_books(*many(40))
    browser = shop.browser()
    first = browser.get("/?q=volume&sort=title")
    assert len(titles(first)) == 18
    assert "40 books, page 1 of 3" in first.text
    last = first.click("On").click("On")
    assert titles(last) == ["Volume 36", "Volume 37", "Volume 38", "Volume 39"]
    assert titles(last.click("Back")) == titles(first.click("On"))


@pytest.mark.parametrize("page", ["9", "999999"])
def test_a_page_number_beyond_the_end_redirects_to_the_last_page(shop, page):
    shop.add_books(*many(20))
    answer = shop.browser().get(f"/?sort=author&page={page}", status=303)
    assert answer.location == "http://example.com/?sort=author&page=2"


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 300, "١", ""])
def test_an_invalid_page_number_shows_the_first_page(shop, books, page):
    assert titles(shop.browser().get("/", {"page": page})) == ["Dune", "The Hobbit"]


def sorts(page):
    return {chip.text: chip.has_attr("aria-current") for chip in page.html.select(".chip")}


def test_a_search_lists_the_best_match_first(shop, books):
    shop.add_books(
        book_fields(title="About the Hobbit"), book_fields(title="Bag End", author="Hobbit")
    )
    page = shop.browser().get("/?q=hobbit")
    assert titles(page) == ["About the Hobbit", "The Hobbit", "Bag End"]
    assert sorts(page)["Best match"]
    assert sorted(titles(page.click("^Title$"))) == titles(page.click("^Title$"))


def test_only_a_search_can_be_sorted_by_best_match(shop, books):
    for query in ("", "?sort=best", "?sort=best&author=herbert"):
        page = shop.browser().get("/" + query)
        assert "Best match" not in sorts(page)
        assert sorts(page)["Title"]


def test_the_best_matches_end_on_a_page_that_says_so(shop, shop_session):
    """The bookstore puts 1,000 books in order of relevance: 55 pages of 18."""
    rows = "\n".join(json.dumps(book) for book in many(1001))
    Bookstore.on(shop_session).import_books(BytesIO(rows.encode()), "ndjson")
    browser = shop.browser()
    answer = browser.get("/?q=volume&page=56", status=303)
    assert answer.location == "http://example.com/?q=volume&page=55"
    last = answer.follow()
    assert len(titles(last)) == 18
    assert "1,001 books, page 55 of 55" in last.text
    assert "page 1 of 56" in last.click("Sort by title").text
    assert "best matches end" not in browser.get("/?q=volume&page=54").text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=tolkein", "Books for tolkien:"),
        ("q=tolkein&sort=new", "Books for tolkien:"),
        ("q=tolkein&in_stock=1&author=herbert", "Books for tolkien, without the filters:"),
    ],
)
def test_a_search_without_results_shows_the_books_of_the_nearest_spelling(shop, books, query, said):
    """Whatever the filters, there are some."""
    page = shop.browser().get("/?" + query)
    assert page.html.h1.text.strip() == "Nothing found for tolkein."
    assert page.html.select_one(".nearest").text == said
    assert titles(page) == ["The Hobbit"]
    assert not page.html.select(".advice")
    page = page.click("^tolkien$")
    assert page.html.h1.text.strip() == "Found for tolkien"
    assert titles(page) == ["The Hobbit"]


def test_of_the_nearest_spelling_the_first_page_is_shown_in_the_order_asked_for(shop):
    shop.add_books(*many(20))
    page = shop.browser().get("/?q=volmue&sort=dear")
    assert titles(page) == [f"Volume {n:02}" for n in range(19, 1, -1)]
    assert not page.html.select(".pager")
    assert titles(page.click("All books for volume")) == titles(page)


def test_the_nearest_spelling_costs_one_list_more(shop, books, monkeypatch):
    asked = []
    listed = Bookstore.list
    monkeypatch.setattr(
        Bookstore, "list", lambda self, **given: asked.append(given) or listed(self, **given)
    )
    shop.browser().get("/?q=xyzzy")
    usual = len(asked)
    shop.browser().get("/?q=tolkein")
    assert len(asked) == 2 * usual + 1


def test_a_page_number_does_not_hide_the_nearest_spelling(shop, books):
    page = shop.browser().get("/?q=tolkein&page=3", status=303).follow()
    assert page.html.select_one(".nearest")


@pytest.mark.parametrize(
    ("query", "link", "found"),
    [
        ("q=hobbit&in_stock=1", "sold out", ["The Hobbit"]),
        ("author=tolkien&in_stock=1", "sold out", ["The Hobbit"]),
        ("q=hobbit&author=herbert", "all authors", ["The Hobbit"]),
        ("author=hobbit", "Search titles", ["The Hobbit"]),
        ("q=xyzzy", "Look at everything", ["Dune", "The Hobbit"]),
    ],
)
def test_a_list_without_results_links_to_one_with_less_filters(shop, query, link, found):
    shop.add_books(HOBBIT | {"stock": 0}, DUNE)
    page = shop.browser().get("/?" + query)
    assert "Nothing on our shelves" in page.text
    assert titles(page.click(link)) == found


def test_filters_that_are_not_set_are_not_mentioned(shop, books):
    page = shop.browser().get("/?q=xyzzy")
    advised = [item.text for item in page.html.select(".advice li")]
    assert advised == advice("xyzzy")


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", []),
        ("xyzzy", ["spelling", "ISBN"]),
        ("ring lord", ["fewer words", "spelling", "ISBN"]),
        ('"ring lord"', ["quotation", "fewer words", "spelling", "ISBN"]),
        ("978-0-261 10221", ["digits"]),
        ("043942089x", ["digits"]),
        ("%", ["words of a title"]),
    ],
)
def test_the_advice_is_about_what_was_searched_for(search, expected):
    given = advice(search)
    assert len(given) == len(expected)
    for line, part in zip(given, expected, strict=True):
        assert part in line


def test_visitors_get_suggestions_without_an_account(shop, books):
    answer = shop.browser().get("/suggest?q=TOLK")
    assert answer.json == {
        "data": [
            {
                "text": "J. R. R. Tolkien",
                "hint": "author, 1 book",
                "href": "/?author=J.+R.+R.+Tolkien",
            },
            {"text": "The Hobbit", "hint": "book", "href": "/books/9780261102217"},
        ],
        "corrected": False,
    }
    for suggestion in answer.json["data"]:
        assert "The Hobbit" in shop.browser().get(suggestion["href"]).text


def test_suggestions_for_the_nearest_spelling_are_marked(shop, books):
    answer = shop.browser().get("/suggest?q=tolkein").json
    assert answer["corrected"]
    assert answer["data"][0]["text"] == "J. R. R. Tolkien"


@pytest.mark.parametrize("query", ["", "?q=", "?q=%00", "?q=%25", "?q=" + "x" * 5000])
def test_text_that_nothing_begins_with_gets_no_suggestions(shop, books, query):
    answer = shop.browser().get("/suggest" + query).json
    assert answer == {"data": [], "corrected": False}


@pytest.mark.parametrize(
    ("books", "hint"),
    [(1, "author, 1 book"), (999, "author, 999 books"), (1000, "author, 1,000+ books")],
)
def test_authors_are_suggested_with_the_number_of_their_books(books, hint):
    assert author_hint(books) == hint


def test_the_search_text_is_escaped_in_the_page(shop, books):
    page = shop.browser().get("/", {"q": "<script>alert(1)</script>"})
    assert not page.html.select("main script")
    assert page.html.select_one("q").text == "<script>alert(1)</script>"


def test_the_book_page_shows_title_price_description_and_facts(shop, books):
    page = shop.browser().get("/books/9780441172719")
    assert page.html.h1.text == "Dune"
    assert "€10.00" in page.text
    assert "A desert planet" in page.text
    assert "English" in page.html.select_one(".facts").text


def test_other_notations_of_an_isbn_redirect_to_the_book_page(shop, books):
    answer = shop.browser().get("/books/0-441-17271-7", status=303)
    assert answer.location == "http://example.com/books/9780441172719"


def test_the_book_page_shows_other_books_of_the_author(shop, books):
    other = HOBBIT | {"title": "The Two Towers", "isbn": "9780261102361"}
    shop.add_books(other)
    assert titles(shop.browser().get("/books/9780261102217")) == ["The Two Towers"]


@pytest.mark.parametrize("path", ["/books/9780306406157", "/books/nonsense", "/nowhere"])
def test_an_unknown_url_gets_the_404_page_of_the_shop(shop, books, path):
    page = shop.browser().get(path, status=404)
    assert page.content_type == "text/html"
    assert "We looked on every shelf" in page.text


@pytest.mark.parametrize("path", ["/?q=%ff", "/books/%ff"])
def test_a_malformed_url_gets_the_400_page_of_the_shop(shop, path):
    # The cookie handling of WebTest fails on such a URL.
    answer = Request.blank(path, environ=shop.environ).get_response(shop.app)
    assert answer.status_int == 400
    assert "makes no sense" in answer.text


def test_the_front_page_loads_files_only_from_the_shop(shop, books):
    """Every link, script and image of the page is served by the shop, and the browser is told."""
    page = shop.browser().get("/")
    loaded = [tag.get("href") or tag.get("src") for tag in page.html.select("link, script, img")]
    assert loaded
    for address in loaded:
        assert shop.browser().get(address).status_int == 200
    assert page.html.select("script[src]") == page.html.select("script")
    for path in ("/", "/nowhere"):
        answer = shop.browser().get(path, status="*")
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("current", "last", "expected"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (1, 9, [1, 2, None, 9]),
        (3, 9, [1, 2, 3, 4, None, 9]),
        (4, 9, [1, 2, 3, 4, 5, None, 9]),
        (5, 9, [1, None, 4, 5, 6, None, 9]),
        (9, 9, [1, None, 8, 9]),
    ],
)
def test_page_links_show_both_ends_and_the_neighbours_of_the_current_page(current, last, expected):
    """None stands for a gap of two pages or more."""
    assert page_numbers(current, last) == expected
