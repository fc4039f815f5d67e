"""docs/rooms.svg shows the rooms and their imports as they are; `make rooms` draws it again."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rooms():
    pytest.importorskip("grimp", reason="import-linter brings it: make lint")
    return runpy.run_path(str(DOCS / "rooms.py"))


def test_the_picture_is_up_to_date(rooms):
    drawn = (DOCS / "rooms.svg").read_text(encoding="utf-8")
    assert rooms["svg"]() == drawn, "make rooms"


def test_the_page_has_a_row_for_every_room_in_the_order_of_the_layers(rooms):
    described = re.findall(r"^\| `(\w+)/?` \|", PAGE, re.MULTILINE)
    assert described == [room for layer in rooms["layers"]() for room in layer]


def test_every_file_named_on_the_page_is_there():
    source = DOCS.parent / "src" / "pyramid_bookstore"
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not (source / name).exists()] == []
