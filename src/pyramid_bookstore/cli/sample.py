"""``bookstore sample``"""

import click

from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.cli.numbers import counted
from pyramid_bookstore.feeds.sample import load_sample


@click.command("sample")
@click.pass_obj
def command(ini: Ini) -> None:
    """Put the sample catalogue into an empty database."""
    added = load_sample(ini.engine(), stock_log=ini.stock.log)
    if added:
        click.echo(f"{counted(added, 'sample book')} added.")
    else:
        click.echo("Nothing added: there are books in the database already.")
