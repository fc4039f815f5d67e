"""A lifelike catalogue of any size, the same for the same seed: a million books in seconds.

    python benchmarks/generate.py 1000000 > books.csv

Mixed scripts and accents, authors who share the shelf unevenly, words drawn with a skew, valid
unique ISBN-13 (978 and 979), prices, stock, some descriptions, and creation times spread over
five years with version 7 UUIDs (RFC 9562) that agree with them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from words import LANGUAGES, SENTENCES, SYLLABLES

CHUNK = 50_000
START = np.datetime64("2020-01-01T00:00:00", "us").astype(np.int64)
SPAN = 5 * 365 * 86_400 * 1_000_000  # microseconds
CSV_HEADER = ("title", "author", "isbn", "price", "stock", "description")

# 978 with any nine digits, and 979-1…: 979-0 belongs to printed music (ISMN), not to books.
_ISBN_SPACE = 1_100_000_000
_ISBN_STEP = 777_777_773  # coprime to the space: i -> i * step + shift visits each number once
_COINED_STEP = 5_555_551

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Books:
    """Columns of equal length, oldest book first."""

    id: list[str]  # canonical text form
    title: list[str]
    author: list[str]
    isbn: list[str]
    cents: list[int]
    stock: list[int]
    description: list[str | None]
    created_at: list[int]  # microseconds since 1970, UTC
    updated_at: list[int]

    def __len__(self) -> int:
        return len(self.id)

    def rows(self) -> Iterator[tuple[object, ...]]:
        return zip(*(getattr(self, field.name) for field in fields(self)), strict=True)

    def prices(self) -> list[str]:
        """Prices as exact decimal text."""
        return [f"{cents // 100}.{cents % 100:02d}" for cents in self.cents]


def isbns(first: int, count: int, seed: int = 1) -> list[str]:
    """ISBN-13 number `first` to `first + count - 1` of the seed's sequence; no two are equal."""
    shift = seed * 104_729 % _ISBN_SPACE
    number = (np.arange(first, first + count, dtype=np.int64) * _ISBN_STEP + shift) % _ISBN_SPACE
    body = np.where(number < 10**9, 978 * 10**9 + number, 979 * 10**9 + 10**8 + number - 10**9)
    weighted = np.zeros(count, np.int64)
    for place in range(12):  # weight 3 for the last digit of the body, then 1, 3, 1, …
        weighted += body // 10**place % 10 * (3 if place % 2 == 0 else 1)
    return [str(value) for value in (body * 10 + -weighted % 10).tolist()]


def coined_words(count: int) -> list[str]:
    """`count` different words of four syllables that no vocabulary holds."""
    base = len(SYLLABLES)
    space = base**4
    words = []
    for index in range(count):
        number, word = index * _COINED_STEP % space, ""
        for _ in range(4):
            number, syllable = divmod(number, base)
            word += SYLLABLES[syllable]
        words.append(word.capitalize())
    return words


