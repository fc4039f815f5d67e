"""``bookstore import``"""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, get_args

import click
from sqlalchemy import Engine

from pyramid_bookstore.catalogue.movements import MovementLog
from pyramid_bookstore.cli.ini import Ini, explain_missing_schema
from pyramid_bookstore.cli.numbers import counted
from pyramid_bookstore.cli.pairs import pairs_of
from pyramid_bookstore.cli.progress import bar
from pyramid_bookstore.errors import Reject, Report, RowsRefused
from pyramid_bookstore.feeds.files import PIPE, format_of, text_target
from pyramid_bookstore.feeds.files import source as file_source
from pyramid_bookstore.feeds.importer import Importer
from pyramid_bookstore.feeds.intake import Format, Intake
from pyramid_bookstore.feeds.options import DECIMALS, FeedOptions
from pyramid_bookstore.feeds.profiles import profile as profile_named
from pyramid_bookstore.feeds.profiles import profile_names
from pyramid_bookstore.feeds.rejects import sentence, write_rejects
from pyramid_bookstore.feeds.snapshot import ABSENT, MAX_ABSENT, Absent, snapshot_of

#: Rejected rows that are printed at most, without --rejects.
SHOWN = 20

_DONE: dict[Absent, str] = {"keep": "kept", "zero": "stock set to 0", "delete": "deleted"}

SOME_REJECTED, NOTHING_DONE, INTERRUPTED = 2, 1, 130


