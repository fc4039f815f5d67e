"""Folding: the form of text for search and sorting.

The application folds, not the database, because SQLite folds only ASCII and PostgreSQL by locale.
The folded form is stored beside the text, so both databases give the same answers.
"""

import unicodedata

# Letters that Unicode neither decomposes nor folds, and the letters that people type for them.
_LETTERS = {
    "æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "þ": "th", "đ": "d", "ħ": "h", "ı": "i", "ȷ": "j",
    "ĸ": "k", "ł": "l", "ŋ": "n", "ŧ": "t", "ƀ": "b", "ɓ": "b", "ƈ": "c", "ɖ": "d", "ɗ": "d",
    "ƒ": "f", "ɠ": "g", "ǥ": "g", "ɨ": "i", "ƙ": "k", "ƚ": "l", "ɲ": "n", "ƞ": "n", "ɔ": "o",
    "ə": "e", "ɛ": "e", "ƥ": "p", "ʂ": "s", "ƭ": "t", "ʉ": "u", "ʋ": "v", "ƴ": "y", "ƶ": "z",
    # Arabic and Persian keyboards have different code points for yeh and kaf.
    "\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9",
}  # fmt: skip
# Typographic marks, by the ASCII character that people type for them; Hebrew's own among them.
_MARKS = {
    "'": "`\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u02b9\u02bb\u02bc\u02bd\u02be\u02bf"
    "\u00b4\uff07\uff40\u055a\u05f3\u1fbd\u1fbf\ua78c",
    '"': "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u02ba\u301d\u301e\u301f\uff02\u05f4",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b\u2212\u2e3a\u2e3b\ufe58\ufe63"
    "\uff0d\u05be",
}
# Characters that show nothing: soft hyphen, zero-width space and joiners, direction marks, BOM,
# variation selectors; and the Arabic tatweel, which only stretches a word.
_INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068"
    "\u2069\u061c\ufeff\u0640"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_PLAIN = str.maketrans(
    {typed: plain for plain, group in _MARKS.items() for typed in group}
    | dict.fromkeys(_INVISIBLE, "")
)
_LETTERS_AND_MARKS = _PLAIN | str.maketrans(_LETTERS)

#: Latin, Greek and Cyrillic letters are below; only their accents are taken off.
_FIRST_OTHER_SCRIPT = "\u0530"
#: The signs of those scripts, which also stay by themselves.
_SIGNS = ("\u0590", "\u1aaf")


def fold(s: str) -> str:
    """Text without case, accents and typographic marks: ``Große  “Œuvre”`` is ``grosse "oeuvre"``.

    The marks of other scripts stay, because they tell words apart: カ is not ガ. Runs of white
    space become one space, so the result has no newline. Folding twice changes nothing. The result
    can be longer than ``s``.
    """
    if s.isascii():
        return " ".join(s.lower().replace("`", "'").split())
    try:
        return " ".join(s.translate(_BY_CHARACTER).split())
    except _DependsOnOthers:
        return " ".join(_fold(s).split())


def _fold(s: str) -> str:
    s = _without_accents(s.translate(_PLAIN)).casefold()
    s = _without_accents(s.translate(_LETTERS_AND_MARKS)).casefold()
    # NFC, so that Hangul syllables are whole and are not found by their first letters.
    return unicodedata.normalize("NFC", s)


class _DependsOnOthers(Exception):
    """The character is folded together with those around it."""


class _ByCharacter(dict[int, str]):
    """For ``str.translate``: each character folded, in a quarter of the time of `_fold`."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = _fold(char)
        decomposed = unicodedata.normalize("NFKD", char)
        marks = decomposed if decomposed[0] in " \u0640" else decomposed[0] + folded[:1]
        if any(unicodedata.category(each)[0] == "M" or _is_jamo(each) for each in marks):
            raise _DependsOnOthers
        self[code] = folded
        return folded


def _is_jamo(char: str) -> bool:
    """Whether it is a letter of Hangul, of which NFC makes syllables."""
    return "\u1100" <= char <= "\u11ff"


_BY_CHARACTER = _ByCharacter()


#: Characters of a folded text that are stored: PostgreSQL's B-tree has no keys over 2,700 bytes.
#: Only text of ligatures that fold into many letters is longer.
FOLDED_LENGTH = 600


def folded(text: str) -> str:
    """The folded text as it is stored."""
    return fold(text)[:FOLDED_LENGTH]


def _without_accents(s: str) -> str:
    """``s`` with compatibility characters decomposed, and without accents."""
    decomposed = unicodedata.normalize("NFKD", s)
    if decomposed.isascii():
        return decomposed
    kept = []
    base = ""
    for char in decomposed:
        if unicodedata.category(char) != "Mn":
            base = char
        elif base < _FIRST_OTHER_SCRIPT and not _SIGNS[0] <= char <= _SIGNS[1]:
            continue
        kept.append(char)
    return "".join(kept)
