"""Generated covers: always the same for a book, in the colours of its author."""

import xml.etree.ElementTree as ET
from random import Random

import pytest

from storefront import covers
from storefront.covers import cover


def test_a_book_always_gets_the_same_cover():
    first = cover("Dune", "Frank Herbert")
    cover.cache_clear()
    assert cover("Dune", "Frank Herbert") == first


def test_covers_of_one_author_have_the_same_colours():
    palettes = {cover(title, "Ursula K. Le Guin").palette for title in "abcdefgh"}
    assert len(palettes) == 1


def test_covers_of_different_books_differ():
    drawn = {cover(f"Volume {number}", f"Author {number}").art for number in range(60)}
    assert len(drawn) == 60


@pytest.mark.parametrize("height", [190, 300])
@pytest.mark.parametrize("motif", covers.MOTIFS, ids=lambda motif: motif.__name__)
def test_every_motif_draws_valid_svg(motif, height):
    for seed in range(20):
        shapes = "".join(motif(Random(seed), height))
        root = ET.fromstring(f"<svg>{shapes}</svg>")
        assert {shape.get("class") for shape in root} <= set("abcg")
        assert "nan" not in shapes


def test_the_drawing_contains_no_text_of_title_or_author():
    assert "script" not in cover("<script>", "</svg>").art


@pytest.mark.parametrize(
    ("title", "size"),
    [("Dune", "xl"), ("", "xl"), ("The Left Hand", "xl"), ("Middlemarch", "m"), ("x" * 255, "s")],
)
def test_longer_titles_get_a_smaller_font_size(title, size):
    assert cover(title, "").size == size
