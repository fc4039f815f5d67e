"""One declaration of the book's fields, from which all other parts are derived."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

import pyramid_bookstore
from pyramid_bookstore import Bookstore
from pyramid_bookstore.db.migrations import script_location
from pyramid_bookstore.db.revision import HEAD
from tests.support.catalogue import book_row, fill
from tests.support.filters import check_every_filter

CHECKOUT = Path(__file__).parents[2]

FIELDS = """
    label: Annotated[
        str | None,
        Field(
            Text(0, 120, nullable=True),
            "Who publishes it.",
            "Piper",
            default=None,
            filters=(Equals(),),
            folded=True,
            sort=True,
        ),
    ]
    weight: Annotated[
        int | None,
        Field(
            Integer(1, 30_000, nullable=True),
            "How thick it is.",
            300,
            default=None,
            filters=(Range(),),
        ),
    ]
"""

REVISION = f"""
import sqlalchemy as sa
from alembic import op

revision = "bookstore_9999"
down_revision = "{HEAD}"
branch_labels = None
depends_on = None
BOOKS = "bookstore_books"


def upgrade():
    folded = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    check = sa.CheckConstraint("length(label) <= 120", name="bookstore_books_label_check")
    op.add_column(BOOKS, sa.Column("label", sa.String(120), check))
    op.add_column(BOOKS, sa.Column("weight", sa.Integer()))
    op.add_column(
        BOOKS, sa.Column("label_folded", folded, nullable=False, server_default="")
    )
    op.create_index("bookstore_books_label_idx", BOOKS, ["label_folded", "id"])
"""


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_field_that_is_declared_once_works_in_every_part(database: str, tmp_path: Path) -> None:
    """An entry in ``fields.py``, a revision, and the revision's name: JSON in and out, filters,
    sorts, cursors, CSV, NDJSON, the description and `request.bookstore` have the field."""
    top = tmp_path / "copy"  # pyproject.toml knows the name: its coverage counts
    copy = top / "src" / "pyramid_bookstore"
    without = shutil.ignore_patterns("__pycache__", "migrations")
    shutil.copytree(Path(pyramid_bookstore.__file__).parent, copy, ignore=without)
    shutil.copytree(script_location(), top / "alembic", ignore=without)
    fields = copy / "catalogue" / "fields.py"
    before = "    #: The JSON text of `extra`"
    replace_in(fields, before, FIELDS + before)
    names = "from pyramid_bookstore.catalogue.field import Equals\n\n\n"
    replace_in(fields, "class BookData(", f"{names}class BookData(")
    replace_in(copy / "db" / "revision.py", HEAD, "bookstore_9999")
    (top / "alembic" / "versions" / "9999_tried.py").write_text(REVISION)
    environ = os.environ | {"PYTHONPATH": f"{top / 'src'}{os.pathsep}{CHECKOUT}"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.declared_field", database],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


def test_every_filter_and_every_pair_of_filters_finds_the_right_books(engine: Engine) -> None:
    """The filters are read from the declaration, so this test covers new ones too."""
    words = ("River", "Lantern", "Ämter", "本")
    fill(
        engine,
        [
            book_row(
                number,
                title=f"{words[number % 4]} {number}",
                author=f"{words[number % 3]} Larsson",
                price=1 + number % 5,
                stock=number % 3,
            )
            for number in range(60)
        ],
    )
    with Session(engine) as session:
        assert check_every_filter(Bookstore.on(session)) > 20
