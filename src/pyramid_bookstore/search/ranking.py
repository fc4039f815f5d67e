"""The order of `sort=relevance`: the same keys on every database."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, bindparam, case, func, or_, true

from pyramid_bookstore.search.base import Search
from pyramid_bookstore.search.conditions import TextShape
from pyramid_bookstore.search.pieces import Wanted

#: Matches that pages by relevance reach.
RANKED: Final = 1_000

#: The words as typed, with a blank before each.
TYPED: Any = bindparam("typed", type_=Text())


def ranks(search: Search, shape: TextShape) -> Sequence[ColumnElement[int]]:
    """The keys by which matches of the first groups of ``shape`` are sorted, the best first.

    The whole title, then titles that begin with the words; whole words before parts, and of these
    the beginning of the title first; title before author; what is in stock.
    """
    books: Any = search.books.c
    title, text = books.title_words, books.title_words.concat(books.author_words)
    whole_words, in_title = [], []
    for number, group in enumerate(shape.groups):
        by_isbn = [search.alternative(number, group, place) for place in group if place != "text"]
        whole = bindparam(f"whole{number}", type_=Text())
        whole_words.append(or_(search.contains(text, whole), *by_isbn))
        in_title.append(or_(search.contains(title, search.piece(number)), *by_isbn))

    def starts(ending: str) -> Any:
        return func.substr(title.concat(" "), 1, func.length(TYPED) + len(ending)) == TYPED.concat(
            ending
        )

    # Two blanks are the end of the title's words.
    return (
        case((starts("  "), 0), (starts(" "), 1), else_=2),
        case((and_(true(), *whole_words), 0), else_=1),
        case((starts(""), 0), else_=1),
        case((and_(true(), *in_title), 0), else_=1),
        case((books.stock > 0, 0), else_=1),
    )


def begins(search: Search) -> ColumnElement[bool]:
    """Whether the title begins with the words, by the index of titles."""
    title: Any = search.books.c.title_words
    return and_(title >= TYPED, title < TYPED.concat("\U0010ffff"))


def values(wanted: Wanted) -> dict[str, str]:
    """The parameters of `ranks` and `begins`."""
    found = {f"whole{number}": whole for number, whole in enumerate(wanted.whole)}
    return found | {"typed": f" {wanted.words}"}
