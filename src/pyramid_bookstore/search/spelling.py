"""Spellings near a word: one letter missing, too many, another, or two in the wrong order."""

from collections.abc import Iterator
from typing import Final, NamedTuple

#: Shorter words have too many neighbours to be corrected; of those a little longer, only letters
#: too many or in the wrong order are looked for.
SHORTEST: Final = 4
SHORTEST_WITH_GAP: Final = 5
LONGEST: Final = 30


class Spelling(NamedTuple):
    """Words that begin so and end so, with one letter between where ``gap`` is set."""

    begin: str
    end: str = ""
    gap: bool = False

    @property
    def pattern(self) -> str:
        """A text with such a word, for LIKE."""
        return f"% {self.begin}{'_' * self.gap}{self.end} %"


def spellings(word: str) -> Iterator[Spelling]:
    """What the words are like that are one step from this one, the likeliest first."""
    if not SHORTEST <= len(word) <= LONGEST:
        return
    for at in range(len(word) - 1):
        yield Spelling(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
    for at in range(len(word)):
        yield Spelling(word[:at] + word[at + 1 :])
    if len(word) >= SHORTEST_WITH_GAP:
        yield from (Spelling(word[:at], word[at:], gap=True) for at in range(len(word) + 1))
        yield from (Spelling(word[:at], word[at + 1 :], gap=True) for at in range(len(word)))


def is_one_step_apart(one: str, other: str) -> bool:
    """Whether one letter is missing, too many or another, or two neighbours are swapped."""
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None:
        return abs(len(one) - len(other)) == 1
    left, right = one[at:], other[at:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[1::-1] and left[2:] == right[2:])
    )
