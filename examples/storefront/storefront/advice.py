"""What to say where a search finds nothing."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[0-9 -]*[0-9][0-9 -]*[xX]?")
_WORD = re.compile(r"\w+")


def advice(search: str) -> list[str]:
    """What may help with these words, and nothing that cannot."""
    if not search:
        return []
    if _NUMBER.fullmatch(search):
        return ["Check the digits. An ISBN has 10 or 13, and any four in a row will do."]
    words = _WORD.findall(search)
    if not words:
        return ["Search for words of a title, an author or a publisher, or for an ISBN."]
    given = []
    if search.count('"') > 1:
        given.append("Leave out the quotation marks: they ask for whole words, in this order.")
    if len(words) > 1:
        given.append("Try fewer words: a book must have all of them.")
    given.append("Check the spelling.")
    given.append("Only titles, authors and publishers are searched; an ISBN works too.")
    return given
