"""Text in the form in which it is stored."""

import unicodedata
from itertools import groupby


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


def clean(s: str) -> str:
    """A line of text as it is stored: NFC, without white space around it."""
    return nfc(s.strip())
