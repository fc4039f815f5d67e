"""The cells of declared fields: memory is that of a page, whatever the books have in them."""

from __future__ import annotations

import tracemalloc

from pyramid_bookstore.catalogue.declared import Declared, declare
from pyramid_bookstore.feeds.columns import Members


def test_long_cells_are_not_kept() -> None:
    members = Members(Declared({"subjects": declare("subjects", "texts", ())}))
    tracemalloc.start()
    try:
        for number in range(300):
            members.of_cells([("subjects", "; ".join(f"{number} {n:0100}" for n in range(100)))])
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()
