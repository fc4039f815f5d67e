"""``bookstore migrate``"""

import click
from sqlalchemy import Engine

from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.db.migrations import refusal_explained, retry_while_locked, upgrade
from pyramid_bookstore.db.revision import HEAD, current, is_newer


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Print the statements instead; for an empty database.")
@click.pass_obj
def command(ini: Ini, sql: bool) -> None:
    """Bring the database to the newest revision.

    Any number of processes may do so at once.
    """
    engine = ini.engine()
    if sql:
        upgrade(engine, sql=True)
        return
    with refusal_explained(engine):
        before = retry_while_locked(lambda: _revision(engine))
    upgrade(engine)
    if is_newer(before):
        click.echo(f"The database is at revision {before} already; this code works with it.")
    elif before == HEAD:
        click.echo(f"The database is at revision {HEAD} already.")
    else:
        click.echo(f"The database is at revision {HEAD} now (before: {before or 'none'}).")


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return current(connection)
