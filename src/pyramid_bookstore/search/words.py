"""Words: the form in which titles and authors are stored for search, and what a search looks for.

A text is stored as its words between single blanks, `` the hobbit ``. So everything that a search
can ask for is a piece of the stored text: ``obbi`` a part of a word, `` ho`` the beginning of one,
`` the hobbit `` a run of whole words. A search is a list of such pieces, and a book is found if its
text has each of them. Both databases look for pieces, by trigrams, and neither knows more of words.

- Scripts without blanks: each character begins a word, and what is written together is a run of
  words. A Chinese character is a word by itself, `` 雪 国 ``. Of kana and of Thai there are so few
  that one says little, so it takes the next along: `` ノル ルウ ウェ ェイ イ ``.
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

#: Digits of a whole ISBN, and those behind its first three.
ISBN_LENGTH: Final = 13
ISBN_REST: Final = 10

#: Bytes of a stored text: PostgreSQL's B-tree has no keys over 2,700. Only text of ligatures that
#: fold into many letters is longer.
_LONGEST = 2500

#: Of more letters that stand alone, side by side, none but the first begins a word.
INITIALS: Final = 8

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
# Where a word may have to be taken apart.
_PARTED = re.compile("[+#&\u0e00-\U0010ffff]")
# Letters standing alone, side by side.
_LETTERS = re.compile(r"(?<!\w)[^\W\d_] [^\W\d_](?!\w)")
# A word; `+` and `#` belong to it behind a letter.
_WORD = re.compile(r"(?:[^+#&]|(?<=[^\W\d_])[+#]+)+")
# Scripts without blanks: Thai, Lao, Burmese, Khmer, kana, Bopomofo; and Chinese characters.
_PAIRED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u31f0-\u31ff"
)
_SINGLE = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNBLANKED = re.compile(f"([{_PAIRED}{_SINGLE}]+)")
_PAIR = re.compile(f"[{_PAIRED}](?=(.?))|.")
_TAKES_NEXT = re.compile(f"[{_PAIRED}]")
_GERSHAYIM = re.compile('(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea])')
_PHRASE = re.compile('"([^"]+)"')
_ISBN_PREFIX = re.compile(r"\b(?:urn:)?i?sbn(?:[- ]?1[03])?[:=( ]*(?=[0-9])")
# Digits in groups, as of an ISBN, that are no part of a word.
_NUMBERS = re.compile(r"(?<![\w'&+#])[0-9][0-9 -]*[0-9x](?![\w'&+#])")
_HYPHENS = dict.fromkeys(isbns.HYPHENS, "-")
# Apostrophes that join nothing.
_APOSTROPHES = re.compile("(?<![^ ])'+|'+(?![^ ])")


def stored(text: str) -> str:
    """The words of a title or an author as they are stored, with a blank at both ends."""
    low = _folded(text)
    # Words and blanks alone, as most texts are, in a quarter of the time.
    if low.replace(" ", "").isalnum() and not _PARTED.search(low) and not _LETTERS.search(low):
        return _shortened(f" {low} ")
    if _UNBLANKED.fullmatch(low) and low.translate(_KEPT) == low:
        return _shortened(f" {_apart(low)} ")
    units, joined = _units(low)
    whole = f" {' '.join(units)} "
    initials = [letters for letters in joined if len(letters) <= INITIALS]
    more = [letters[at:] for letters in initials for at in range(1, len(letters))]
    more += _punctuation(low)
    if more:
        whole += "".join(f" {each} " for each in dict.fromkeys(more))
    return _shortened(whole)


def wanted(search: str) -> Wanted:
    """What a ``search`` asks for, which is not empty."""
    low = _ISBN_PREFIX.sub("", _folded(search))
    words = " ".join(_units(low)[0])
    groups = [*_groups(low)] if words else [(piece,) for piece in _of_punctuation(low, search)]
    return Wanted(tuple(dict.fromkeys(groups))[:COUNTED], words)


def wanted_of_author(search: str) -> Wanted:
    """What a search for an author asks for."""
    low = _folded(search)
    pieces = [*_pieces(low)] or [*_of_punctuation(low, search)]
    return Wanted(tuple((piece,) for piece in dict.fromkeys(pieces))[:COUNTED]).of_author


def beginnings(text: str) -> Wanted:
    """Asks for words that begin as those of the text do."""
    units, _ = _units(_folded(text))
    pieces = dict.fromkeys(f" {unit}" for unit in units)
    return Wanted(tuple((Piece(piece),) for piece in pieces)[:COUNTED], " ".join(units))


def plain_words(search: str) -> list[str]:
    """The words of a search, folded, in their order."""
    return [*_words(_folded(search))][:COUNTED]


def _folded(text: str) -> str:
    low = fold(text)
    # Between letters of Hebrew it is a sign of their own, which joins them as an apostrophe does.
    return _GERSHAYIM.sub("'", low) if '"' in low else low


def _units(low: str) -> tuple[list[str], list[str]]:
    """The words of a folded text, a run without blanks as one with its characters apart; and those
    of them that are joined letters."""
    units: list[str] = []
    joined: list[str] = []
    letters = ""
    for word in (*_words(low), ""):
        if len(word) == 1 and _is_letter(word):
            letters += word
            continue
        if letters:
            units.append(letters)
            joined.append(letters)
            letters = ""
        if word:
            units.append(_apart(word) if _UNBLANKED.match(word) else word)
    return units, joined


def _apart(run: str) -> str:
    """The words of a run without blanks."""
    return " ".join(found[0] + (found[1] or "") for found in _PAIR.finditer(run))


def _words(low: str) -> Iterable[str]:
    """The words as they are written."""
    chunks = low.replace("'", "").translate(_KEPT).split()
    return [word for chunk in chunks for word in _parts(chunk)] if _PARTED.search(low) else chunks


def _parts(chunk: str) -> Iterable[str]:
    if chunk == "&":
        return ("and",)
    return (part for word in _WORD.findall(chunk) for part in _UNBLANKED.split(word) if part)


def _is_letter(char: str) -> bool:
    """Whether it is a letter of an alphabet, as initials are; not a syllable or a character."""
    return char.isalpha() and (char < "\u0700" or "\u10a0" <= char <= "\u10ff")


def _pieces(low: str) -> Iterator[Piece]:
    """What a folded search asks for in title or author."""
    return (group[0] for group in _groups(low))


def _groups(low: str) -> Iterator[Group]:
    """The pieces of a folded search, with their alternatives in ISBNs."""
    for number, text in enumerate(_PHRASE.split(low)):
        units = _units(text)[0] if number % 2 else []
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
    for unit in _units(text)[0]:
        if _UNBLANKED.match(unit):
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
    return f" {words}" if _TAKES_NEXT.match(words[-1]) else f" {words} "


def _of_punctuation(low: str, search: str) -> Iterator[Piece]:
    """The pieces of a search without words; of an accent alone, which folds to nothing, one that
    no text has."""
    return (Piece(f" {run} ") for run in _punctuation(low) or [_coded(search[:1])])


def _punctuation(low: str) -> Iterable[str]:
    """The runs of punctuation of a folded text, in code."""
    return dict.fromkeys(map(_coded, low.translate(_PUNCTUATION).split()))


def _coded(run: str) -> str:
    """Each character of the run as two letters of Tangut, which counts as punctuation itself.

    The databases' trigrams are of letters alone, and these letters are in no other word.
    """
    return " ".join(
        chr(0x17000 + ord(char) // 4096) + chr(0x17000 + ord(char) % 4096) for char in run
    )


def _shortened(words: str) -> str:
    """So much of it as PostgreSQL's index of the order takes."""
    if len(words) <= _LONGEST // 4:
        return words
    encoded = words.encode()
    if len(encoded) <= _LONGEST:
        return words
    return encoded[: _LONGEST - 1].decode(errors="ignore").rpartition(" ")[0] + " "
