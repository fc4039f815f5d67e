"""Words: the form in which titles and authors are stored for search, and what a search looks for.

A text is stored as its words between single blanks, `` the hobbit ``. So everything that a search
can ask for is a piece of the stored text: ``obbi`` a part of a word, `` ho`` the beginning of one,
`` the hobbit `` a run of whole words. A search is a list of such pieces, and a book is found if its
text has each of them. Both databases look for pieces, by trigrams, and neither knows more of words.

- Scripts without blanks: each character begins a word of two, `` 雪国 国 ``. One character is then
  the beginning of a word, and two are looked up together.
- Letters standing alone run together: ``J. R. R.`` is ``jrr``.
- Behind two blanks, where no run of words reaches: what is left of such letters from the second on
  (``rr r``, for a search that begins there), and the punctuation, for searches of nothing else.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.values import isbn as isbns

#: Pieces of a search that count; the others are passed over.
COUNTED: Final = 16

#: Words of so many letters and digits or fewer are found where a word begins.
SHORT: Final = 2

#: Digits from which on they are looked for in ISBNs.
ISBN_PART: Final = 4

#: Digits of a whole ISBN.
ISBN_LENGTH: Final = 13

#: Bytes of a stored text: PostgreSQL's B-tree has no keys over 2,700. Only text of ligatures that
#: fold into many letters is longer.
_LONGEST = 2500

#: Where a piece is looked for.
Place = Literal["text", "author", "isbn", "whole isbn"]


class Piece(NamedTuple):
    """A piece of text that a book must have: in its title or author, its author, its ISBN."""

    text: str
    place: Place = "text"


#: Alternatives, one of which a book must have.
Group = tuple[Piece, ...]


class Wanted(NamedTuple):
    """What a search asks for: a piece of each group; ``words`` are those typed, for the ranking."""

    groups: tuple[Group, ...]
    words: tuple[str, ...] = ()


class _Kept(dict[int, int]):
    """For ``str.translate``: the characters of words stay, and others become blanks."""

    def __missing__(self, code: int) -> int:
        self[code] = code if _in_word(chr(code)) or chr(code) in "+#&" else 0x20
        return self[code]


class _Punctuation(dict[int, int]):
    """For ``str.translate``: punctuation and symbols stay, and others become blanks."""

    def __missing__(self, code: int) -> int:
        self[code] = 0x20 if _in_word(chr(code)) else code
        return self[code]


def _in_word(char: str) -> bool:
    letter = char.isalnum() or unicodedata.category(char)[0] == "M"
    return letter and not "\U00017000" <= char < "\U00018b00"  # see `_coded`


_KEPT, _PUNCTUATION = _Kept(), _Punctuation()
# Words, digits and blanks alone, which need no more than two blanks around them.
_SIMPLE = re.compile(r"(?!.*\b[a-z] [a-z]\b)[a-z0-9 ]*", re.ASCII)
# A word; `+` and `#` belong to it behind a letter.
_WORD = re.compile(r"(?:[^+#&]|(?<=[^\W\d_])[+#]+)+")
# Thai, Lao, Burmese, Khmer, kana, Bopomofo, Chinese characters.
_UNBLANKED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
)
_GERSHAYIM = re.compile('(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea])')
_PHRASE = re.compile('"([^"]+)"')
_ISBN_PREFIX = re.compile(r"\b(?:urn:)?isbn(?:[- ]?1[03])?[: ]*(?=[0-9])")
# Digits in groups, as of an ISBN.
_GROUPS = re.compile(r"(?<!\w)[0-9][0-9 -]*[0-9x](?!\w)", re.ASCII)


def stored(text: str) -> str:
    """The words of a title or an author as they are stored, with a blank at both ends."""
    low = text.lower()
    if _SIMPLE.fullmatch(low):  # half of all titles; a tenth of the time
        return f" {' '.join(low.split())} "
    low = fold(text)
    units = [*_units(low)]
    words = " ".join(word for unit in units for word in unit.words)
    more = [unit.words[0][at:] for unit in units if unit.joined for at in range(1, len(unit.words[0]))]
    more += _punctuation(low)
    whole = f" {words} "
    if more:
        whole += "".join(f" {each} " for each in dict.fromkeys(more))
    return whole if len(whole) <= _LONGEST // 4 else _shortened(whole)


def wanted(search: str) -> Wanted:
    """What a ``search`` asks for."""
    low = _ISBN_PREFIX.sub("", fold(search))
    words = tuple(word for unit in _units(low) for word in unit.words)
    groups = [*_groups(low)] if words else [(Piece(run),) for run in _punctuation(low)]
    return Wanted(tuple(dict.fromkeys(groups))[:COUNTED], words)


def wanted_of_author(search: str) -> tuple[Group, ...]:
    """What a search for an author asks for."""
    low = fold(search)
    pieces = [*_pieces(low)] or [*map(Piece, _punctuation(low))]
    return tuple((Piece(each.text, "author"),) for each in dict.fromkeys(pieces))[:COUNTED]


class _Unit(NamedTuple):
    """A word, the words of a run of a script without blanks, or ``joined`` letters."""

    words: tuple[str, ...]
    unblanked: bool = False
    joined: bool = False


def _units(low: str) -> Iterator[_Unit]:
    """The words of a folded text."""
    letters = ""
    for word in _words(_GERSHAYIM.sub("", low)):
        if len(word) == 1 and _is_letter(word):
            letters += word
            continue
        if letters:
            yield _Unit((letters,), joined=len(letters) > 1)
            letters = ""
        if word[0] >= "\u0e00" and _UNBLANKED.match(word):
            pairs = tuple(word[at : at + 2] for at in range(len(word)))
            yield _Unit(pairs, unblanked=True)
        else:
            yield _Unit((word,))
    if letters:
        yield _Unit((letters,), joined=len(letters) > 1)


def _words(low: str) -> Iterator[str]:
    """The words as they are written; runs of scripts without blanks are one each."""
    for chunk in low.replace("'", "").translate(_KEPT).split():
        if chunk == "&":
            yield "and"
        elif chunk.isalnum() and chunk.isascii():
            yield chunk
        else:
            for word in _WORD.findall(chunk):
                yield from filter(None, _UNBLANKED.split(word))


def _is_letter(char: str) -> bool:
    """Whether it is a letter of an alphabet, as initials are; not a syllable or a character."""
    return char.isalpha() and (char < "\u0700" or "\u10a0" <= char <= "\u10ff")


def _pieces(low: str) -> Iterator[Piece]:
    """What a folded search asks for in title or author."""
    texts = _PHRASE.split(_GERSHAYIM.sub("", low))
    for number, text in enumerate(texts):
        units = [*_units(text)]
        if number % 2 and units:  # in quotes
            words = " ".join(word for unit in units for word in unit.words)
            # A run of characters may go on behind the quoted ones.
            yield Piece(f" {words}" if units[-1].unblanked else f" {words} ")
            continue
        for unit in units:
            words = " ".join(unit.words)
            yield Piece(f" {words}" if unit.unblanked or _is_short(words) else words)


def _is_short(word: str) -> bool:
    return len(word) <= SHORT or sum(map(str.isalnum, word)) <= SHORT


def _groups(low: str) -> Iterator[Group]:
    """The pieces with their alternatives in ISBNs."""
    begin = 0
    for found in _GROUPS.finditer(low):
        digits = _isbn(found.group())
        if digits is None:
            continue
        yield from ((piece,) for piece in _pieces(low[begin : found.start()]))
        begin = found.end()
        pieces = [*_pieces(found.group())]
        if len(digits) == ISBN_LENGTH:
            yield Piece("".join(each.text.strip() for each in pieces)), Piece(digits, "whole isbn")
        else:
            yield from ((piece, Piece(digits, "isbn")) for piece in pieces)
    yield from ((piece,) for piece in _pieces(low[begin:]))


def _isbn(written: str) -> str | None:
    """The digits to look for in ISBNs: all 13 of a whole one, or the part that there is."""
    compact = written.replace("-", "").replace(" ", "")
    for whole in (compact, f"0{compact}"):  # nine digits are an SBN
        if len(whole) in (10, 13):
            try:
                return isbns.canonical(whole)
            except ValueError:
                pass
    return compact if ISBN_PART <= len(compact) < ISBN_LENGTH and compact.isdigit() else None


def _punctuation(low: str) -> Iterable[str]:
    """The runs of punctuation of a folded text, in code."""
    return dict.fromkeys(map(_coded, low.translate(_PUNCTUATION).split()))


def _coded(run: str) -> str:
    """Each character of the run as two letters of Tangut, which counts as punctuation itself.

    The databases' trigrams are of letters alone, and these letters are in no other word.
    """
    return " ".join(chr(0x17000 + ord(char) // 4096) + chr(0x17000 + ord(char) % 4096) for char in run)


def _shortened(words: str) -> str:
    """So much of it as PostgreSQL's index of the order takes."""
    encoded = words.encode()
    if len(encoded) <= _LONGEST:
        return words
    return encoded[:_LONGEST].decode(errors="ignore").rpartition(" ")[0] + " "
