"""A catalogue of any size, the same for the same seed: a million books in seconds.

    python benchmarks/generate.py 1000000 > books.csv
    python benchmarks/generate.py 1000000 --kind runs > books.csv

Titles and authors are of one of the kinds in `titles.py`; the natural ones look like a real
catalogue. Valid unique ISBN-13 (978 and 979; one after the other where the titles are not natural),
prices, stock, some descriptions, and creation times spread over five years with version 7 UUIDs
(RFC 9562) that agree with them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from titles import KINDS, Ints
from words import SENTENCES

CHUNK = 50_000
START = np.datetime64("2020-01-01T00:00:00", "us").astype(np.int64)
SPAN = 5 * 365 * 86_400 * 1_000_000  # microseconds
CSV_HEADER = ("title", "author", "isbn", "price", "stock", "description")

# 978 with any nine digits, and 979-1…: 979-0 belongs to printed music (ISMN), not to books.
_ISBN_SPACE = 1_100_000_000
_ISBN_STEP = 777_777_773  # coprime to the space: i -> i * step + shift visits each number once


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


def isbns(first: int, count: int, seed: int = 1, *, scattered: bool = True) -> list[str]:
    """ISBN-13 number `first` to `first + count - 1` of the seed's sequence; no two are equal.

    Those that are not scattered follow each other from 978-0-00-000000-2 on, whatever the seed.
    """
    number = np.arange(first, first + count, dtype=np.int64)
    if scattered:
        number = (number * _ISBN_STEP + seed * 104_729) % _ISBN_SPACE
    body = np.where(number < 10**9, 978 * 10**9 + number, 979 * 10**9 + 10**8 + number - 10**9)
    weighted = np.zeros(count, np.int64)
    for place in range(12):  # weight 3 for the last digit of the body, then 1, 3, 1, …
        weighted += body // 10**place % 10 * (3 if place % 2 == 0 else 1)
    return [str(value) for value in (body * 10 + -weighted % 10).tolist()]


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


def generate(
    count: int, seed: int = 1, first_isbn: int = 0, kind: str = "natural"
) -> Iterator[Books]:
    """Yield `count` books in chunks of at most 50,000, oldest first.

    `first_isbn` moves the ISBNs on, for books that must not collide with others of the same seed.
    """
    shared = KINDS[kind](count, seed, first_isbn)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        rng = np.random.default_rng([seed, 1, first_isbn, start])
        index = np.arange(start, start + size, dtype=np.int64)
        author = shared.author_of(rng, index)
        created = START + ((index + rng.random(size)) / count * SPAN).astype(np.int64)
        changed = (rng.random(size) < 0.3) * rng.integers(1, 30 * 86_400 * 1_000_000, size)
        units = np.minimum(rng.lognormal(2.8, 0.6, size), 900).astype(np.int64)
        endings = rng.choice([99, 95, 90, 50, 49, 0], size, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
        cents = units * 100 + endings
        stock = np.where(rng.random(size) < 0.12, 0, rng.geometric(0.04, size))
        cents[(stock == 0) & (rng.random(size) < 0.01)] = 0  # free books, never in stock
        cents[index < shared.old] += 100_000
        yield Books(
            id=_uuids(rng, created),
            title=shared.titles(rng, index, author),
            author=[shared.authors[number] for number in author.tolist()],
            isbn=isbns(first_isbn + start, size, seed, scattered=kind == "natural"),
            cents=np.where((cents == 0) & (stock > 0), 99, cents).tolist(),
            stock=stock.tolist(),
            description=_descriptions(rng, size),
            created_at=created.tolist(),
            updated_at=(created + changed).tolist(),
        )


def write_csv(stream: object, count: int, seed: int = 1, kind: str = "natural") -> None:
    """Write `count` books to a text stream as CSV with the writable fields of a book."""
    writer = csv.writer(stream, lineterminator="\n")  # type: ignore[arg-type]  # any text stream
    writer.writerow(CSV_HEADER)
    for books in generate(count, seed, kind=kind):
        columns = (books.title, books.author, books.isbn, books.prices(), books.stock)
        writer.writerows(zip(*columns, books.description, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a generated catalogue as CSV.")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, default="natural")
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a real stdout
    write_csv(sys.stdout, options.count, options.seed, options.kind)


if __name__ == "__main__":
    main()
