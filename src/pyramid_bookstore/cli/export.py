"""``bookstore export``"""

import os
import sys
from collections.abc import Callable
from typing import get_args

import click
from sqlalchemy import select

from pyramid_bookstore.catalogue.query import FilterParameters
from pyramid_bookstore.catalogue.shapes import TOTAL
from pyramid_bookstore.cli.ini import Ini, explain_missing_schema
from pyramid_bookstore.cli.numbers import counted
from pyramid_bookstore.cli.pairs import pairs_of
from pyramid_bookstore.cli.progress import bar
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_reading_engine
from pyramid_bookstore.db.inifile import database_options
from pyramid_bookstore.db.query import LeanReader, Query
from pyramid_bookstore.feeds.exporter import export
from pyramid_bookstore.feeds.files import PIPE, format_of, target
from pyramid_bookstore.feeds.intake import ExportFormat
from pyramid_bookstore.feeds.movement_feed import movements_csv
from pyramid_bookstore.feeds.schema import parse_export
from pyramid_bookstore.values.parameters import Flag

_ALL = Query(select(TOTAL.label("total")))


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each filter of the list."""
    for node in reversed(FilterParameters().children):
        kind = click.Choice(["true", "false"]) if isinstance(node.typ, Flag) else str
        name = f"--{node.name.replace('_', '-')}"
        command = click.option(name, type=kind, help=node.description.replace("`", ""))(command)
    return command


@click.command("export")
@click.argument("file", type=click.Path(readable=False, allow_dash=True))
@_filters
@click.option(
    "--filter",
    "more",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs_of,
    help="A filter of a declared field, named as the list's parameter.",
)
@click.option(
    "--format",
    type=click.Choice(get_args(ExportFormat)),
    help="The format, if the file's name does not have it; csv by default for -.",
)
@click.option(
    "--bom", is_flag=True, help="Begin CSV with a byte order mark, by which Excel knows UTF-8."
)
@click.option(
    "--movements",
    is_flag=True,
    help="Write the movements of the stock instead, as CSV; needs bookstore.stock_log.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    file: str,
    format: ExportFormat | None,
    bom: bool,
    movements: bool,
    more: dict[str, str],
    **filters: str | None,
) -> None:
    """Write the books to FILE, the oldest first, in a format that `import` reads.

    The file's name has the format: .csv, .ndjson (.jsonl) or .xlsx, compressed with .gz;
    other names need --format. - is standard output. An existing file is replaced when the
    new one is complete.

    \b
    bookstore export books.csv.gz
    bookstore export - --format ndjson --in-stock true | jq .title
    """
    ini: Ini = context.obj
    given = [(name, value) for name, value in filters.items() if value is not None]
    chosen = _format(file, format)
    if movements and (given or more or chosen != "csv"):
        raise click.ClickException(
            "Movements are written all, and as CSV: no filter, no --format but csv, no name that"
            " ends otherwise than in .csv."
        )
    if movements and not ini.stock.log:
        raise click.ClickException(
            "Movements are written down only with the setting bookstore.stock_log = true."
        )
    declared = ini.rules.declared
    form = [("format", chosen), ("bom", str(bom).lower())]
    query = parse_export([*given, *more.items(), *form], declared)
    engine = make_reading_engine(database_options(ini.values))
    try:
        with explain_missing_schema(engine), target(file) as opened:
            reader = LeanReader(engine, dialect_named(engine.dialect.name))
            if movements:
                opened.writelines(movements_csv(reader))
                return
            total = None if given or more else int(reader.rows(_ALL, {})[0][0])
            with bar("Exporting", total) as progress:
                opened.writelines(
                    export(
                        reader,
                        query.filters,
                        chosen,
                        progress,
                        declared,
                        bom=bom,
                        holds=ini.stock.holds,
                    )
                )
        click.echo(f"{counted(progress.books, 'book')} written.", err=True)
    except BrokenPipeError:
        # The reader of our output has closed it. Python flushes stdout once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        context.exit(1)
    except KeyboardInterrupt:
        click.echo("Interrupted: nothing was written.", err=True)
        context.exit(130)
    finally:
        engine.dispose()


def _format(file: str, asked: ExportFormat | None) -> ExportFormat:
    """The format by the file's name and ``--format``, which must agree."""
    if file == PIPE:
        return asked or "csv"
    # Only the import knows tabs.
    named = None if file.lower().removesuffix(".gz").endswith(".tsv") else format_of(file)
    if named and asked and named != asked:
        raise click.ClickException(
            f"The name {file} says {named}, and --format says {asked}: change one of them."
        )
    chosen = asked or named
    if chosen == "ods":
        raise click.ClickException("There is no export as .ods: end the name in .xlsx or .csv.")
    if chosen is None:
        raise click.ClickException(
            f"The name {file} does not say what to write: end it in .csv, .ndjson or .xlsx, or give"
            " --format csv, ndjson or xlsx."
        )
    return chosen
