"""What a search finds and in which order: the contract read word by word, in plain Python.

Slow and obvious, and of its own: nothing comes from `pyramid_bookstore.search`, which is held to
this. A book is a mapping with ``title``, ``author``, ``isbn``, ``stock``, ``created_at``, ``id``.

Where the contract leaves room:

- Text in quotes is a run of whole words.
- A letter stands alone if it is a word of its own; the alphabets whose letters run together are
  Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic. What is left of such a run from a
  later letter on is a word as well, but has no neighbours.
- Of scripts without blanks each character begins a word, and what is typed together is a run. Kana,
  Thai and the like must be written together in the text as well; for Chinese characters it is
  enough that they are neighbours.
- A search of punctuation alone: each run between blanks is part of a run of the title or author.
- Of a search, the first 16 different pieces count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

Book = Mapping[str, Any]

COUNTED = 16

#: As many tests read the same texts again and again.
_remembered = lru_cache(4096)

APOSTROPHES = (
    "`´\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\uff07"
    "\uff40\u055a\u05f3\u1fbd\u1fbf\ua78c"
)
# With the Hebrew gershayim, and among the hyphens the maqaf.
QUOTES = "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u02ba\u301d\u301e\u301f\uff02\u05f4"
HYPHENS = (
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d"
    "\u05be"
)
INVISIBLE = [
    *"\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068",
    *"\u2069\u061c\ufeff",
    *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
]
TATWEEL = "\u0640"
#: Letters with a stroke, a hook and the like, which Unicode does not take apart.
LETTERS = {
    "æ": "ae", "œ": "oe", "þ": "th", "ø": "o", "ɔ": "o", "ð": "d", "đ": "d", "ɖ": "d", "ɗ": "d",
    "ħ": "h", "ı": "i", "ɨ": "i", "ȷ": "j", "ĸ": "k", "ƙ": "k", "ł": "l", "ƚ": "l", "ŋ": "n",
    "ɲ": "n", "ƞ": "n", "ŧ": "t", "ƭ": "t", "ƀ": "b", "ɓ": "b", "ƈ": "c", "ə": "e", "ɛ": "e",
    "ƒ": "f", "ɠ": "g", "ǥ": "g", "ƥ": "p", "ʂ": "s", "ʉ": "u", "ʋ": "v", "ƴ": "y", "ƶ": "z",
    "ي": "ی", "ى": "ی", "ك": "ک",
}  # fmt: skip
#: Thai and Lao, Burmese, Khmer, kana, Bopomofo, Chinese characters.
WITHOUT_BLANKS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3041, 0x30FF),
    (0x3105, 0x312F), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)  # fmt: skip
#: Of these the Chinese characters.
BY_THEMSELVES = (
    (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
#: Written with its components, which nobody types; it counts as punctuation.
TANGUT = (0x17000, 0x18AFF)


# Folding


@_remembered
def fold(text: str) -> str:
    """The text as it is compared: folded until that changes nothing more."""
    once = " ".join(_folded_once(text).split())
    return once if once == text else fold(once)


def _folded_once(text: str) -> str:
    for plain, marks in (("'", APOSTROPHES), ('"', QUOTES), ("-", HYPHENS)):
        for mark in marks:
            text = text.replace(mark, plain)
    for nothing in (*INVISIBLE, TATWEEL):
        text = text.replace(nothing, "")
    text = unicodedata.normalize("NFKD", text)
    for letter, typed in LETTERS.items():
        text = text.replace(letter, typed)
    kept, base = "", ""
    for char in text:
        if unicodedata.category(char) != "Mn":
            base = char
        elif base < "\u0530" and not "\u0590" <= char <= "\u1aaf":
            continue  # an accent of a Latin, Greek or Cyrillic letter, no sign of another script
        kept += char
    return unicodedata.normalize("NFC", kept.casefold())


# Words


def in_word(char: str) -> bool:
    """Letters, digits, and the marks on letters."""
    if TANGUT[0] <= ord(char) <= TANGUT[1]:
        return False
    return char.isalnum() or unicodedata.category(char).startswith("M")


def without_blanks(char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in WITHOUT_BLANKS)


def takes_next(char: str) -> bool:
    return without_blanks(char) and not any(
        first <= ord(char) <= last for first, last in BY_THEMSELVES
    )


def _is_letter(char: str) -> bool:
    return char.isalnum() and not char.isdecimal()


def _stands_for_a_name(word: str) -> bool:
    """Whether it is one letter of an alphabet."""
    return len(word) == 1 and word.isalpha() and (word < "\u0700" or "\u10a0" <= word <= "\u10ff")


def _joined_by_signs(folded: str) -> str:
    """Without apostrophes, and without the quotes that join Hebrew letters."""
    text = re.sub('(?<=[א-ת])"(?=[א-ת])', "", folded)
    return text.replace("'", "")


def written(folded: str) -> list[str]:
    """The words as they are written; one without blanks is one character or several."""
    text = f" {_joined_by_signs(folded)} "
    words: list[str] = []
    word = ""
    for at, char in enumerate(text):
        before = text[at - 1] if at else " "
        if in_word(char):
            if word and without_blanks(char) != without_blanks(word[-1]):
                words.append(word)
                word = ""
            word += char
        elif char in "+#" and word and (_is_letter(before) or before in "+#"):
            if without_blanks(before):
                words.append(word)
                word = ""
            word += char
        else:
            if word:
                words.append(word)
            word = ""
            around = before + text[min(at + 1, len(text) - 1)]
            if char == "&" and not any(in_word(each) or each in "+#&" for each in around):
                words.append("and")
    return words


class Unit(NamedTuple):
    """A word, or characters written together; ``letters`` that were joined are one."""

    words: tuple[str, ...]
    joined: bool = False


def units(folded: str) -> list[Unit]:
    """The words, letters standing alone run together."""
    found: list[Unit] = []
    letters = ""
    for word in [*written(folded), ""]:
        if _stands_for_a_name(word):
            letters += word
            continue
        if letters:
            found.append(Unit((letters,), joined=True))
            letters = ""
        if word:
            found.append(Unit(_characters(word) if without_blanks(word[0]) else (word,)))
    return found


def _characters(word: str) -> tuple[str, ...]:
    """The characters, kana and the like each with the one that it is written together with."""
    return tuple(
        char + word[at + 1 : at + 2] if takes_next(char) else char for at, char in enumerate(word)
    )


class Text(NamedTuple):
    """A title or an author: its words in their order, those without neighbours, and its runs of
    punctuation."""

    words: tuple[str, ...]
    others: tuple[str, ...]
    punctuation: tuple[str, ...]

    def has_run(self, run: tuple[str, ...]) -> bool:
        """Whether these whole words stand side by side."""
        if len(run) == 1 and run[0] in self.others:
            return True
        *first, last = run
        for at in range(len(self.words) - len(first)):
            *before, word = self.words[at : at + len(run)]
            if before == first and (
                word.startswith(last) if takes_next(last[-1]) else word == last
            ):
                return True
        return False

    def has_part(self, part: str) -> bool:
        """Whether it is a part of a word, or if it is short the beginning."""
        every = self.words + self.others
        if sum(char.isalnum() for char in part) <= 2:
            return any(word.startswith(part) for word in every)
        return any(part in word for word in every)


def punctuation(folded: str) -> list[str]:
    """The runs of punctuation."""
    text = re.sub('(?<=[א-ת])"(?=[א-ת])', "'", folded)
    return "".join(" " if in_word(char) else char for char in text).split()


@_remembered
def read_text(text: str) -> Text:
    folded = fold(text)
    found = units(folded)
    words = tuple(word for unit in found for word in unit.words)
    joined = [unit.words[0] for unit in found if unit.joined and len(unit.words[0]) <= 8]
    others = tuple(letters[at:] for letters in joined for at in range(1, len(letters)))
    return Text(words, others, tuple(punctuation(folded)))


# A search


class Piece(NamedTuple):
    """Something that a book must have.

    A ``run`` of whole words, a ``part`` of a word, or ``marks`` of punctuation; ``isbns`` has what
    else will do: digits of an ISBN.
    """

    run: tuple[str, ...] = ()
    part: str = ""
    marks: str = ""
    isbns: tuple[str, ...] = ()

    def found(self, *texts: Text) -> bool:
        """Whether one of the texts has it."""
        if self.run:
            return any(text.has_run(self.run) for text in texts)
        if self.part:
            return any(text.has_part(self.part) for text in texts)
        return any(self.marks in run for text in texts for run in text.punctuation)

    def whole(self, *texts: Text) -> bool:
        """Whether one of the texts has it as whole words."""
        if self.part:
            return any(text.has_run((self.part,)) for text in texts)
        return self.found(*texts)

    def in_isbn(self, isbn: str) -> bool:
        return any(digits in isbn for digits in self.isbns)


@_remembered
def pieces(search: str) -> tuple[Piece, ...]:
    """What a search asks for: text in quotes as one run, and each other word by itself."""
    folded = folded_search(search)
    if not units(folded):
        return _marks(folded)
    found: list[Piece] = []
    for number, text in enumerate(re.split('"([^"]+)"', folded)):
        if number % 2 and (run := _run(text)):
            digits = text.replace("-", "").replace(" ", "")
            parts = (digits,) if _is_part_of_isbn(digits) else ()
            isbn = whole_isbn(digits)
            found.append(Piece(run=run, isbns=(isbn, *parts) if isbn else parts))
        else:
            found += _with_isbns(text)
    return _first(found)


@_remembered
def pieces_of_author(search: str) -> tuple[Piece, ...]:
    """What a search for an author asks for; there are no ISBNs in it."""
    folded = _gershayim_out(fold(search))
    if not units(folded):
        return _marks(folded)
    found: list[Piece] = []
    for number, text in enumerate(re.split('"([^"]+)"', folded)):
        if number % 2 and (run := _run(text)):
            found.append(Piece(run=run))
        else:
            found += map(_piece, units(text))
    return _first(found)


def folded_search(search: str) -> str:
    """Without "ISBN" before digits, which says what they are and is nothing to look for."""
    folded = _gershayim_out(fold(search))
    return re.sub(r"\b(urn:)?i?sbn([- ]?1[03])?[:=( ]*(?=[0-9])", "", folded)


def _gershayim_out(folded: str) -> str:
    # Else they would be taken for the quotes around a run of words.
    return re.sub('(?<=[א-ת])"(?=[א-ת])', "'", folded)


def _marks(folded: str) -> tuple[Piece, ...]:
    return _first([Piece(marks=run) for run in punctuation(folded)])


def _first(found: list[Piece]) -> tuple[Piece, ...]:
    return tuple(dict.fromkeys(found))[:COUNTED]


def _run(text: str) -> tuple[str, ...]:
    return tuple(word for unit in units(text) for word in unit.words)


def _piece(unit: Unit) -> Piece:
    if without_blanks(unit.words[0][0]):
        return Piece(run=unit.words)
    return Piece(part=unit.words[0])


def _with_isbns(text: str) -> Iterator[Piece]:
    """The pieces of text that is not in quotes, digits of it also as those of ISBNs."""
    # The same text with a letter for all that is in words, and a full stop for what is between.
    text = re.sub("^'+|'+$|(?<= )'+|'+(?= )", ".", text)  # apostrophes that join nothing
    shape = "".join(
        char if char in "0123456789x -" else "w" if in_word(char) or char in "'&+#" else "."
        for char in text
    )
    rest = 0
    for group in re.finditer("(?<![0-9xw])[0-9][0-9 -]*[0-9x](?![0-9xw])", shape):
        yield from _words(text[rest : group.start()])
        rest = group.end()
        yield from _numbers(group.group())
    yield from _words(text[rest:])


def _numbers(written: str) -> Iterator[Piece]:
    """Numbers side by side. Those that are an ISBN together, as many as possible, are one; and all
    of them can be a part of one."""
    numbers = written.split()
    while numbers:
        ends = [end for end in range(len(numbers), 0, -1) if whole_isbn(_digits(*numbers[:end]))]
        end = ends[0] if ends else 1
        some, numbers = numbers[:end], numbers[end:]
        others = [
            digits for digits in (_digits(*some), _digits(written)) if _is_part_of_isbn(digits)
        ]
        isbns = [isbn] if (isbn := whole_isbn(_digits(*some))) else []
        for piece in _words(" ".join(some)):
            yield piece._replace(isbns=(*piece.isbns, *isbns, *others))


def _digits(*written: str) -> str:
    return "".join(written).replace("-", "").replace(" ", "")


def _words(text: str) -> Iterator[Piece]:
    for piece in map(_piece, units(text)):
        yield piece._replace(isbns=(piece.part,)) if _is_part_of_isbn(piece.part) else piece


def _is_part_of_isbn(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and 4 <= len(digits) <= 13


def whole_isbn(digits: str) -> str:
    """The 13 digits of an ISBN of 13, 10 or (SBN) 9 digits; else nothing."""
    digits = digits.upper()
    if len(digits) == 9:
        digits = "0" + digits
    if re.fullmatch("[0-9]{9}[0-9X]", digits):
        numbers = [10 if digit == "X" else int(digit) for digit in digits]
        if sum((10 - at) * number for at, number in enumerate(numbers)) % 11:
            return ""
        digits = "978" + digits[:9]
        return digits + str(-_sum13(digits) % 10)
    if re.fullmatch("97[89][0-9]{10}", digits) and not digits.startswith("9790"):
        return "" if _sum13(digits) % 10 else digits
    return ""


def _sum13(digits: str) -> int:
    return sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))


# The answers


def matches(book: Book, search: str = "", author: str = "") -> bool:
    """Whether the search, and the search for an author, find the book."""
    title_text, author_text = read_text(book["title"]), read_text(book["author"])
    return all(
        piece.found(title_text, author_text) or piece.in_isbn(book["isbn"])
        for piece in pieces(search)
    ) and all(piece.found(author_text) for piece in pieces_of_author(author))


def relevance(book: Book, search: str) -> tuple[int, bool, bool, bool, bool, float, int]:
    """The key of a book that is found: the least comes first."""
    title, author = read_text(book["title"]), read_text(book["author"])
    typed = _run(folded_search(search))
    asked = pieces(search)
    words = " ".join(title.words) + " "
    if typed == title.words:
        place = 0
    elif words.startswith(" ".join(typed) + " "):
        place = 1
    else:
        place = 2
    isbn = book["isbn"]
    return (
        place,
        not all(piece.whole(title, author) or piece.in_isbn(isbn) for piece in asked),
        not words.startswith(" ".join(typed)),
        not all(piece.found(title) or piece.in_isbn(isbn) for piece in asked),
        not book["stock"] > 0,
        -book["created_at"].timestamp(),
        -book["id"].int,
    )


def found(books: list[Book], search: str = "", author: str = "") -> list[Book]:
    """The books that are found, in their order."""
    return [book for book in books if matches(book, search, author)]


def ranked(books: list[Book], search: str, author: str = "") -> list[Book]:
    """The books that are found, the best first."""
    return sorted(found(books, search, author), key=lambda book: relevance(book, search))
