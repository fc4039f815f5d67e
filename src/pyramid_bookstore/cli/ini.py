"""The INI that ``-c`` names, read on first use."""

import configparser
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

import click
import plaster
from paste.deploy.loadwsgi import APP, loadcontext
from plaster import PlasterError
from pyramid.config import global_registries
from pyramid.paster import get_app
from sqlalchemy import Engine

from pyramid_bookstore.catalogue.declaration import from_settings, together
from pyramid_bookstore.catalogue.extra import ExtraRules
from pyramid_bookstore.catalogue.stock_options import StockOptions
from pyramid_bookstore.db.diagnosis import NOT_READY
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.inifile import app_settings, database_options, database_settings
from pyramid_bookstore.db.revision import require_current
from pyramid_bookstore.plugin.bookstore import stock_options
from pyramid_bookstore.plugin.probes import check_declared_fields
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.settings.reader import HOST_DATABASE, OWN_DATABASE
from pyramid_bookstore.web.mount import Mount

#: Of a file with another name; `pserve` would not read it either.
ENDS_IN_INI: Final = "settings are in a file whose name ends in .ini."

NONE_DECLARED: Final = (
    "None are declared here: bookstore.trade and bookstore.field.* are not set in INI or"
    " environment."
)


class Ini:
    """The settings of an INI, as text or checked, and an engine made from them."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def values(self) -> dict[str, str]:
        """The application's settings as text, overridden by the environment."""
        with self._readable():
            return app_settings(self.uri)

    def check_file(self) -> None:
        """Raises `click.ClickException` if no application can be loaded from the file."""
        # Once: to find out who reads such a file takes some tenths of a second.
        _ = self.values

    @cached_property
    def settings(self) -> Settings:
        """All settings, checked; raises `pyramid.exceptions.ConfigurationError`."""
        return Settings.from_mapping(self.values)

    @cached_property
    def database_settings(self) -> Settings:
        """Those of the database, checked; raises `pyramid.exceptions.ConfigurationError`."""
        return database_settings(self.values)

    @cached_property
    def has_one_process(self) -> bool:
        """Whether the INI's server is waitress, which has one process."""
        path = self.uri.partition("#")[0]
        return "waitress" in plaster.get_settings(path, "server:main").get("use", "")

    @cached_property
    def is_host(self) -> bool:
        """Whether the application is another one than the bookstore alone."""
        path, _, name = self.uri.partition("#")
        self.check_file()
        loaded = loadcontext(APP, f"config:{os.path.abspath(path)}", name=name or None)
        return getattr(loaded.object, "__module__", None) != "pyramid_bookstore.standalone"

    @cached_property
    def rules(self) -> ExtraRules:
        """What `extra` must be. A host says it in Python, so its application is loaded."""
        if self.is_host:
            with self.application() as registry:
                rules: ExtraRules = Mount.of(registry).rules
                return rules
        # No other setting is checked: an import needs no key for tokens.
        prefixes = (OWN_DATABASE, HOST_DATABASE, "bookstore.trade", "bookstore.field.")
        chosen = {name: each for name, each in self.values.items() if name.startswith(prefixes)}
        settings = Settings.from_mapping(chosen, [check_declared_fields])
        return ExtraRules(
            declared=together(from_settings(settings.trade, settings.declared, []), [])
        )

    @cached_property
    def stock(self) -> StockOptions:
        """Whether there are holds and a log; no other setting is checked."""
        prefixes = (OWN_DATABASE, HOST_DATABASE, "bookstore.holds", "bookstore.stock_log")
        chosen = {name: each for name, each in self.values.items() if name.startswith(prefixes)}
        return stock_options(Settings.from_mapping(chosen))

    @contextmanager
    def application(self) -> Iterator[Any]:
        """The registry of the INI's application, which is started as `pserve` would."""
        self.check_file()
        app = get_app(self.uri)
        # What wraps an application has no registry; Pyramid keeps the last one.
        registry = getattr(app, "registry", None) or global_registries.last
        try:
            yield registry
        finally:
            database = Mount.of(registry).database
            if database is not None:
                database.dispose()

    def engine(self) -> Engine:
        """An engine that keeps no connections; only the settings of the database are checked."""
        return make_one_time_engine(database_options(self.values))

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Report errors of the file in one line, without values: they may be secrets."""
        try:
            yield
        except FileNotFoundError as error:
            message = f"There is no {error.filename}; bookstore -c INI says where the settings are."
            raise click.ClickException(message) from error
        except configparser.Error as error:
            raise click.ClickException(_syntax_error(self.uri, error)) from error
        except (ImportError, AttributeError) as error:
            # The value of `use` is imported, though not called.
            message = f"{self.uri}: what `use` names there cannot be imported: {error}."
            raise click.ClickException(message) from error
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{self.uri} is not UTF-8: {error.reason}.") from error
        except PlasterError as error:  # for the file's name
            message = f"{self.uri}: {ENDS_IN_INI}"
            raise click.ClickException(message) from error


@contextmanager
def explain_missing_schema(engine: Engine) -> Iterator[None]:
    """If the work fails for a wrong schema, raise `Unavailable` with the command to migrate."""
    try:
        yield
    except Exception as error:
        # Not checked before: some work, such as an export, may succeed with another revision.
        if diagnose(error) == NOT_READY:
            with engine.connect() as connection:
                require_current(connection)
        raise


def _syntax_error(uri: str, error: configparser.Error) -> str:
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
