"""Drawn covers: the same for a book on every visit, in colours of its author."""

import xml.etree.ElementTree as ET
from random import Random

import pytest

from storefront import covers
from storefront.covers import cover


def test_a_book_keeps_its_cover():
    first = cover("Dune", "Frank Herbert")
    cover.cache_clear()
    assert cover("Dune", "Frank Herbert") == first


def test_books_of_an_author_stand_together():
    palettes = {cover(title, "Ursula K. Le Guin").palette for title in "abcdefgh"}
    assert len(palettes) == 1


def test_covers_differ():
    drawn = {cover(f"Volume {number}", f"Author {number}").art for number in range(60)}
    assert len(drawn) == 60


@pytest.mark.parametrize("height", [190, 300])
@pytest.mark.parametrize("motif", covers.MOTIFS, ids=lambda motif: motif.__name__)
def test_drawings_are_svg(motif, height):
    for seed in range(20):
        shapes = "".join(motif(Random(seed), height))
        root = ET.fromstring(f"<svg>{shapes}</svg>")
        assert {shape.get("class") for shape in root} <= set("abcg")
        assert "nan" not in shapes


def test_nothing_of_the_title_gets_into_the_drawing():
    assert "script" not in cover("<script>", "</svg>").art


@pytest.mark.parametrize(
    ("title", "size"),
    [("Dune", "xl"), ("", "xl"), ("The Left Hand", "xl"), ("Middlemarch", "m"), ("x" * 255, "s")],
)
def test_long_titles_are_set_smaller(title, size):
    assert cover(title, "").size == size
