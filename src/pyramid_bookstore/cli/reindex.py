"""``bookstore reindex``"""

import click

from pyramid_bookstore.catalogue.kept import kept_on, mend
from pyramid_bookstore.cli.ini import Ini


@click.command("reindex")
@click.pass_obj
def command(ini: Ini) -> None:
    """Make anew what is kept beside the books, where it differs from them.

    That is the number of books and, on SQLite, the index of texts. Rows that were written
    while triggers were off, as by a restore of single tables, leave them behind. The service
    may run meanwhile.
    """
    engine = ini.engine()
    for kept in kept_on(engine.dialect.name):
        fault = mend(engine, kept)
        click.echo(f"{kept.subject}: {f'{fault} Made anew.' if fault else 'nothing to do.'}")
