"""The filters beside the list of the shop, as links."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from pyramid.request import Request
from pyramid.scripting import prepare

from pyramid_bookstore.testing import book_fields
from storefront.facets import MOST, SHOWN, number
from tests.storefront.test_catalogue import titles

BOOKS = (
    ("Momo", "Thienemann", ["ger"], 15, 3),
    ("Jim Knopf", "Thienemann", ["ger"], 9.99, 0),
    ("Dune", "Ace", ["eng"], 10, 1),
    ("Faust", "Reclam", ["ger", "eng"], 4, 1),
    ("Bound in leather", None, None, 400, 1),
)


def book(title, publisher=None, languages=None, price=5, stock=1):
    extra = {"publisher": publisher, "language": languages}
    extra = {name: value for name, value in extra.items() if value}
    return book_fields(title=title, price=price, stock=stock, extra=extra)


@pytest.fixture
def books(shop):
    return shop.add_books(*(book(*each) for each in BOOKS))


def groups(page):
    """Heading to label to number of books, as the page shows them."""
    found = {}
    for heading in page.html.select(".facets h2"):
        choices = {}
        for item in heading.find_all_next("li"):
            if item.find_previous("h2") is heading and item.find_parent(class_="facets"):
                choices[item.span.text] = item.small.text
        found[heading.text] = choices
    return found


def follow(page, label):
    """The page behind the first link that begins so, of those in use and those beside the list."""
    links = page.html.select(".chosen a, .facets li a")
    texts = {link.get_text(" ", strip=True): link for link in reversed(links)}
    return page.goto(next(texts[text]["href"] for text in texts if text.startswith(label)))


def chips(page):
    return [chip.text.strip() for chip in page.html.select(".chosen .chip")]


def test_the_list_has_links_with_the_number_of_books_that_they_lead_to(shop, books):
    browser = shop.browser()
    page = browser.get("/")
    assert groups(page) == {
        "Publisher": {"Thienemann": "2", "Ace": "1", "Reclam": "1"},
        "Language": {"German": "3", "English": "2"},
        "Price": {"Under €10": "2", "€10 to €20": "2", "€50 and more": "1"},
    }
    for link in page.html.select(".facets li a"):
        count = int(link.small.text)
        assert len(titles(browser.get(link["href"]))) == count, link


def test_values_of_one_filter_widen_the_list_and_filters_narrow_it_together(shop, books):
    page = follow(shop.browser().get("/"), "Thienemann")
    assert titles(page) == ["Jim Knopf", "Momo"]
    page = follow(page, "Ace")
    assert titles(page) == ["Dune", "Jim Knopf", "Momo"]
    page = follow(page, "German")
    assert titles(page) == ["Jim Knopf", "Momo"]
    page = follow(page, "€10 to €20")
    assert titles(page) == ["Momo"]
    page = follow(page, "Under €10")
    assert titles(page) == ["Jim Knopf"]
    assert chips(page) == [
        "Remove Thienemann ×", "Remove Ace ×", "Remove German ×", "Remove Under €10 ×",
    ]  # fmt: skip


def test_each_filter_in_use_can_be_removed_where_it_is_shown(shop, books):
    page = shop.browser().get("/?publisher=Thienemann&language=ger&price=-10")
    chosen = [link.span.text for link in page.html.select(".facets a[aria-current]")]
    assert chosen == ["Thienemann", "German", "Under €10"]
    assert titles(page) == ["Jim Knopf"]
    for label in ("Remove Under", "Remove Thienemann"):
        page = follow(page, label)
    assert titles(page) == ["Faust", "Jim Knopf", "Momo"]
    assert titles(follow(page, "German")) == titles(shop.browser().get("/"))


def test_filters_are_kept_with_search_author_sort_stock_and_pages(shop):
    shop.add_books(*(book(f"Volume {n:02}", "Reclam", price=n + 1) for n in range(40)))
    shop.add_books(book("Volume by Ace", "Ace"), book("Volume sold out", "Reclam", stock=0))
    browser = shop.browser()
    page = follow(browser.get("/?q=volume&sort=dear&in_stock=1"), "Reclam")
    assert "40 books, page 1 of 3" in page.text
    assert titles(page)[0] == "Volume 39"
    page = page.click("On")
    assert "page 2 of 3" in page.text
    page = follow(page, "Under €10")
    assert titles(page) == [f"Volume {n:02}" for n in range(8, -1, -1)]
    assert "9 books" in page.click("^Price, low to high").text
    assert "10 books" in page.click("^In stock only").text


@pytest.mark.parametrize(
    "query",
    [
        "publisher=", "publisher=%00", "publisher=%E2%80%8B", "language=%20", "price=nonsense",
        "price=", "price=-10%00",
    ],
)  # fmt: skip
def test_a_filter_that_says_nothing_is_none(shop, books, query):
    page = shop.browser().get("/?" + query)
    assert len(titles(page)) == len(BOOKS)
    assert not chips(page)


@pytest.mark.parametrize(
    "query",
    [
        "publisher=Nobody", "language=" + "x" * 5000, "publisher=%25",
        "&".join(f"publisher={n}" for n in range(500)),
    ],
)  # fmt: skip
def test_whatever_is_in_the_address_the_page_can_be_had_and_left(shop, books, query):
    page = shop.browser().get("/?" + query)
    assert titles(page) == []
    assert 1 <= len(chips(page)) <= MOST
    assert len(titles(page.click("Look at the list without filters"))) == len(BOOKS)


def test_a_value_is_found_and_shown_as_chosen_in_any_case(shop, books):
    page = shop.browser().get("/?publisher=THIENEMANN&language=GER")
    assert titles(page) == ["Jim Knopf", "Momo"]
    chosen = [link.span.text for link in page.html.select(".facets a[aria-current]")]
    assert chosen == ["Thienemann", "German"]
    assert titles(follow(page, "Thienemann")) == ["Faust", "Jim Knopf", "Momo"]


def test_many_values_are_behind_more_which_is_open_where_one_of_them_is_chosen(shop):
    shop.add_books(*(book(f"T{n}", f"House {n:02}") for n in range(SHOWN + 2)))
    page = shop.browser().get("/")
    more = page.html.select_one(".facets details")
    assert more.summary.text == "2 more"
    assert not more.has_attr("open")
    last = more.select("a")[-1]["href"]
    assert shop.browser().get(last).html.select_one(".facets details").has_attr("open")


def test_a_misspelling_within_filters_leads_to_a_list_without_them(shop, books):
    page = shop.browser().get("/?q=fasut&publisher=Ace&price=50-&language=ger")
    assert "without the filters" in page.html.select_one(".nearest").text
    assert titles(page) == titles(page.click("^faust$")) == ["Faust"]


def test_values_are_text_in_the_page_whatever_is_in_them(shop):
    shop.add_books(book("T", "<b>B & “C”</b>"))
    page = follow(shop.browser().get("/"), "<b>B")
    assert titles(page) == ["T"]
    assert chips(page) == ["Remove <b>B & “C”</b> ×"]


def test_numbers_of_a_sample_are_said_to_be_about_so_many(shop, books):
    rows = "\n".join(
        json.dumps(book(f"V{n}", f"House {n % 3}", ["eng"], price=12)) for n in range(4_200)
    )
    with prepare(Request.blank("/", shop.environ, method="POST"), shop.app.registry) as env:
        env["request"].bookstore.import_books(BytesIO(rows.encode()), "ndjson")
    found = groups(shop.browser().get("/"))
    for group, label, expected in (
        ("Publisher", "House 1", 1_400),
        ("Language", "English", 4_200),
        ("Price", "€10 to €20", 4_200),
    ):
        word, about = found[group][label].split()
        assert word == "about"
        assert 0.7 * expected < int(about.replace(",", "")) < 1.4 * expected
    assert groups(shop.browser().get("/?publisher=reclam"))["Language"] == {
        "German": "1", "English": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("books", "estimated", "text"),
    [
        (1_234, False, "1,234"), (1_234, True, "about 1,200"), (7, True, "about 7"),
        (98_765, True, "about 99,000"), (1_000_001, True, "about 1,000,000"),
    ],
)  # fmt: skip
def test_an_estimate_has_two_digits_that_count(books, estimated, text):
    assert number(books, estimated) == text


def test_without_the_indexes_the_list_is_shown_with_prices_alone(open_shop):
    """`bookstore reindex` was not run yet: the bookstore refuses such filters with 503."""
    shop = open_shop(**{"bookstore.migrate": "false"})
    shop.add_books(*(book(*each) for each in BOOKS))
    assert shop.api("basil").get("/api/books?publisher=ace", status=503)
    page = shop.browser().get("/?price=-10")
    assert titles(page) == ["Faust", "Jim Knopf"]
    assert {*groups(page)} == {"Price"}
    assert "not at hand" not in page.text
    page = shop.browser().get("/?price=-10&publisher=Ace")
    assert titles(page) == ["Faust", "Jim Knopf"]
    assert chips(page) == ["Remove Under €10 ×"]
    assert "Filters by publisher and language are not at hand" in page.text


def test_the_book_page_names_publisher_languages_and_other_fields(shop):
    extra = {
        "publisher": "Reclam",
        "language": ["ger", "lat"],
        "series_number": "1",
        "own": [1, "a"],
    }
    shop.add_books(book_fields(isbn="9783150000014", extra=extra))
    page = shop.browser().get("/books/9783150000014")
    facts = {each.dt.text: each.dd.text for each in page.html.select(".facts div")}
    assert facts | {
        "Publisher": "Reclam", "Language": "German, lat", "Series number": "1", "Own": "1, a",
    } == facts  # fmt: skip