@click.command("import")
@click.argument("file", type=click.Path(readable=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Write nothing; report what would be written.")
@click.option("--skip-invalid", is_flag=True, help="Write the valid rows if others are not.")
@click.option(
    "--rejects",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True),
    help="Write the invalid rows to this CSV file: line, faults, and the original row.",
)
@click.option(
    "--column",
    "columns",
    metavar="FIELD=COLUMN[,COLUMN]",
    multiple=True,
    callback=pairs_of,
    help="The column of the file that has this field; of several, the first that is filled.",
)
@click.option(
    "--set",
    "fixed",
    metavar="FIELD=VALUE",
    multiple=True,
    callback=pairs_of,
    help="The value of a field that is not in the file.",
)
@click.option(
    "--profile",
    metavar="NAME|FILE",
    help=f"Columns and options by a name ({', '.join(profile_names())}) or from a TOML file.",
)
@click.option("--encoding", metavar="NAME", help="The encoding, if it is not UTF-8 or UTF-16.")
@click.option(
    "--delimiter",
    metavar="SIGN",
    help="comma, semicolon, tab, pipe, or a character; else the header tells.",
)
@click.option(
    "--decimal", type=click.Choice(DECIMALS), help="The decimal sign of prices and numbers."
)
@click.option(
    "--repair-isbn",
    is_flag=True,
    help="Add the leading zeros of an ISBN that a spreadsheet removed, if the checksum fits.",
)
@click.option(
    "--format",
    type=click.Choice(get_args(Format)),
    help="The format, if the file's name does not have it or has a wrong one.",
)
@click.option("--sheet", metavar="NAME", help="The sheet of a spreadsheet, if not the first.")
@click.option("--source", metavar="NAME", help="The source; FILE is all that it has.")
@click.option(
    "--absent",
    type=click.Choice(ABSENT),
    default="keep",
    show_default=True,
    help="What happens to books that came with the source before and are not in FILE: nothing,"
    " their stock becomes 0, or they are deleted.",
)
@click.option(
    "--max-absent",
    metavar="PERCENT",
    default=MAX_ABSENT,
    show_default=True,
    help="If more of the source's books are absent, nothing is written.",
)
@click.pass_context
def command(
    context: click.Context,
    file: str,
    dry_run: bool,
    skip_invalid: bool,
    rejects: str | None,
    columns: dict[str, str],
    fixed: dict[str, str],
    profile: str | None,
    encoding: str | None,
    delimiter: str | None,
    decimal: str | None,
    repair_isbn: bool,
    format: Format | None,
    sheet: str | None,
    source: str | None,
    absent: Absent,
    max_absent: str,
) -> None:
    """Create and update books from FILE, by their ISBN.

    FILE is CSV (with a header), NDJSON or a spreadsheet (.xlsx, .ods), each also as gzip; - is
    standard input. Writes all rows or, if one is invalid, none; see --skip-invalid. Exit code 0:
    all rows were written; 2: some were rejected; 1: nothing was written.

    \b
    bookstore import books.csv
    bookstore import feed.csv.gz --column author=authors --set price=9.99 --skip-invalid
    curl -s https://feeds.example/books.ndjson | bookstore import -
    """
    ini: Ini = context.obj
    if rejects is not None and _is_same_file(rejects, file):
        raise click.BadParameter("The rejected rows would replace the file to import.")
    if rejects == PIPE:
        raise click.BadParameter("The rejected rows are written to a file: name one.")
    if rejects is not None and format_of(rejects) not in (None, "csv"):
        raise click.BadParameter("The rejected rows are written as CSV: name the file .csv.")
    options = FeedOptions(
        columns=columns,
        fixed=fixed,
        encoding=encoding,
        delimiter=delimiter,
        decimal=decimal,
        repair_isbn=repair_isbn,
        ignore_unknown=True,
        rules=ini.rules,
    )
    if profile is not None:
        options = options.over(profile_named(profile, ini.rules, files=True))
    snapshot = snapshot_of(source, absent, max_absent)
    report: Report | None = None
    refused: RowsRefused | None = None
    try:
        with Intake(options, keep_rows=rejects is not None, snapshot=snapshot) as intake:
            _read(intake, file, format, sheet)
            if intake.ignored:
                click.echo(f"Ignored columns: {_listed(intake.ignored)}.{intake.hint}", err=True)
            engine = ini.engine()
            # Opened before anything is written to the database.
            with explain_missing_schema(engine), _open(rejects) as rejects_file:
                log = MovementLog(keep_days=ini.stock.keep_days) if ini.stock.log else None
                try:
                    report = _write(engine, intake, rejects_file, log, skip_invalid, dry_run)
                except RowsRefused as error:  # the file of rejects is complete
                    refused = error
    except KeyboardInterrupt:
        # The commit is the last step of writing.
        done = "all was written" if report is not None else "nothing was written"
        click.echo(f"Interrupted: {done}.", err=True)
        context.exit(INTERRUPTED)
    if refused is not None:
        _show(refused.report, rejects)
        click.echo(f"Error: {refused.message}", err=True)
        context.exit(NOTHING_DONE)
    assert report is not None
    _show(report, rejects)
    for book in report.absent_books[:SHOWN]:
        click.echo(f"Absent: {book.isbn} {book.title}", err=True)
    if report.absent > SHOWN:
        click.echo(f"… and {report.absent - SHOWN:,} more.", err=True)
    click.echo(_summary(report, absent))
    if report.rejected:
        context.exit(SOME_REJECTED if report.rejected < report.rows else NOTHING_DONE)


def _read(intake: Intake, file: str, format: Format | None, sheet: str | None) -> None:
    with file_source(file) as opened, bar("Reading", opened.size) as progress:
        intake.read(
            opened.stream,
            format or opened.format,
            lambda done: progress(opened.position() or done, intake.rows),
            sheet=sheet,
        )


def _write(
    engine: Engine,
    intake: Intake,
    rejects_file: IO[str] | None,
    log: MovementLog | None,
    skip_invalid: bool,
    dry_run: bool,
) -> Report:
    def write(rejects: Iterator[Reject]) -> None:
        if rejects_file is not None:
            write_rejects(rejects_file, intake, rejects)

    with bar("Writing", intake.rows) as progress, engine.begin() as connection:
        return Importer(intake, connection, log).run(
            skip_invalid=skip_invalid, dry_run=dry_run, progress=progress, rejects=write
        )


def _open(name: str | None) -> AbstractContextManager[IO[str] | None]:
    return nullcontext() if name is None else text_target(name)


def _show(report: Report, rejects: str | None) -> None:
    if rejects is not None:
        if report.rejected:
            click.echo(f"The rejected rows are in {rejects}.", err=True)
        return
    for reject in report.rejects[:SHOWN]:
        click.echo(f"Line {reject.line}: {sentence(reject.faults)}", err=True)
    more = report.rejected - SHOWN
    if more > 0:
        click.echo(f"… and {more:,} more; --rejects FILE writes all of them.", err=True)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _is_same_file(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _summary(report: Report, absent: Absent) -> str:
    numbers = (
        f"{report.created:,} created, {report.updated:,} updated, {report.unchanged:,} unchanged,"
        f" {report.rejected:,} rejected"
    )
    if report.repeated:
        numbers += f", {report.repeated:,} repeated"
    if report.blank:
        numbers += f", {counted(report.blank, 'blank row')} passed over"
    if report.absent:
        numbers += f", {report.absent:,} absent ({_DONE[absent]})"
    return numbers + ("; a dry run: nothing was written." if report.dry_run else ".")