def rare_words(count: int) -> list[str]:
    """The coined words in the titles of a catalogue of `count` books: each in about three."""
    return coined_words(max(20, count // 10))


def _zipf(size: int) -> NDArray[np.float64]:
    weight = 1.0 / np.arange(1, size + 1)
    return np.asarray(weight / weight.sum(), np.float64)


class _Catalogue:
    """What all chunks share: the authors (with their language) and the rare words."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 0])
        size = max(20, count // 6)
        self.language = rng.choice(len(LANGUAGES), size, p=[lang.share for lang in LANGUAGES])
        self.rare = rare_words(count)
        coined = coined_words(2 * len(self.rare))[len(self.rare) :]
        given, family, extra = rng.random((3, size))
        self.authors: list[str] = []
        for index, number in enumerate(self.language.tolist()):
            lang = LANGUAGES[number]
            last = lang.family[int(family[index] * len(lang.family))]
            first = lang.given[int(given[index] * len(lang.given))]
            if not lang.joiner:
                self.authors.append(last + first)
                continue
            if extra[index] < 0.5:  # most families are not in the list
                last = coined[int(extra[index] * 2 * len(coined))]
            elif extra[index] < 0.6:
                first += f" {chr(65 + int(extra[index] * 1000) % 26)}."
            self.authors.append(f"{first} {last}")


def _titles(rng: np.random.Generator, language: Ints, rare: list[str], index: Ints) -> list[str]:
    titles = [""] * len(language)
    coined = rng.random(len(language)) < 0.3
    pick = rng.integers(0, len(rare), len(language))
    for number, lang in enumerate(LANGUAGES):
        rows = np.flatnonzero(language == number)
        draw = rng.choice(len(lang.words), (len(rows), 6), p=_zipf(len(lang.words)))
        length = rng.integers(2, 7, len(rows))
        for row, words, size in zip(rows.tolist(), draw.tolist(), length.tolist(), strict=True):
            title = lang.joiner.join([lang.words[word] for word in words[:size]])
            title = title[0].upper() + title[1:]
            if coined[row]:
                title = f"{title} {rare[pick[row]]}"
            elif index[row] % 17 == 0:
                title = f"{title}, {index[row] % 9 + 1}"
            titles[row] = title
    return titles


def _descriptions(rng: np.random.Generator, count: int) -> list[str | None]:
    size = np.where(rng.random(count) < 0.35, rng.integers(1, 5, count), 0)
    draw = rng.integers(0, len(SENTENCES), (count, 4))
    return [
        " ".join([SENTENCES[number] for number in numbers[:length]]) if length else None
        for numbers, length in zip(draw.tolist(), size.tolist(), strict=True)
    ]


def _uuids(rng: np.random.Generator, created: Ints) -> list[str]:
    """Version 7 UUIDs (RFC 9562, 5.7): 48 bits of milliseconds, the rest random."""
    high = rng.integers(0, 1 << 12, len(created)) | 0x7000
    variant = rng.integers(0, 1 << 14, len(created)) | 0x8000
    node = rng.integers(0, 1 << 48, len(created))
    stamps = [f"{value:012x}" for value in (created // 1000).tolist()]
    return [
        f"{stamp[:8]}-{stamp[8:]}-{a:04x}-{b:04x}-{c:012x}"
        for stamp, a, b, c in zip(
            stamps, high.tolist(), variant.tolist(), node.tolist(), strict=True
        )
    ]


def generate(count: int, seed: int = 1, first_isbn: int = 0) -> Iterator[Books]:
    """Yield `count` books in chunks of at most 50,000, oldest first.

    `first_isbn` moves the ISBNs on, for books that must not collide with others of the same seed.
    """
    shared = _Catalogue(count, seed)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        rng = np.random.default_rng([seed, 1, first_isbn, start])
        index = np.arange(start, start + size, dtype=np.int64)
        # the square favours the first authors: a few have very many books, most have a handful
        author = (rng.random(size) ** 2 * len(shared.authors)).astype(np.int64)
        created = START + ((index + rng.random(size)) / count * SPAN).astype(np.int64)
        changed = (rng.random(size) < 0.3) * rng.integers(1, 30 * 86_400 * 1_000_000, size)
        units = np.minimum(rng.lognormal(2.8, 0.6, size), 900).astype(np.int64)
        endings = rng.choice([99, 95, 90, 50, 49, 0], size, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
        cents = units * 100 + endings
        stock = np.where(rng.random(size) < 0.12, 0, rng.geometric(0.04, size))
        cents[(stock == 0) & (rng.random(size) < 0.01)] = 0  # free books, never in stock
        yield Books(
            id=_uuids(rng, created),
            title=_titles(rng, shared.language[author], shared.rare, index),
            author=[shared.authors[number] for number in author.tolist()],
            isbn=isbns(first_isbn + start, size, seed),
            cents=np.where((cents == 0) & (stock > 0), 99, cents).tolist(),
            stock=stock.tolist(),
            description=_descriptions(rng, size),
            created_at=created.tolist(),
            updated_at=(created + changed).tolist(),
        )


def write_csv(stream: object, count: int, seed: int = 1) -> None:
    """Write `count` books to a text stream as CSV with the writable fields of a book."""
    writer = csv.writer(stream, lineterminator="\n")  # type: ignore[arg-type]  # any text stream
    writer.writerow(CSV_HEADER)
    for books in generate(count, seed):
        columns = (books.title, books.author, books.isbn, books.prices(), books.stock)
        writer.writerows(zip(*columns, books.description, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a generated catalogue as CSV.")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a real stdout
    write_csv(sys.stdout, options.count, options.seed)


if __name__ == "__main__":
    main()
