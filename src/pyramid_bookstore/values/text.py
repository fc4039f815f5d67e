"""Text in the form in which it is stored."""

import unicodedata
from itertools import groupby


def nfc(s: str) -> str:
    """``s`` in Unicode normalisation form C (UAX #15), in time linear in its length.

    The standard library sorts a run of combining marks by insertion: half a megabyte of them
    keeps it busy for minutes. So long text that is not normal yet has its runs sorted first.
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


def clean(s: str) -> str:
    """The form in which a line of text is stored: NFC, without white space around it."""
    return nfc(s.strip())
