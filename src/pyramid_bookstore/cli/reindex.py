"""``bookstore reindex``"""

import click

from pyramid_bookstore.catalogue.declared_index import build, state
from pyramid_bookstore.catalogue.kept import kept_on, mend
from pyramid_bookstore.cli.ini import NONE_DECLARED, Ini
from pyramid_bookstore.cli.numbers import counted
from pyramid_bookstore.cli.progress import bar


@click.command("reindex")
@click.pass_obj
def command(ini: Ini) -> None:
    """Make anew what is kept beside the books, where it differs from them.

    That is what books are found by in declared fields, with its indexes: needed once after
    fields were declared, changed or removed. It is also the number of books and, on SQLite, the
    index of texts: rows that were written while triggers were off, as by a restore of single
    tables, leave them behind. The service may run meanwhile; broken off, it goes on when it is
    run again.
    """
    declared = ini.rules.declared
    engine = ini.engine()
    for kept in kept_on(engine.dialect.name):
        fault = mend(engine, kept)
        click.echo(f"{kept.subject}: {f'{fault} Made anew.' if fault else 'nothing to do.'}")
    with engine.connect() as connection:
        missing = state(connection, declared)
    if missing:
        with bar("Books", None) as progress:
            written, invalid = build(engine, declared, progress)
        click.echo(f"declared fields: {missing} {counted(written, 'book')} brought up to date.")
        if invalid:
            click.echo(
                f"Values from before the declaration that are not valid: {invalid:,}. Books are not"
                " found by them.",
                err=True,
            )
    elif declared:
        click.echo("declared fields: nothing to do.")
    if not declared:
        click.echo(f"declared fields: {NONE_DECLARED}")
