"""What `bookstore check` looks at on SQLite: the file, its folder, and the journal."""

import os
from collections.abc import Iterator
from urllib.parse import quote

import sqlalchemy as sa

from pyramid_bookstore.db.dialects.sqlite_url import file_of, in_memory, is_read_only, uses_wal
from pyramid_bookstore.db.findings import Finding


def check_file(url: sa.URL) -> Iterator[Finding]:
    """SQLite creates its lock and log files beside the database."""
    if in_memory(url):
        return
    path = file_of(url)
    if is_read_only(url):
        yield Finding("ok", "file", "It is only read, as the URL says; changes are answered 503.")
        return
    if os.access(path.parent, os.W_OK):
        yield Finding("ok", "folder", f"{path.parent} can be written to.")
    else:
        yield Finding(
            "fault",
            "folder",
            f"{path.parent} cannot be written to, or is not there.",
            "SQLite needs to make files beside the database: give this user the right to. A file"
            " that nobody changes can be opened with"
            f" sqlite:///file:{quote(str(path))}?immutable=1&uri=true",
        )
    if path.exists() and not os.access(path, os.W_OK):
        yield Finding(
            "fault",
            "file",
            f"{path} cannot be written to: changes are answered 503.",
            f"Give this user the right to: chmod u+w {path}",
        )


def check_journal(url: sa.URL) -> Iterator[Finding]:
    """How readers and the writer get along."""
    if is_read_only(url):
        return
    if in_memory(url) or uses_wal(url):
        yield Finding("ok", "journal", "Readers and the writer do not wait for each other.")
        return
    yield Finding(
        "warning",
        "journal",
        "There is no write-ahead log (journal_mode is delete): readers and writers wait for each"
        " other.",
        "The service changes that when it starts. Where it does not: put the file where SQLite can"
        " share memory (no network drive).",
    )
