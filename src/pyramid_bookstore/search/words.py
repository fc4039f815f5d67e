"""Words: the form in which titles and authors are stored for search.

A text is stored as its words between single blanks, `` the hobbit ``. So everything that a search
can ask for is a piece of the stored text, see `pieces`. Both databases look for pieces, by
trigrams, and neither knows more of words.

- Scripts without blanks: each character begins a word, and what is written together is a run of
  words. A Chinese character is a word by itself, `` 雪 国 ``. Of kana and of Thai there are so few
  that one says little, so it takes the next along: `` ノル ルウ ウェ ェイ イ ``.
- Letters standing alone run together: ``J. R. R.`` is ``jrr``.
- Behind two blanks, where no run of words reaches: what is left of such letters from the second on
  (``rr r``, for a search that begins there), and the punctuation, for searches of nothing else.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from pyramid_bookstore.search.folding import fold

#: Bytes of a stored text: PostgreSQL's B-tree has no keys over 2,700. Only text of ligatures that
#: fold into many letters is longer.
_LONGEST = 2500

#: Of more letters that stand alone, side by side, none but the first begins a word.
INITIALS: Final = 8


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
    return letter and not "\U00017000" <= char < "\U00018b00"  # see `coded`


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
UNBLANKED = re.compile(f"([{_PAIRED}{_SINGLE}]+)")
_PAIR = re.compile(f"[{_PAIRED}](?=(.?))|.")
TAKES_NEXT = re.compile(f"[{_PAIRED}]")
_GERSHAYIM = re.compile('(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea])')


def stored(text: str) -> str:
    """The words of a title or an author as they are stored, with a blank at both ends."""
    low = folded_text(text)
    # Words and blanks alone, as most texts are, in a quarter of the time.
    if low.replace(" ", "").isalnum() and not _PARTED.search(low) and not _LETTERS.search(low):
        return _shortened(f" {low} ")
    if UNBLANKED.fullmatch(low) and low.translate(_KEPT) == low:
        return _shortened(f" {_apart(low)} ")
    units, joined = units_of(low)
    whole = f" {' '.join(units)} "
    initials = [letters for letters in joined if len(letters) <= INITIALS]
    more = [letters[at:] for letters in initials for at in range(1, len(letters))]
    more += punctuation(low)
    if more:
        whole += "".join(f" {each} " for each in dict.fromkeys(more))
    return _shortened(whole)


def folded_text(text: str) -> str:
    """The text as it is taken apart."""
    low = fold(text)
    # Between letters of Hebrew it is a sign of their own, which joins them as an apostrophe does.
    return _GERSHAYIM.sub("'", low) if '"' in low else low


def units_of(low: str) -> tuple[list[str], list[str]]:
    """The words of a folded text, a run without blanks as one with its characters apart; and those
    of them that are joined letters."""
    units: list[str] = []
    joined: list[str] = []
    letters = ""
    for word in (*words_of(low), ""):
        if len(word) == 1 and _is_letter(word):
            letters += word
            continue
        if letters:
            units.append(letters)
            joined.append(letters)
            letters = ""
        if word:
            units.append(_apart(word) if UNBLANKED.match(word) else word)
    return units, joined


def _apart(run: str) -> str:
    """The words of a run without blanks."""
    return " ".join(found[0] + (found[1] or "") for found in _PAIR.finditer(run))


def words_of(low: str) -> Iterable[str]:
    """The words as they are written."""
    chunks = low.replace("'", "").translate(_KEPT).split()
    return [word for chunk in chunks for word in _parts(chunk)] if _PARTED.search(low) else chunks


def _parts(chunk: str) -> Iterable[str]:
    if chunk == "&":
        return ("and",)
    return (part for word in _WORD.findall(chunk) for part in UNBLANKED.split(word) if part)


def _is_letter(char: str) -> bool:
    """Whether it is a letter of an alphabet, as initials are; not a syllable or a character."""
    return char.isalpha() and (char < "\u0700" or "\u10a0" <= char <= "\u10ff")


def punctuation(low: str) -> Iterable[str]:
    """The runs of punctuation of a folded text, in code."""
    return dict.fromkeys(map(coded, low.translate(_PUNCTUATION).split()))


def coded(run: str) -> str:
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
