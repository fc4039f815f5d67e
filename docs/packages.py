"""The picture of the packages and their imports; `make packages` writes docs/packages.svg.

Rows are the layers of import-linter (pyproject.toml). An arrow is an import; those that follow from
others are left out.
"""

import ast
import tomllib
from html import escape
from pathlib import Path
from textwrap import wrap

from grimp import build_graph

TOP = Path(__file__).parents[1]
WIDTH, BOX, HEIGHT, ROW = 1000, 184, 64, 92
START = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} %d">
<style>
text {{ font: 10px sans-serif; text-anchor: middle }} .name {{ font: bold 13px sans-serif }}
rect {{ fill: #f5f2ea; stroke: #8a7f66 }} .paper {{ fill: white; stroke: none }}
path {{ fill: none; stroke: #5b7a99; marker-end: url(#head) }}
#head path {{ fill: #5b7a99; stroke: none; marker-end: none }}</style>
<marker id="head" markerWidth="7" markerHeight="7" refX="4" refY="3.5" orient="auto">
<path d="M0 0 7 3.5 0 7z"/></marker>
<rect class="paper" width="100%%" height="100%%"/>
"""


def layers():
    """The packages of each layer, the top one first."""
    tools = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    return [row.split(" | ") for row in tools["importlinter"]["contracts"][0]["layers"]]


def arrows(packages):
    """Pairs of packages, of which the first imports the second and no other that leads there."""
    graph = build_graph("pyramid_bookstore", cache_dir=None)
    leads, below = {package: set() for package in packages}, {}
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            ends = [*module.split(".")[1:2], *other.split(".")[1:2]]
            if len(ends) == 2 and ends[0] != ends[1]:
                leads[ends[0]].add(ends[1])
    for package in reversed(packages):  # what is lower is known by then
        below[package] = leads[package].union(*(below[other] for other in leads[package]))
        others = leads[package].difference(*(below[other] for other in leads[package]))
        yield from ((package, other) for other in sorted(others))


def purpose(package):
    """The first words of the package's docstring, in lines that fit into its box."""
    path = TOP / "src" / "pyramid_bookstore" / package
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    first = " ".join(said.split("\n\n")[0].replace("`", "").split())
    return wrap(first.rstrip("."), 36, max_lines=3, placeholder=" …")


def svg():
    rows, place, parts = layers(), {}, []
    for level, row in enumerate(rows):
        for number, package in enumerate(row):
            place[package] = (2 * number + 1) * WIDTH // (2 * len(row)), 8 + ROW * level
    for (x, y), (to, down) in ((place[a], place[b]) for a, b in arrows([*place])):
        aside, right = 150 * ((down - y) // ROW - 1), x + to >= WIDTH
        room_left = WIDTH - max(x, to) if right else min(x, to)
        aside = min(aside, 4 * room_left // 3) * (1 if right else -1)
        curve = f"C{x + aside} {y + HEIGHT + 30} {to + aside} {down - 30} {to} {down - 4}"
        parts.append(f'<path d="M{x} {y + HEIGHT} {curve}"/>')
    for package, (x, y) in place.items():
        parts.append(f'<rect x="{x - BOX // 2}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="6"/>')
        parts.append(f'<text class="name" x="{x}" y="{y + 17}">{package}</text>')
        for number, line in enumerate(purpose(package)):
            parts.append(f'<text x="{x}" y="{y + 32 + 12 * number}">{escape(line)}</text>')
    return START % (ROW * len(rows)) + "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(svg(), encoding="utf-8")
