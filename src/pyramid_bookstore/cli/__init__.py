"""The command line: ``bookstore -c production.ini COMMAND``; one file for each command.

The file defines a `click.Command` named ``command``, which gets the `Ini` by ``@click.pass_obj``.
The group prints its errors as one line on stderr and exits with 1.
"""

import atexit
import gc

import click

from pyramid_bookstore.cli import (
    check,
    explain,
    export,
    import_,
    init,
    jwt_key,
    migrate,
    openapi,
    reindex,
    remove,
    sample,
    token,
)
from pyramid_bookstore.cli.group import Group
from pyramid_bookstore.cli.ini import Ini

# What is loaded is not collected piece by piece at the end of the process: a third of the time of
# a short command (0.7 of 2.2 s).
atexit.register(gc.freeze)


@click.group(cls=Group, name="bookstore")
@click.option(
    "-c",
    "--config",
    "uri",
    metavar="INI",
    type=click.Path(readable=False),
    default="production.ini",
    show_default=True,
    help="The INI file with the settings, or FILE#NAME for its section [app:NAME]. Environment"
    " variables BOOKSTORE_* override it.",
)
@click.version_option(package_name="pyramid_bookstore")
@click.pass_context
def main(context: click.Context, uri: str) -> None:
    """Manage a bookstore."""
    context.obj = Ini(uri)


for module in (
    migrate,
    import_,
    export,
    sample,
    openapi,
    check,
    reindex,
    explain,
    token,
    jwt_key,
    init,
    remove,
):
    main.add_command(module.command)
