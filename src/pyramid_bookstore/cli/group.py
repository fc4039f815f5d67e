"""Errors of all commands: one line on stderr, exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from alembic.util import CommandError
from pyramid.exceptions import ConfigurationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.cli.unreachable import unreachable
from pyramid_bookstore.db.diagnosis import UNREACHABLE
from pyramid_bookstore.db.dialects import all_dialects
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.removal import NotRemovable
from pyramid_bookstore.db.revision import MigrationRefused
from pyramid_bookstore.errors import BookstoreError

#: Errors that are no defect of this code; all others show a traceback.
EXPECTED = (
    BookstoreError,
    CommandError,
    ConfigurationError,
    LookupError,
    MigrationRefused,
    NotRemovable,
    OSError,
    SQLAlchemyError,
    UnicodeDecodeError,
)


class Group(click.Group):
    """A group of commands that prints errors for people."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _readable_errors():
            return super().make_context(*args, **extra)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its whole first sentence, which click cuts off at the end of the line."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=formatter.width * 3))
                    for name in self.list_commands(ctx)
                    if (command := self.get_command(ctx, name)) is not None
                ]
            )

    def invoke(self, ctx: click.Context) -> Any:
        with _readable_errors(ctx):
            return super().invoke(ctx)


@contextmanager
def _readable_errors(context: click.Context | None = None) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        # Click exits with 2 for these, which has another meaning for `import`.
        error.exit_code = 1  # type: ignore[misc]  # click reads it from the instance
        raise
    except BrokenPipeError:  # `bookstore … | head`: click ends without a word
        raise
    except Exception as error:
        if not isinstance(error, EXPECTED) and not _is_driver_error(error):
            raise
        ini = context.obj if context else None
        if diagnose(error) == UNREACHABLE and isinstance(ini, Ini):
            raise click.ClickException(_unreachable(ini, error)) from error
        raise click.ClickException(_line(error)) from error


def _is_driver_error(error: BaseException | None) -> bool:
    """Whether a database's driver raised it: `LeanReader` does not wrap it as SQLAlchemy does."""
    return error is not None and any(dialect.is_driver_error(error) for dialect in all_dialects())


def _unreachable(ini: Ini, error: Exception) -> str:
    settings, url = ini.database_settings, ini.engine().url
    message, advice = unreachable(settings, url, error)
    return f"{url.render_as_string()} (settings of {ini.uri}): {message} {advice}"


def _line(error: Exception) -> str:
    # The driver's message; SQLAlchemy's adds the statement and a link.
    cause = error.orig if isinstance(error, DBAPIError) else error
    if _is_driver_error(cause):
        return " ".join(str(cause).split())
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    if isinstance(error, KeyError):
        return f"There is no {error}."
    return str(error) or type(error).__name__
