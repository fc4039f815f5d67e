"""Which tables Alembic's autogenerate looks at: a host's environment, and our own."""

from typing import Any

from pyramid_bookstore.db.base import Base

#: What the names of all our tables, indexes and constraints begin with.
PREFIX = "bookstore_"

# On SQLite a row has a number of its own, `seq`, which the search index refers to: SQLite renumbers
# rows at VACUUM unless they have such a column, and a UUID can be none. It is no business of the
# model's, whose primary key is `id`; there `id` is held unique by a constraint that stands for
# that primary key.
#
# The GIN indexes of PostgreSQL rest on an extension and a function, which models do not make.
_HIDDEN = {
    ("column", "seq"),
    ("unique_constraint", "bookstore_books_pkey"),
    ("index", "bookstore_books_search_idx"),
    ("index", "bookstore_books_sample_idx"),
}


def include_object(
    _object: Any, name: str | None, type_: str, reflected: bool, compare_to: Any
) -> bool:
    """For a host's ``context.configure(include_object=...)``: passes over the bookstore's tables.

    They are in the host's database and not in its metadata, so that autogenerate would write a
    migration that drops them. A host with a filter of its own calls this one from it.
    """
    unknown = type_ == "table" and reflected and compare_to is None
    return not (unknown and (name or "").startswith(PREFIX))


def own_objects(
    object_: Any, name: str | None, type_: str, reflected: bool, _compare_to: Any
) -> bool:
    """For our own environment: the models' tables alone, without a database's own additions."""
    if type_ == "table":
        return name in Base.metadata.tables
    ours = object_.table.name == "bookstore_books"
    return not (reflected and ours and (type_, name) in _HIDDEN)
