"""Pieces: what a search looks for in the texts that are stored as `words`.

``obbi`` is a part of a word, `` ho`` the beginning of one, `` the hobbit `` a run of whole words. A
search is a list of such pieces, and a book is found if its text has each of them.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from pyramid_bookstore.search.words import (
    TAKES_NEXT,
    UNBLANKED,
    coded,
    folded_text,
    punctuation,
    units_of,
    words_of,
)
from pyramid_bookstore.values import isbn as isbns

#: Pieces of a search that count; the others are passed over.
COUNTED: Final = 16

#: Words of so many letters and digits or fewer are found where a word begins.
SHORT: Final = 2

#: Digits from which on they are looked for in ISBNs.
ISBN_PART: Final = 4

#: Digits of a whole ISBN, and those behind its first three.
ISBN_LENGTH: Final = 13
ISBN_REST: Final = 10

#: Where a piece is looked for.
Place = Literal["text", "author", "isbn", "isbn prefix", "whole isbn"]


class Piece(NamedTuple):
    """A piece of text that a book must have: in its title or author; in its author; in its ISBN
    behind 978 and 979; or as the beginning of its ISBN, or as the whole of it."""

    text: str
    place: Place = "text"


#: Alternatives, one of which a book must have.
Group = tuple[Piece, ...]


class Wanted(NamedTuple):
    """What a search asks for: a piece of each group; ``words`` are those typed, for the ranking."""

    groups: tuple[Group, ...]
    words: str = ""

    @property
    def of_author(self) -> "Wanted":
        """The same, of the author alone."""
        groups = tuple((group[0]._replace(place="author"),) for group in self.groups)
        return Wanted(groups, self.words)

    @property
    def whole(self) -> Iterator[str]:
        """For each group, its first piece as whole words."""
        for first, *_ in self.groups:
            yield _as_whole(first.text.strip())


_PHRASE = re.compile('"([^"]+)"')
_ISBN_PREFIX = re.compile(r"\b(?:urn:)?i?sbn(?:[- ]?1[03])?[:=( ]*(?=[0-9])")
# Digits in groups, as of an ISBN, that are no part of a word.
_NUMBERS = re.compile(r"(?<![\w'&+#])[0-9][0-9 -]*[0-9x](?![\w'&+#])")
_HYPHENS = dict.fromkeys(isbns.HYPHENS, "-")
# Apostrophes that join nothing.
_APOSTROPHES = re.compile("(?<![^ ])'+|'+(?![^ ])")


def wanted(search: str) -> Wanted:
    """What a ``search`` asks for, which is not empty."""
    low = _ISBN_PREFIX.sub("", folded_text(search))
    words = " ".join(units_of(low)[0])
    groups = [*_groups(low)] if words else [(piece,) for piece in _of_punctuation(low, search)]
    return Wanted(tuple(dict.fromkeys(groups))[:COUNTED], words)


def wanted_of_author(search: str) -> Wanted:
    """What a search for an author asks for."""
    low = folded_text(search)
    pieces = [*_pieces(low)] or [*_of_punctuation(low, search)]
    return Wanted(tuple((piece,) for piece in dict.fromkeys(pieces))[:COUNTED]).of_author


def beginnings(text: str) -> Wanted:
    """Asks for words that begin as those of the text do."""
    units, _ = units_of(folded_text(text))
    pieces = dict.fromkeys(f" {unit}" for unit in units)
    return Wanted(tuple((Piece(piece),) for piece in pieces)[:COUNTED], " ".join(units))


def plain_words(search: str) -> list[str]:
    """The words of a search, folded, in their order."""
    return [*words_of(folded_text(search))][:COUNTED]


def _pieces(low: str) -> Iterator[Piece]:
    """What a folded search asks for in title or author."""
    return (group[0] for group in _groups(low))


def _groups(low: str) -> Iterator[Group]:
    """The pieces of a folded search, with their alternatives in ISBNs."""
    for number, text in enumerate(_PHRASE.split(low)):
        units = units_of(text)[0] if number % 2 else []
        if units:  # in quotes
            compact = _compact(text)
            yield Piece(_as_whole(" ".join(units))), *_in_isbn(compact, _whole_isbn(compact))
            continue
        text = _APOSTROPHES.sub(" ", text).translate(_HYPHENS)
        begin = 0
        for found in _NUMBERS.finditer(text):
            yield from ((piece,) for piece in _words_sought(text[begin : found.start()]))
            yield from _numbers(found.group())
            begin = found.end()
        yield from ((piece,) for piece in _words_sought(text[begin:]))


def _words_sought(text: str) -> Iterator[Piece]:
    for unit in units_of(text)[0]:
        if UNBLANKED.match(unit):
            yield Piece(_as_whole(unit))
        else:
            yield Piece(f" {unit}" if _is_short(unit) else unit)


def _numbers(run: str) -> Iterator[Group]:
    """Numbers side by side: those that are an ISBN together, and each by itself."""
    numbers = run.split()
    together = _compact(run)
    at = 0
    while at < len(numbers):
        for end in range(len(numbers), at, -1):
            isbn = _whole_isbn(_compact(*numbers[at:end]))
            if isbn:
                break
        written = " ".join(numbers[at:end])
        parts = dict.fromkeys([*_in_isbn(_compact(written), isbn), *_in_isbn(together)])
        for piece in _words_sought(written):
            yield tuple(dict.fromkeys([piece, *_in_isbn(piece.text.strip()), *parts]))
        at = end


def _in_isbn(digits: str, isbn: str | None = None) -> Iterator[Piece]:
    """Where the digits can be in an ISBN: behind its first three, which nearly all books share, or
    beginning in these."""
    if isbn:
        yield Piece(isbn, "whole isbn")
    if ISBN_PART <= len(digits) <= ISBN_LENGTH and digits.isascii() and digits.isdigit():
        if len(digits) <= ISBN_REST:
            yield Piece(digits, "isbn")
        for first in ("978", "979"):
            for at in range(3):
                if digits.startswith(first[at:]) and at + len(digits) <= ISBN_LENGTH:
                    yield Piece(first[:at] + digits, "isbn prefix")


def _whole_isbn(digits: str) -> str | None:
    """The 13 digits of an ISBN of 13 or 10, or of an SBN, which has nine."""
    if len(digits) not in (9, 10, ISBN_LENGTH):
        return None
    try:
        return isbns.canonical(digits)
    except ValueError:
        return None


def _compact(*written: str) -> str:
    return "".join(written).replace("-", "").replace(" ", "")


def _is_short(word: str) -> bool:
    return len(word) <= SHORT or sum(map(str.isalnum, word)) <= SHORT


def _as_whole(words: str) -> str:
    """The piece for whole words; the last may be a character that takes the next along."""
    return f" {words}" if TAKES_NEXT.match(words[-1]) else f" {words} "


def _of_punctuation(low: str, search: str) -> Iterator[Piece]:
    """The pieces of a search without words; of an accent alone, which folds to nothing, one that
    no text has."""
    return (Piece(f" {run} ") for run in punctuation(low) or [coded(search[:1])])
