"""URLs of books and of pages of the list."""

from collections.abc import Sequence

from pyramid.request import Request

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.listing import Page
from pyramid_bookstore.web.links import link as link_of
from pyramid_bookstore.web.links import mount_path, prefix_of


def book_path(request: Request, book: BookData) -> str:
    """The path of a book, SCRIPT_NAME and prefix included.

    Without the host, which may be another one behind a proxy; WebOb adds it in ``Location``.
    """
    path: str = request.route_path("bookstore.book", **prefix_of(request) | {"id": str(book.id)})
    return path


def list_links(request: Request, pairs: Sequence[tuple[str, str]], page: Page) -> str:
    """The ``Link`` header of a page (RFC 8288): first, prev, next, last as they apply."""
    base = mount_path(request) + "/books"
    kept = [pair for pair in pairs if pair[0] not in ("page", "cursor")]

    def link(relation: str, *changed: tuple[str, str]) -> str:
        return link_of(base, relation, [*kept, *changed])

    links = [link("first")]
    if page.page is None:
        if page.previous_cursor:
            links.append(link("prev", ("cursor", page.previous_cursor)))
        if page.next_cursor:
            links.append(link("next", ("cursor", page.next_cursor)))
        return ", ".join(links)
    if page.page > 1:
        # From a page after the end, the previous one is the last page.
        last = page.total_pages if page.total_pages is not None else page.page - 1
        links.append(link("prev", ("page", str(max(1, min(page.page - 1, last))))))
    if page.has_next and page.page * page.limit < page.reach:
        links.append(link("next", ("page", str(page.page + 1))))
    elif page.next_cursor:
        links.append(link("next", ("cursor", page.next_cursor)))
    # Where a cursor leads on behind the pages, the last of them is not the list's.
    goes_on = page.next_cursor and (page.total or 0) > page.reach
    if page.total_pages and not goes_on:
        links.append(link("last", ("page", str(page.total_pages))))
    return ", ".join(links)
