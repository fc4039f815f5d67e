"""Hosts with an Alembic history of their own, in files as their developers would write them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from alembic.config import Config

from pyramid_bookstore.db import migrations

ENV = """
from alembic import context
from sqlalchemy import engine_from_config

import host_models
{imports}
config = context.config
engine = engine_from_config(config.get_section("alembic"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=host_models.metadata{filter})
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""

MODELS = """
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
{imports}
metadata = MetaData()
Table("customers", metadata, Column("id", Integer, primary_key=True){more})
{orders}
"""

ORDERS = """
from pyramid_bookstore import Book

Table("orders", metadata, Column("id", Integer, primary_key=True),
      Column("book_id", ForeignKey(Book.id, name="orders_book_fkey"), nullable=False))
"""

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "shop_0001"
down_revision = None
branch_labels = ("shop",)
depends_on = None


def upgrade():
    op.create_table("customers", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("customers")
"""

#: A table with a foreign key into the bookstore's: its revision depends on the bookstore's.
DEPENDENT = """
import sqlalchemy as sa
from alembic import op

revision = "shop_0002"
down_revision = "shop_0001"
branch_labels = None
depends_on = "bookstore_0001"


def upgrade():
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("book_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["bookstore_books.id"], name="orders_book_fkey"),
    )


def downgrade():
    op.drop_table("orders")
"""

MAKO = """
import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
"""


class AlembicHost:
    """A folder with ``alembic.ini`` and one host's history; ``joint`` takes the bookstore's in."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        joint: bool = False,
        filtered: bool = True,
        dependent: bool = False,
        locations: str | None = None,
        separator: str = "newline",
    ) -> None:
        self.folder = folder
        self.versions = folder / "alembic" / "versions"
        self.versions.mkdir(parents=True)
        self.ini = folder / "alembic.ini"
        lines = ["[alembic]", "script_location = %(here)s/alembic", "prepend_sys_path = %(here)s"]
        lines += [f"path_separator = {separator}"]
        if joint:
            # In the checkout the revisions are not inside the package: the folder by its path.
            theirs = locations or str(migrations.script_location() / "versions")
            between = "\n    " if separator == "newline" else " "
            own = f"{between if separator == 'newline' else ''}%(here)s/alembic/versions"
            lines += [f"version_locations = {own}{between}{theirs}"]
        lines += ["sqlalchemy.url = " + url.replace("%", "%%")]
        self.ini.write_text("\n".join(lines) + "\n", encoding="utf-8")
        imports = "from pyramid_bookstore.db.migrations import include_object" if filtered else ""
        chosen = ", include_object=include_object" if filtered else ""
        self._write("alembic/env.py", ENV.format(imports=imports, filter=chosen))
        self._write("alembic/script.py.mako", MAKO)
        self._write("alembic/versions/shop_0001_first.py", FIRST)
        if dependent:
            self._write("alembic/versions/shop_0002_orders.py", DEPENDENT)
        self.models(orders=ORDERS if dependent else "")

    def models(self, *, more: str = "", orders: str = "") -> None:
        """The host's metadata; ``more`` are further columns of its table."""
        self._write("host_models.py", MODELS.format(imports="", more=more, orders=orders))

    def config(self) -> Any:
        """The Alembic configuration, for `alembic.command`; prints nothing on stdout."""
        return Config(self.ini, stdout=io.StringIO())

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text.lstrip("\n"), encoding="utf-8")
