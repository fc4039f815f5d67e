"""``bookstore migrate``"""

import click
from sqlalchemy import Engine

from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.db import migrations


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Print the statements instead; for an empty database.")
@click.pass_obj
def command(ini: Ini, sql: bool) -> None:
    """Bring the database to the newest revision.

    Any number of processes may do so at once.
    """
    with ini.engine() as engine:
        if sql:
            migrations.upgrade(engine, sql=True)
            return
        before = migrations.patiently(engine, lambda: _revision(engine))
        migrations.upgrade(engine)
    now = migrations.head()
    if before == now:
        click.echo(f"The database is at revision {now} already.")
    else:
        click.echo(f"The database is at revision {now} now (before: {before or 'none'}).")


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return migrations.current(connection)
