"""Text search: folding, and how each database finds terms."""

from pyramid_bookstore.search.base import Search
from pyramid_bookstore.search.postgresql import PostgreSQLSearch
from pyramid_bookstore.search.sqlite import SQLiteSearch

#: By SQLAlchemy's name of the database.
SEARCHES: dict[str, type[Search]] = {"postgresql": PostgreSQLSearch, "sqlite": SQLiteSearch}
