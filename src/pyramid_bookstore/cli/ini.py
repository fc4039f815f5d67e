"""The INI that ``-c`` names, read when a command first needs it."""

import configparser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import click
from plaster import PlasterError
from pyramid.paster import get_appsettings
from sqlalchemy import Engine

from pyramid_bookstore.db.diagnosis import NOT_READY
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.inifile import app_settings, database_options
from pyramid_bookstore.db.revision import require_current
from pyramid_bookstore.settings import Settings


class Ini:
    """What a command can know: plain settings, checked settings, an engine."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def values(self) -> dict[str, str]:
        """The application's settings as they stand there, the environment's put over them."""
        with self._readable():
            return app_settings(self.uri)

    def check_file(self) -> None:
        """Refuse a file that no application can be loaded from, whatever its settings are."""
        with self._readable():
            get_appsettings(self.uri)

    @cached_property
    def settings(self) -> Settings:
        """All settings, checked; raises `pyramid.exceptions.ConfigurationError`."""
        return Settings.from_mapping(self.values)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine on the database, which is all of the settings that is looked at."""
        engine = make_one_time_engine(database_options(self.values))
        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Says in one line what is wrong with the file, and no value: it may be a secret."""
        try:
            yield
        except FileNotFoundError as error:
            message = f"There is no {error.filename}; bookstore -c INI says where the settings are."
            raise click.ClickException(message) from error
        except configparser.Error as error:
            raise click.ClickException(_of_syntax(self.uri, error)) from error
        except (ImportError, AttributeError) as error:
            # What `use` names is imported, though nothing is called.
            message = f"{self.uri}: what `use` names there cannot be imported: {error}."
            raise click.ClickException(message) from error
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{self.uri} is not UTF-8: {error.reason}.") from error
        except PlasterError as error:  # the name tells no format
            message = f"{self.uri}: settings are in a file whose name ends in .ini."
            raise click.ClickException(message) from error


@contextmanager
def set_up(engine: Engine) -> Iterator[None]:
    """Where what is done here finds tables missing, say to run the migrations, and how."""
    try:
        yield
    except Exception as error:
        # Asked for afterwards: what works with another revision, as an export may, need not fail.
        if diagnose(error) == NOT_READY:
            with engine.connect() as connection:
                require_current(connection)
        raise


def _of_syntax(uri: str, error: configparser.Error) -> str:
    if isinstance(error, configparser.InterpolationError):
        return (
            f"{uri}: {error.option} in [{error.section}]: write %% for a percent sign; %(name)s is"
            " the value of another setting."
        )
    if isinstance(error, configparser.MissingSectionHeaderError):
        return (
            f"{error.source}, line {error.lineno}: settings stand below a section, as [app:main]."
        )
    if isinstance(error, configparser.ParsingError):
        line = getattr(error, "lineno", None) or error.errors[0][0]
        return f"{error.source}, line {line}: this is neither a [section] nor name = value."
    return " ".join(str(error).split())
