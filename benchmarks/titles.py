"""Titles and authors of the generated catalogues, by kind:

- `natural`: thirteen languages in eight scripts, most words drawn with a skew;
- `tokens`: every title has a token that no other title has, ``Larsson Lantern 26 k3f9z1``;
- `unblanked`: Japanese, Chinese and Thai, 6 to 25 characters without blanks;
- `runs`: long runs of equal titles, few titles and authors.

But for the natural one they have words that are in the oldest tenth alone, which is also the
dearest: a list that is newest first, or by price, meets them last.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from words import LANGUAGES, RUNS, SYLLABLES, UNBLANKED

Ints = NDArray[np.int64]

_COINED_STEP = 5_555_551
_DIGITS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", np.uint8)
_TOKENS = 26 * 36**5
_TOKEN_STEP = 777_777_773  # coprime to _TOKENS: i -> i * step visits each number once


def coined_words(count: int, first: int = 0) -> list[str]:
    """`count` different words of four syllables that no vocabulary holds."""
    base = len(SYLLABLES)
    space = base**4
    words = []
    for index in range(first, first + count):
        number, word = index * _COINED_STEP % space, ""
        for _ in range(4):
            number, syllable = divmod(number, base)
            word += SYLLABLES[syllable]
        words.append(word.capitalize())
    return words


def rare_words(count: int) -> list[str]:
    """The coined words in the natural titles of `count` books: each in about three."""
    return coined_words(max(20, count // 10))


def _zipf(size: int, power: float = 1.0) -> NDArray[np.float64]:
    weight = 1.0 / np.arange(1, size + 1) ** power
    return np.asarray(weight / weight.sum(), np.float64)


def _draw(rng: np.random.Generator, words: list[str], size: int, power: float = 1.0) -> list[str]:
    """`size` of the words, the first of them most often."""
    share = _zipf(len(words), power)
    return [words[at] for at in rng.choice(len(words), size, p=share).tolist()]


class Natural:
    """What all chunks share: the authors (with their language) and the rare words."""

    old = 0
    """So many books, the oldest, have words that are nowhere else, and are dear."""

    def __init__(self, count: int, seed: int, first: int) -> None:
        self.first = first
        rng = np.random.default_rng([seed, 0])
        size = max(20, count // 6)
        self.language = rng.choice(len(LANGUAGES), size, p=[lang.share for lang in LANGUAGES])
        self.rare = rare_words(count)
        coined = coined_words(len(self.rare), len(self.rare))
        given, family, extra = rng.random((3, size))
        self.authors: list[str] = []
        for index, number in enumerate(self.language.tolist()):
            lang = LANGUAGES[number]
            last = lang.family[int(family[index] * len(lang.family))]
            first_name = lang.given[int(given[index] * len(lang.given))]
            if not lang.joiner:
                self.authors.append(last + first_name)
                continue
            if extra[index] < 0.5:  # most families are not in the list
                last = coined[int(extra[index] * 2 * len(coined))]
            elif extra[index] < 0.6:
                first_name += f" {chr(65 + int(extra[index] * 1000) % 26)}."
            self.authors.append(f"{first_name} {last}")

    def author_of(self, rng: np.random.Generator, index: Ints) -> Ints:
        """The number of each book's author."""
        # the square favours the first authors: a few have very many books, most have a handful
        return (rng.random(len(index)) ** 2 * len(self.authors)).astype(np.int64)

    def titles(self, rng: np.random.Generator, index: Ints, author: Ints) -> list[str]:
        """The titles of the books of these numbers; 0 is the oldest."""
        language = self.language[author]
        titles = [""] * len(language)
        coined = rng.random(len(language)) < 0.3
        pick = rng.integers(0, len(self.rare), len(language))
        for number, lang in enumerate(LANGUAGES):
            rows = np.flatnonzero(language == number)
            draw = rng.choice(len(lang.words), (len(rows), 6), p=_zipf(len(lang.words)))
            length = rng.integers(2, 7, len(rows))
            for row, words, size in zip(rows.tolist(), draw.tolist(), length.tolist(), strict=True):
                title = lang.joiner.join([lang.words[word] for word in words[:size]])
                title = title[0].upper() + title[1:]
                if coined[row]:
                    title = f"{title} {self.rare[pick[row]]}"
                elif index[row] % 17 == 0:
                    title = f"{title}, {index[row] % 9 + 1}"
                titles[row] = title
        return titles


class Tokens(Natural):
    """A series, a word, a number and a token of six letters and digits."""

    words: ClassVar = [word.capitalize() for word in LANGUAGES[0].words if len(word) > 3]
    series: ClassVar = coined_words(200, 50_000_000)
    old_series: ClassVar = coined_words(20, 60_000_000)

    def __init__(self, count: int, seed: int, first: int) -> None:
        super().__init__(count, seed, first)
        self.old = count // 10

    def titles(self, rng: np.random.Generator, index: Ints, author: Ints) -> list[str]:
        size = len(index)
        old_series = _draw(rng, self.old_series, size, 2)
        series = np.where(index < self.old, old_series, _draw(rng, self.series, size))
        number = rng.integers(1, 100, size)
        columns = (series.tolist(), _draw(rng, self.words, size), number.tolist())
        return [
            f"{series} {word} {number} {token}"
            for series, word, number, token in zip(
                *columns, _tokens(self.first + index), strict=True
            )
        ]


