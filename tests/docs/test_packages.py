"""docs/packages.svg shows the packages and their imports; `make packages` draws it again."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def packages():
    pytest.importorskip("grimp", reason="import-linter brings it: make lint")
    return runpy.run_path(str(DOCS / "packages.py"))


def test_the_picture_is_up_to_date(packages):
    drawn = (DOCS / "packages.svg").read_text(encoding="utf-8")
    assert packages["svg"]() == drawn, "make packages"


def test_the_page_has_a_row_for_every_room_in_the_order_of_the_layers(packages):
    described = re.findall(r"^\| `(\w+)/?` \|", PAGE, re.MULTILINE)
    assert described == [package for layer in packages["layers"]() for package in layer]


def test_every_file_named_on_the_page_is_there():
    source = DOCS.parent / "src" / "pyramid_bookstore"
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not (source / name).exists()] == []
