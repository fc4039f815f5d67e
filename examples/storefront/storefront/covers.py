"""Covers for books without a picture: drawn from title and author, the same on every visit.

The author decides the colours, so that a writer's books stand together on the shelf; the title
decides motif and layout. Shapes carry classes (``g`` ground, ``a`` to ``c`` colours); what colours
those are is in ``static/covers.css``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from zlib import crc32

from markupsafe import Markup

PALETTES = 12
WIDTH = 200
_COLOURS = "abc"


@dataclass(frozen=True)
class Cover:
    """What a template needs to set a cover: classes, and the drawing as SVG elements."""

    palette: int
    layout: str
    size: str
    art: Markup
    height: int


@lru_cache(maxsize=4096)
def cover(title: str, author: str) -> Cover:
    """The cover of a book."""
    # Small differences in a checksum are small numbers; Random spreads them.
    random = Random(crc32(f"{author}\n{title}".encode()))
    palette = Random(crc32(author.encode())).randrange(PALETTES)
    motif = random.choice(MOTIFS)
    # A label in the middle would hide what such a motif has there.
    layout = random.choice(("top", "foot", "plate") if motif in ALL_OVER else ("top", "foot"))
    height = 300 if layout == "plate" else 190
    art = motif(random, height)
    return Cover(palette, layout, _size(title), Markup("".join(art)), height)


def _size(title: str) -> str:
    """How large the title can be set."""
    longest = max((len(word) for word in title.split()), default=0)
    if len(title) <= 14 and longest <= 8:
        return "xl"
    if len(title) <= 22 and longest <= 10:
        return "l"
    return "m" if len(title) <= 48 and longest <= 13 else "s"


def _circle(colour: str, x: float, y: float, radius: float) -> str:
    return f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'


def _box(colour: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{height:.1f}"/>'
    )


def _path(colour: str, path: str) -> str:
    return f'<path class="{colour}" d="{path}"/>'


def _shuffled(random: Random) -> list[str]:
    return random.sample(_COLOURS, 3)


def _sunset(random: Random, height: int) -> list[str]:
    first, second, third = _shuffled(random)
    x, y, radius = random.uniform(70, 130), height * 0.55, random.uniform(58, 76)
    shapes = [_circle(first, x, y, radius)]
    shapes += [_box("g", 0, y + 6 + 17 * i, WIDTH, 3 + 3 * i) for i in range(4)]
    shapes.append(_box(second, 0, height - 26, WIDTH, 26))
    shapes.append(_circle(third, x + random.choice((-62, 62)), height * 0.16, 10))
    return shapes


def _arches(random: Random, height: int) -> list[str]:
    colours = _shuffled(random)
    step = random.choice((16, 20, 24))
    shapes = []
    for centre in (50, 150) if random.random() < 0.5 else (100,):
        radius = 100.0 if centre == 100 else 50.0
        number = 0
        while radius > 6:
            colour = "g" if number % 2 else colours[(number // 2) % 3]
            shapes.append(
                _path(
                    colour,
                    f"M{centre - radius:.1f} {height}v{-height * 0.3:.1f}"
                    f"a{radius:.1f} {radius:.1f} 0 0 1 {2 * radius:.1f} 0v{height * 0.3:.1f}z",
                )
            )
            radius -= step * (0.6 if centre == 100 else 0.5)
            number += 1
    return shapes


def _waves(random: Random, height: int) -> list[str]:
    colours = _shuffled(random)
    rows = random.randint(5, 7)
    length = random.choice((50, 66.67, 100))
    shapes = []
    for row in range(rows):
        top = height * (0.14 + 0.86 * row / rows)
        swell = random.uniform(8, 15)
        path = f"M{-length * random.random():.1f} {top:.1f}"
        path += f"q{length / 4:.1f} {-2 * swell:.1f} {length / 2:.1f} 0"
        path += f"t{length / 2:.1f} 0" * (2 * math.ceil(2 * WIDTH / length))
        shapes.append(_path("g" if row % 4 == 3 else colours[row % 3], f"{path}V{height}H-100z"))
    return shapes


def _tiles(random: Random, height: int) -> list[str]:
    size = random.choice((40, 50))
    quarters = (
        "M{x} {y}h{s}a{s} {s} 0 0 1 -{s} {s}z",
        "M{r} {y}v{s}a{s} {s} 0 0 1 -{s} -{s}z",
        "M{r} {b}h-{s}a{s} {s} 0 0 1 {s} -{s}z",
        "M{x} {b}v-{s}a{s} {s} 0 0 1 {s} {s}z",
    )
    shapes = []
    for row in range(math.ceil(height / size)):
        for column in range(WIDTH // size):
            if random.random() < 0.08:
                continue
            x, y = column * size, row * size
            quarter = random.choice(quarters)
            shapes.append(
                _path(
                    random.choice(_COLOURS),
                    quarter.format(x=x, y=y, r=x + size, b=y + size, s=size),
                )
            )
    return shapes


def _hills(random: Random, height: int) -> list[str]:
    sky, *hills = _shuffled(random)
    shapes = [_circle(sky, random.uniform(40, 160), height * 0.3, random.uniform(18, 30))]
    for number, colour in enumerate((*hills, sky)):
        left, middle, right = (
            height * (0.42 + 0.19 * number) + random.uniform(-16, 16) for _ in range(3)
        )
        shapes.append(
            _path(
                colour,
                f"M0 {left:.1f}C40 {left - 42:.1f} 70 {middle - 30:.1f} 105 {middle:.1f}"
                f"S170 {right + 22:.1f} 200 {right:.1f}V{height}H0z",
            )
        )
    return shapes


def _dots(random: Random, height: int) -> list[str]:
    colour, other, _ = _shuffled(random)
    step = 20
    x0, y0 = random.choice((0, WIDTH)), random.choice((0, height))
    reach = math.hypot(WIDTH, height)
    shapes = []
    for row in range(height // step):
        for column in range(WIDTH // step):
            x, y = (column + 0.5) * step, (row + 0.5) * step
            radius = 1 + 9.5 * (1 - math.hypot(x - x0, y - y0) / reach)
            shapes.append(_circle(other if (row + column) % 7 == 3 else colour, x, y, radius))
    return shapes


def _rings(random: Random, height: int) -> list[str]:
    colours = _shuffled(random)
    x, y = random.uniform(30, 170), height * random.uniform(0.4, 0.9)
    radii = range(150, 8, -random.choice((14, 18, 22)))
    return [
        _circle("g" if number % 2 else colours[number // 2 % 3], x, y, radius)
        for number, radius in enumerate(radii)
    ]


def _blocks(random: Random, height: int) -> list[str]:
    shapes: list[str] = []

    def split(x: float, y: float, width: float, tall: float, depth: int) -> None:
        if depth == 0 or min(width, tall) < 34:
            shapes.append(_box(random.choice("abcg"), x, y, width - 3, tall - 3))
            return
        part = random.uniform(0.35, 0.65)
        if width > tall:
            split(x, y, width * part, tall, depth - 1)
            split(x + width * part, y, width * (1 - part), tall, depth - 1)
        else:
            split(x, y, width, tall * part, depth - 1)
            split(x, y + tall * part, width, tall * (1 - part), depth - 1)

    split(0, 0, WIDTH + 3, height + 3, 4)
    return shapes


def _petals(random: Random, height: int) -> list[str]:
    first, second, third = _shuffled(random)
    number = random.choice((6, 8, 10, 12))
    x, y, length = 100, height * 0.5, random.uniform(34, 44)
    shapes = []
    for ring, (colour, scale) in enumerate(((first, 1.0), (second, 0.62))):
        for petal in range(number):
            turn = 360 / number * (petal + ring / 2)
            shapes.append(
                f'<ellipse class="{colour}" cx="{x}" cy="{y - length * scale:.1f}"'
                f' rx="{length * scale * 4.2 / number:.1f}" ry="{length * scale:.1f}"'
                f' transform="rotate({turn:.1f} {x} {y:.1f})"/>'
            )
    return [*shapes, _circle(third, x, y, 11)]


def _rays(random: Random, height: int) -> list[str]:
    first, second, third = _shuffled(random)
    x, y = random.choice((0, 100, 200)), random.choice((height, height * 0.62))
    number = random.choice((24, 32))
    shapes = []
    for ray in range(0, number, 2):
        ends = (2 * math.pi * (ray + offset) / number for offset in (0, 1))
        points = " ".join(
            f"L{x + 400 * math.cos(end):.1f} {y + 400 * math.sin(end):.1f}" for end in ends
        )
        shapes.append(_path(second if ray % 8 == 0 else first, f"M{x} {y:.1f}{points}z"))
    return [*shapes, _circle(third, x, y, random.uniform(34, 50))]


def _stripes(random: Random, height: int) -> list[str]:
    colours = _shuffled(random)
    shapes, x, number = [], -4.0, 0
    while x < WIDTH:
        width = random.uniform(8, 30)
        shapes.append(_box(colours[number % 3], x, 0, width, height))
        x, number = x + width + random.choice((3, 6, 12)), number + 1
    radius = random.uniform(36, 52)
    shapes.append(_circle("g", 100, height / 2, radius))
    return [*shapes, _circle(colours[0], 100, height / 2, radius * 0.55)]


Motif = Callable[[Random, int], list[str]]
MOTIFS: tuple[Motif, ...] = (
    _sunset, _arches, _waves, _tiles, _hills, _dots, _rings, _blocks, _petals, _rays, _stripes,
)  # fmt: skip
ALL_OVER: frozenset[Motif] = frozenset({_waves, _tiles, _dots, _rings, _blocks, _rays})
