"""Which tables Alembic's autogenerate compares, in a host's environment and in our own."""

from typing import Any

from pyramid_bookstore.db.base import BOOKS_TABLE, Base

#: Prefix of the names of all our tables, indexes and constraints.
PREFIX = "bookstore_"

# Objects of the migrations that the models do not have:
# - On SQLite `seq` is the integer primary key, to which the search index refers: without such a
#   column, VACUUM would renumber the rows. The model's primary key is `id`, for which a unique
#   constraint stands there.
# - The search's indexes on PostgreSQL need an extension, or are of a sample, by a function of the
#   id; the search says which there are.
_HIDDEN = {
    ("column", "seq"),
    ("unique_constraint", "bookstore_books_pkey"),
    ("index", "bookstore_books_search_idx"),
    ("index", "bookstore_books_sample_idx"),
    ("index", "bookstore_books_sample_isbn_idx"),
}


def include_object(
    _object: Any, name: str | None, type_: str, reflected: bool, compare_to: Any
) -> bool:
    """For a host's ``context.configure(include_object=...)``: ignores the bookstore's tables.

    They are in the host's database and not in its metadata, so autogenerate would write a
    migration that drops them. A host with a filter of its own calls this one from it.
    """
    unknown = type_ == "table" and reflected and compare_to is None
    return not (unknown and (name or "").startswith(PREFIX))


def own_objects(
    object_: Any, name: str | None, type_: str, reflected: bool, _compare_to: Any
) -> bool:
    """For our own environment: the models' tables only, without what models cannot declare."""
    if type_ == "table":
        return name in Base.metadata.tables
    ours = object_.table.name == BOOKS_TABLE
    return not (reflected and ours and (type_, name) in _HIDDEN)
