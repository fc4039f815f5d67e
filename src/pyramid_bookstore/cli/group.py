"""How all commands fail: one line on stderr, exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from alembic.util import CommandError
from pyramid.exceptions import ConfigurationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pyramid_bookstore.db.dialects import all_dialects
from pyramid_bookstore.errors import BookstoreError

#: What goes wrong without a defect of ours; anything else shows its traceback.
EXPECTED = (
    BookstoreError,
    CommandError,
    ConfigurationError,
    LookupError,
    OSError,
    SQLAlchemyError,
    UnicodeDecodeError,
)


class Group(click.Group):
    """A group of commands whose errors are for people to read."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _readable_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _readable_errors():
            return super().invoke(ctx)


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        # Click exits with 2 for these, which `import` needs for a result of its own.
        error.exit_code = 1  # type: ignore[misc]  # click reads it from the instance
        raise
    except Exception as error:
        if not isinstance(error, EXPECTED) and not _of_a_driver(error):
            raise
        raise click.ClickException(_line(error)) from error


def _of_a_driver(error: BaseException | None) -> bool:
    """Whether a database's driver raised it: reads go past SQLAlchemy, which wraps such errors."""
    return error is not None and any(dialect.raised(error) for dialect in all_dialects())


def _line(error: Exception) -> str:
    # The driver's words; SQLAlchemy adds the statement and a link.
    said = error.orig if isinstance(error, DBAPIError) else error
    if _of_a_driver(said):
        return " ".join(str(said).split())
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    if isinstance(error, KeyError):
        return f"There is no {error}."
    return str(error) or type(error).__name__
