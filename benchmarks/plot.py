"""SVG plots, written by hand so that they need no library and stay small in version control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = {
    "ours": "#b3261e",
    "ours_sqlite": "#e08b00",
    "fastapi_sqlalchemy": "#00695c",
    "fastapi_asyncpg": "#1a5fb4",
    "drf": "#6a4c93",
    # the kinds of catalogues
    "natural": "#b3261e",
    "tokens": "#1a5fb4",
    "unblanked": "#00695c",
    "runs": "#e08b00",
}
_DASHES = {"ours_sqlite": "6 3", "fastapi_asyncpg": "2 3", "drf": "8 3 2 3"}
_OTHERS = "#8d8d8d"
_FONT = "font-family='system-ui, sans-serif'"

Series = Mapping[str, Mapping[int, float]]


def _text(
    x: float, y: float, text: str, size: int = 12, anchor: str = "start", more: str = ""
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' {more}>"
        f"{escape(text)}</text>"
    )


def _document(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}'"
        f" width='{width:.0f}' height='{height:.0f}' role='img' {_FONT} fill='#1c1b1f'>"
        f"<title>{escape(title)}</title><rect width='100%' height='100%' fill='#ffffff'/>"
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def bars(
    title: str, unit: str, panels: Mapping[str, Mapping[str, float]], labels: Mapping[str, str]
) -> str:
    """One panel of horizontal bars per work, on a logarithmic axis common to all panels."""
    values = [value for rows in panels.values() for value in rows.values() if value > 0]
    low = 10 ** math.floor(math.log10(min(values) * 0.8))
    high = 10 ** math.ceil(math.log10(max(values)))
    left, right, row, width = 290, 80, 18, 960

    def place(value: float) -> float:
        share = math.log10(max(value, low) / low) / math.log10(high / low)
        return left + share * (width - left - right)

    parts = [_text(16, 26, title, 16, more="font-weight='600'")]
    y = 48.0
    top = y
    body: list[str] = []
    for work, rows in panels.items():
        body.append(_text(16, y + 14, work, 13, more="font-weight='600'"))
        y += 22
        for stack, value in rows.items():
            colour = COLOURS.get(stack, _OTHERS)
            body.append(_text(left - 8, y + 12, labels[stack], 11, "end"))
            body.append(
                f"<rect x='{left}' y='{y + 2:.1f}' width='{place(value) - left:.1f}'"
                f" height='{row - 5}' fill='{colour}'/>"
            )
            body.append(_text(place(value) + 5, y + 12, _number(value), 11))
            y += row
        y += 10
    decade = low
    while decade <= high * 1.001:
        x = place(decade)
        parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top}' y2='{y:.1f}' stroke='#e3e3e3'/>")
        parts.append(_text(x, y + 16, _number(decade), 11, "middle"))
        decade *= 10
    axis = _text((left + width - right) / 2, y + 36, unit, 12, "middle")
    return _document(width, y + 50, title, [*parts, *body, axis])


def _panel(
    x0: float,
    y0: float,
    size: tuple[float, float],
    name: str,
    series: Series,
    span: tuple[float, float],
    sizes: Sequence[int],
) -> list[str]:
    width, height = size
    low, high = span
    first, last = math.log10(min(sizes)), math.log10(max(sizes))

    def place(count: int, value: float) -> tuple[float, float]:
        across = (math.log10(count) - first) / ((last - first) or 1)
        up = math.log10(value / low) / math.log10(high / low)
        return x0 + across * width, y0 + height - up * height

    parts = [_text(x0, y0 - 8, name, 12, more="font-weight='600'")]
    decade = low
    while decade <= high * 1.001:
        _, y = place(sizes[0], decade)
        parts.append(
            f"<line x1='{x0:.1f}' x2='{x0 + width:.1f}' y1='{y:.1f}' y2='{y:.1f}'"
            " stroke='#e3e3e3'/>"
        )
        parts.append(_text(x0 - 6, y + 4, _number(decade), 10, "end"))
        decade *= 10
    for count in sizes:
        x, _ = place(count, low)
        parts.append(_text(x, y0 + height + 14, f"{count:,}", 10, "middle"))
    for stack, points in series.items():
        colour = COLOURS.get(stack, _OTHERS)
        spots = [place(count, value) for count, value in sorted(points.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        dash = f" stroke-dasharray='{_DASHES[stack]}'" if stack in _DASHES else ""
        parts.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'{dash}/>"
        )
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in spots]
    return parts


def lines(title: str, unit: str, panels: Mapping[str, Series], labels: Mapping[str, str]) -> str:
    """One small panel per work: cost (y) against the number of books (x), both logarithmic."""
    values = [v for series in panels.values() for line in series.values() for v in line.values()]
    span = (10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values))))
    sizes = sorted({n for series in panels.values() for line in series.values() for n in line})
    stacks = list(dict.fromkeys(stack for series in panels.values() for stack in series))
    columns, width, height, gap_x, gap_y = 2, 370.0, 170.0, 90.0, 64.0
    parts = [_text(16, 26, title, 16, more="font-weight='600'")]
    for number, stack in enumerate(stacks):
        x, y = 20 + 310 * (number % 3), 50 + 18 * (number // 3)
        dash = f" stroke-dasharray='{_DASHES[stack]}'" if stack in _DASHES else ""
        parts.append(
            f"<line x1='{x}' x2='{x + 28}' y1='{y - 4}' y2='{y - 4}' stroke-width='2'"
            f" stroke='{COLOURS.get(stack, _OTHERS)}'{dash}/>"
        )
        parts.append(_text(x + 34, y, labels[stack], 11))
    top = 84.0 + 18 * ((len(stacks) - 1) // 3)
    for number, (name, series) in enumerate(panels.items()):
        x0 = 70 + (number % columns) * (width + gap_x)
        y0 = top + (number // columns) * (height + gap_y)
        parts += _panel(x0, y0, (width, height), name, series, span, sizes)
        if number % columns == 0:
            middle = y0 + height / 2
            turn = f"transform='rotate(-90 18 {middle:.1f})'"
            parts.append(_text(18, middle, unit, 11, "middle", turn))
        parts.append(_text(x0 + width / 2, y0 + height + 30, "books", 11, "middle"))
    rows = -(-len(panels) // columns)
    return _document(
        70 + columns * (width + gap_x) - 40, top + rows * (height + gap_y), title, parts
    )
