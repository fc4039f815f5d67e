"""``bookstore check``"""

import click

from pyramid_bookstore.cli.checkup import check_all, check_start
from pyramid_bookstore.cli.ini import Ini

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "red"}


@click.command("check")
@click.pass_context
def command(context: click.Context) -> None:
    """Show the effective settings, check the database, and say what to do about faults.

    Exits with 1 if there is a fault. Nothing is changed.
    """
    ini: Ini = context.obj
    settings = ini.settings
    click.secho("Settings", bold=True)
    for name, value in settings.effective():
        click.echo(f"  {name} = {value}")
    click.secho("\nFindings", bold=True)
    faulty = False
    # A host's application is not loaded: it may write when it starts.
    declared = None if ini.is_host else ini.rules.declared
    for finding in (*check_start(ini.values), *check_all(settings, ini.engine(), declared)):
        faulty = faulty or finding.verdict == "fault"
        verdict = click.style(f"{finding.verdict:7}", fg=_COLOURS[finding.verdict])
        click.echo(f"  {verdict}  {finding.subject}: {finding.message}")
        if finding.advice:
            click.echo(f"           {finding.advice}")
    context.exit(1 if faulty else 0)