def _tokens(number: Ints) -> list[str]:
    """A letter and five letters or digits for each number; no two are equal."""
    value = number * _TOKEN_STEP % _TOKENS
    digits = [value // 36**place % 36 for place in range(5)]
    table = np.stack([10 + value // 36**5, *digits], axis=1)
    return [token.decode() for token in _DIGITS[table].view("S6").ravel().tolist()]


class Unblanked(Natural):
    """Titles of one script each, with authors of the same."""

    def __init__(self, count: int, seed: int, first: int) -> None:
        self.first = first
        self.old = count // 10
        rng = np.random.default_rng([seed, 0])
        self.lexicons = [
            [*script.words, *_coined(rng, script.parts, script.words)] for script in UNBLANKED
        ]
        # of characters that are in no other word
        self.old_words = [chr(0x9F00 + at) + chr(0x9F3F - at) for at in range(20)]
        size = max(21, count // 6)
        self.authors = [""] * size
        for script in range(3):
            names = _coined(rng, UNBLANKED[script].parts, ())
            pick = rng.integers(0, len(names), (len(self.authors[script::3]), 2)).tolist()
            self.authors[script::3] = [(names[last] + names[given])[:8] for last, given in pick]

    def titles(self, rng: np.random.Generator, index: Ints, author: Ints) -> list[str]:
        titles = [""] * len(index)
        length = rng.integers(6, 26, len(index)).tolist()
        old = _draw(rng, self.old_words, len(index), 2)
        for script, words in enumerate(self.lexicons):
            rows = np.flatnonzero(author % 3 == script)
            draw = rng.choice(len(words), (len(rows), 14), p=_zipf(len(words)))
            for row, picked in zip(rows.tolist(), draw.tolist(), strict=True):
                title = "".join([words[word] for word in picked])
                if index[row] < self.old:
                    title = old[row] + title
                titles[row] = title[: length[row]]
        return titles


def _coined(rng: np.random.Generator, parts: str, without: tuple[str, ...]) -> list[str]:
    """Words of two or three of these characters or (with blanks between them) syllables."""
    pieces = np.array(parts.split() if " " in parts else list(parts))
    draw = pieces[rng.integers(0, len(pieces), (4_000, 3))].tolist()
    words = ["".join(word[: 2 + (row % 3 == 0)]) for row, word in enumerate(draw)]
    return [word for word in dict.fromkeys(words) if word not in without]


class Runs(Natural):
    """Runs of 1,000 to 50,000 books with one title and one author; shorter in few books.

    The oldest and the newest tenth have titles that are nowhere else. One book in 300 stands out:
    with a word of its own, or one that ten books have, or a thousandth of all.
    """

    def __init__(self, count: int, seed: int, first: int) -> None:
        self.first = first
        self.old = count // 10
        rng = np.random.default_rng([seed, 0])
        low, high = max(1, min(1_000, count // 100)), max(2, min(50_000, count // 10))
        length = np.exp(rng.uniform(np.log(low), np.log(high), count // low + 1)).astype(np.int64)
        starts = np.cumsum(length) - length[0]
        self.starts = np.unique([0, *starts[starts < count], self.old, count - self.old])
        self.authors = [f"{name} Runfield" for name in LANGUAGES[0].given[:30]] + ["Ida Works"]
        self.author = rng.integers(0, 30, len(self.starts))
        ages = [RUNS.old, RUNS.usual, RUNS.new]
        age = np.searchsorted([self.old, count - self.old], self.starts, side="right").tolist()
        number = rng.integers(1, 40, len(self.starts)).tolist()
        self.title = [
            f"{_draw(rng, ages[at][0], 1)[0]} {_draw(rng, ages[at][1], 1)[0]} {volume}"
            for at, volume in zip(age, number, strict=True)
        ]
        self.rare = coined_words(count // 1_000 + 1)
        self.scarce = coined_words(count // 10_000 + 1, len(self.rare))

    def author_of(self, rng: np.random.Generator, index: Ints) -> Ints:
        author = self.author[self._run(index)]
        return np.where(index % 4_000 == 7, len(self.authors) - 1, author)

    def titles(self, rng: np.random.Generator, index: Ints, author: Ints) -> list[str]:
        titles = [self.title[run] for run in self._run(index).tolist()]
        for rest, words, books in (
            (7, self.rare, 1_000),
            (307, self.scarce, 10_000),
            (607, ["Revised"], len(self.rare) * 1_000),
        ):
            for row in np.flatnonzero(index % 1_000 == rest).tolist():
                titles[row] += f" {words[index[row] // books]}"
        return titles

    def _run(self, index: Ints) -> Ints:
        return np.searchsorted(self.starts, index, side="right") - 1


KINDS = {"natural": Natural, "tokens": Tokens, "unblanked": Unblanked, "runs": Runs}
