"""What a database URL of SQLite means."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import sqlalchemy as sa


def in_memory(url: sa.URL) -> bool:
    """Whether the database exists in a single connection only."""
    return url.database in (None, "", ":memory:") or "mode=memory" in (url.database or "")


def file_of(url: sa.URL) -> Path:
    """The file of a database that is not in memory; the URL has its path, or a ``file:`` URI."""
    name = url.database or ""
    return Path(unquote(urlsplit(name).path) if _is_uri(url) else name).absolute()


def is_read_only(url: sa.URL) -> bool:
    """Whether the URL itself says that the file is only read."""
    return _is_uri(url) and (url.query.get("mode") == "ro" or "immutable" in url.query)


def read_only(url: sa.URL) -> sa.URL:
    """A database in a file, of which nothing can be changed, not even the journal mode."""
    name = url.database or ""
    uri = name if _is_uri(url) else f"file:{quote(os.path.abspath(name))}"
    only = {"mode": "ro", "uri": "true"}
    if not Path(f"{file_of(url)}-wal").exists():
        # Nobody has it open for writing. Without this, SQLite makes files beside it to read it.
        only["immutable"] = "1"
    return url.set(database=uri, query={**url.query, **only})


def uses_wal(url: sa.URL) -> bool:
    """Whether the file has a write-ahead log, by its header (sqlite.org/fileformat2, 1.3.3): for
    what is read as immutable, PRAGMA journal_mode does not say so."""
    with file_of(url).open("rb") as file:
        return file.read(20)[18:] == b"\2\2"


def _is_uri(url: sa.URL) -> bool:
    return (url.database or "").startswith("file:") and "uri" in url.query
