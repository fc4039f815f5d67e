"""``bookstore remove``"""

import click
from sqlalchemy import inspect

from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.cli.numbers import counted
from pyramid_bookstore.db import removal
from pyramid_bookstore.db.engines import changing_nothing
from pyramid_bookstore.db.migrations import refusal_explained
from pyramid_bookstore.db.revision import VERSION_TABLE


@click.command("remove")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(ini: Ini, yes: bool) -> None:
    """Take the bookstore out of the database: its tables with all books, and what belongs to them.

    It asks first. Where a foreign key of other tables refers to the books, or the application's own
    history has the bookstore's revisions, it says so and removes nothing.
    """
    engine = ini.engine()
    place = engine.url.render_as_string()
    with changing_nothing(engine).connect() as connection:
        books = removal.books(connection)
        if books is None and not inspect(connection).has_table(VERSION_TABLE):
            click.echo(f"There is no bookstore in {place}.")
            return
        removal.check(connection)
    click.echo(
        f"This removes {counted(books or 0, 'book')}, and all of the bookstore's tables, from"
        f" {place}"
    )
    if not yes:
        click.confirm("Nothing brings them back. Remove them?", abort=True)
    with refusal_explained(engine):
        removal.remove(engine)
    click.echo("Removed.")
