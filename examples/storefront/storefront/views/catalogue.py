"""The catalogue, what its search field offers, and the single book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.view import view_config

from pyramid_bookstore import BookData
from storefront.advice import advice
from storefront.basket import MOST_COPIES
from storefront.covers import cover
from storefront.facets import FIELDS, chosen_in, groups, listed, removable
from storefront.formats import field_text, search_words, whole_number

PAGE_SIZE = 18
MOST_PAGES = 1_000_000
SUGGESTED = 8
#: As far as pages of the bookstore's lists go: by relevance, and others (`bookstore.max_offset`).
BEST_BOOKS = 1_000
MOST_BOOKS = 100_000


class Sort(NamedTuple):
    """One way to arrange the catalogue: how it is called, and what the bookstore sorts by."""

    label: str
    keys: tuple[tuple[str, bool], ...]


SORTS = {
    "best": Sort("Best match", (("relevance", False),)),
    "title": Sort("Title", (("title", False),)),
    "author": Sort("Author", (("author", False), ("title", False))),
    "new": Sort("Newest", (("created_at", True),)),
    "cheap": Sort("Price, low to high", (("price", False),)),
    "dear": Sort("Price, high to low", (("price", True),)),
}


@view_config(
    route_name="catalogue", request_method="GET", renderer="storefront:templates/catalogue.jinja2"
)
def catalogue(request: Any) -> Any:
    """Search, sort, filter, turn the page: all from the query string, so that it can be shared."""
    search = search_words(request.GET.get("q"))
    author = search_words(request.GET.get("author"))
    in_stock = request.GET.get("in_stock") == "1"
    number = whole_number(request.GET.get("page"), least=1, most=MOST_PAGES) or 1
    # Without words, no book matches better than another.
    sorts = {name: way for name, way in SORTS.items() if search or name != "best"}
    usual = next(iter(sorts))
    sort = request.GET.get("sort")
    sort = sort if sort in sorts else usual
    reach = (BEST_BOOKS if sort == "best" else MOST_BOOKS) // PAGE_SIZE
    filters = {
        "search": search or None,
        "author": author or None,
        "in_stock": True if in_stock else None,
    }
    chosen = chosen_in(request.GET)
    page = listed(
        request.bookstore,
        chosen,
        sort=SORTS[sort].keys,
        limit=PAGE_SIZE,
        page=min(number, reach),
        **filters,
    )
    left_out = page.facets is None and any(chosen[name] for name in FIELDS)
    if left_out:
        chosen |= {name: [] for name in FIELDS}

    def here(**changes: Any) -> str:
        """The address of this list with something changed; a new list begins on page 1."""
        query = {"q": search, "author": author, **chosen, "sort": sort if sort != usual else ""}
        query |= {"in_stock": "1" if in_stock else "", "page": "", **changes}
        if query["page"] == 1:
            query["page"] = ""
        query = {name: value for name, value in query.items() if value}
        url: str = request.route_path("catalogue", _query=query or None)
        return url

    nearest = page.suggestion and request.bookstore.list(
        # It is known to find something, but not within the filters.
        search=page.suggestion,
        sort=SORTS[sort].keys,
        limit=PAGE_SIZE,
        count="none",
    )
    last = min(page.total_pages or 1, reach)
    if number > last:
        return HTTPSeeOther(here(page=last))
    return {
        "books": page.books,
        "total": page.total,
        "page": number,
        "pages": page_numbers(number, last),
        "last": last,
        "left_out": (page.total or 0) > last * PAGE_SIZE,
        "suggestion": page.suggestion,
        "nearest": nearest,
        "advice": advice(search),
        "search": search,
        "author": author,
        "sort": sort,
        "sorts": sorts,
        "in_stock": in_stock,
        "here": here,
        "groups": groups(request.bookstore, page, chosen, here, **filters),
        "removable": removable(chosen, here),
        "unfiltered": {"author": "", "in_stock": "", **dict.fromkeys(chosen)},
        "filters_left_out": left_out,
        "front": number == 1
        and not (search or author or in_stock or any(chosen.values()))
        and sort == usual,
        "window": shop_window(page.books),
        "usual": usual,
        "cover": cover,
    }


def shop_window(books: Sequence[BookData]) -> list[BookData]:
    """Five books for the top of the front page, in as many colours as there are."""
    by_palette = {cover(book.title, book.author).palette: book for book in reversed(books)}
    chosen = [book for book in books if book in by_palette.values()]
    return (chosen + [book for book in books if book not in chosen])[:5]


def page_numbers(current: int, last: int) -> list[int | None]:
    """The pages to link to; `None` stands for those left out between two of them."""
    near = {1, last, *range(max(1, current - 1), min(last, current + 1) + 1)}
    numbers: list[int | None] = []
    before = 0
    for number in sorted(near):
        if number == before + 2:
            numbers.append(before + 1)
        elif number > before + 1:
            numbers.append(None)
        numbers.append(number)
        before = number
    return numbers


@view_config(route_name="suggest", request_method="GET", renderer="json", http_cache=60)
def suggest(request: Any) -> Any:
    """What the search field offers while somebody types, for `static/search.js`.

    Visitors need no account here, as on every page of the catalogue; the API would ask for one.
    """
    found = request.bookstore.suggest(search_words(request.GET.get("q")), limit=SUGGESTED)
    return {"data": [offer(request, each) for each in found.data], "corrected": found.corrected}


def offer(request: Any, suggestion: Any) -> dict[str, str]:
    """A suggestion as the field shows it, and where it leads."""
    if suggestion.field == "title":
        href = request.route_path("book", isbn=suggestion.isbn)
        return {"text": suggestion.text, "hint": "book", "href": href}
    href = request.route_path("catalogue", _query={"author": suggestion.text})
    return {"text": suggestion.text, "hint": author_hint(suggestion.books), "href": href}


def author_hint(books: int) -> str:
    """How many books an author has; the bookstore counts to 1,000."""
    number = "1,000+" if books >= 1_000 else str(books)
    return f"author, {number} {'book' if books == 1 else 'books'}"


@view_config(route_name="book", request_method="GET", renderer="storefront:templates/book.jinja2")
def book(request: Any) -> Any:
    """One book, by its ISBN in any writing."""
    found = request.bookstore.get_by_isbn(request.matchdict["isbn"])
    if request.matchdict["isbn"] != found.isbn:
        return HTTPSeeOther(request.route_path("book", isbn=found.isbn))
    others = request.bookstore.list(
        author=found.author, sort=SORTS["title"].keys, limit=7, count="none"
    )
    return {
        "book": found,
        "others": [other for other in others.books if other.id != found.id][:6],
        "most": min(MOST_COPIES, found.available),
        "facts": [
            (name.replace("_", " ").capitalize(), field_text(name, value))
            for name, value in found.extra.items()
        ],
        "cover": cover,
    }
