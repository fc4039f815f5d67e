"""A cell of a megabyte is read in a moment: where the time grew with its square, it took hours."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest

from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.options import FeedOptions

LONG = 300_000
HEADER = b"isbn,other,title,author,price\n"
TWO = FeedOptions(columns={"isbn": ["isbn", "other"]}, ignore_unknown=True)


@pytest.mark.parametrize(
    "row",
    [
        b"1" + b".0" * LONG + b",,T,A,1",
        b" " * 3 * LONG + b"x,9783522202558,T,A,1",
        b"a" * 3 * LONG + b" \xff,,T,A,1",
        b'="' + b'""' * LONG + b"x,,T,A,1",
        b"9783522202558,,T,A," + b"1 " * LONG + b"x",
        b'9783522202558,,T,A,"' + b"1,111" * (LONG // 2) + b'x"',
    ],
    ids=["trailing zeros", "blanks", "a word before a wrong byte", "guards", "groups", "thousands"],
)
def test_a_long_cell_takes_no_time_with_the_square_of_its_length(row: bytes) -> None:
    with Intake(TWO) as intake, suppress(ValidationFailed):
        intake.read(io.BytesIO(HEADER + row + b"\n"), "csv")
        assert intake.rows == 1
