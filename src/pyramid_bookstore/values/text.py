"""Text in the form in which it is stored."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Final

# With `MODIFIERS` and `FILLERS` these are the characters with Unicode's property
# Default_Ignorable_Code_Point; and control characters.

#: Characters that show nothing, wherever they are, as a class of a regular expression: control
#: characters but NUL, the soft hyphen, zero-width spaces, direction marks, the byte order mark,
#: compatibility fillers, and what is left of Unicode's invisible format characters.
INVISIBLE: Final = (
    "\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e01f0-\U000e0fff"
)
#: Characters that change the one before them, or join two, and show nothing by themselves: joiners,
#: variation selectors, and the letters in the flags of England, Scotland and Wales.
MODIFIERS: Final = (
    "\u034f\u17b4\u17b5\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e01ef"
)
#: They stand for the letter that a syllable of Hangul lacks.
FILLERS: Final = "\u115f\u1160"
# Has no such property, but is the blank of Braille.
_BRAILLE_BLANK = "\u2800"
#: All of them, of which alone, and white space, is no text.
NEVER_ALONE: Final = INVISIBLE + MODIFIERS + FILLERS + _BRAILLE_BLANK

_INVISIBLE = re.compile(f"[{INVISIBLE}]+")
# The same, without what a text of several lines has.
_INVISIBLE_IN_LINES = re.compile(f"(?![\t\n\r])[{INVISIBLE}]")
_MODIFIERS = re.compile(f"[{MODIFIERS}]")
_DEPENDENT = re.compile(f"[{MODIFIERS}{FILLERS}]")
_JOINERS = re.compile("[\u200c\u200d]+")
_TAGS = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)|[\U000e0000-\U000e00ff]")
# Where no vowel follows that for a first consonant, none precedes that for a vowel, or nothing but
# fillers stands before what is no last consonant.
_STRAY_FILLERS = re.compile(
    "\u115f(?![\u1160-\u11a7\ud7b0-\ud7c6])|(?<![\u1100-\u115f\ua960-\ua97c])\u1160"
    "|\u115f\u1160(?![\u11a8-\u11ff\ud7cb-\ud7fb])"
)
# With nothing before them that they could change.
_STRAY = re.compile(rf"(?:(?<=[\s{_BRAILLE_BLANK}])|\A)[{MODIFIERS}]+")
_WHITE = "".join(filter(str.isspace, map(chr, range(0x3001)))) + _BRAILLE_BLANK


def visible(s: str, *, lines: bool = False) -> str:
    """``s`` without characters that show nothing.

    With ``lines`` line breaks and tabs stay. So do the joiners U+200C and U+200D between letters
    and in emoji, which Persian, Hindi and emoji need, and NUL, which is refused.
    """
    if s.isascii() and s.isprintable():
        return s
    s = (_INVISIBLE_IN_LINES if lines else _INVISIBLE).sub("", s)
    if not _DEPENDENT.search(s):
        return s
    s = _STRAY_FILLERS.sub("", _TAGS.sub(lambda found: found[1] or "", s))
    return _JOINERS.sub(_needed, _STRAY.sub("", s))


def searchable(s: str) -> str:
    """``s`` without any character that shows nothing; white space stays, to part words."""
    return _MODIFIERS.sub("", visible(s, lines=True))


def trimmed(s: str) -> str:
    """``s`` without white space around it."""
    return s.strip(_WHITE)


def is_blank(s: str) -> bool:
    """Whether nothing of ``s`` shows."""
    return not trimmed(visible(s))


def _needed(joiners: re.Match[str]) -> str:
    """Joiners, if they stand between two letters or two parts of an emoji."""
    text, (begin, end) = joiners.string, joiners.span()
    if not begin or end == len(text):
        return ""
    before, after = ({*_kinds(text[at])} for at in (begin - 1, end))
    return joiners[0] if before & after else ""


def _kinds(char: str) -> Iterator[str]:
    category = unicodedata.category(char)
    if category[0] in "LM":
        yield "letter"
    # With the marks that vary an emoji, the tones of skin, and an arrow that is one.
    if category in ("So", "Sk", "Me", "Mn") or char == "\u2194":
        yield "emoji"


def nfc(s: str) -> str:
    """``s`` in Unicode normalization form C (UAX #15), in linear time.

    The standard library uses insertion sort for a run of combining marks: half a megabyte of them
    takes minutes. So the runs of long text are sorted first.
    """
    if s.isascii() or unicodedata.is_normalized("NFC", s):
        return s
    if len(s) > 256:
        apart = (part for char in s for part in unicodedata.normalize("NFD", char))
        runs = groupby(apart, lambda part: unicodedata.combining(part) > 0)
        s = "".join(
            "".join(sorted(run, key=unicodedata.combining) if marks else run) for marks, run in runs
        )
    return unicodedata.normalize("NFC", s)
