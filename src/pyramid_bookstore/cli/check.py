"""``bookstore check``"""

from collections.abc import Iterator

import click
from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.cli.checkup import Finding, check_all, check_settings, check_start
from pyramid_bookstore.cli.ini import Ini

_COLOURS = {"fault": "red", "warning": "yellow", "ok": "green"}


@click.command("check")
@click.pass_context
def command(context: click.Context) -> None:
    """Check settings and database, say what to do about faults, and show the effective settings.

    Exits with 1 if there is a fault. Nothing is changed.
    """
    ini: Ini = context.obj
    worst_first = [*_COLOURS].index
    findings = sorted(_findings(ini), key=lambda finding: worst_first(finding.verdict))
    click.secho("Findings", bold=True)
    for finding in findings:
        verdict = click.style(f"{finding.verdict:7}", fg=_COLOURS[finding.verdict])
        click.echo(f"  {verdict}  {finding.subject}: {finding.message}")
        if finding.advice:
            click.echo(f"           {finding.advice}")
    try:
        effective = [*ini.settings.effective()]
    except ConfigurationError:
        effective = []
    if effective:
        click.secho("\nSettings", bold=True)
    for name, value in effective:
        click.echo(f"  {name} = {value}")
    context.exit(1 if any(finding.verdict == "fault" for finding in findings) else 0)


def _findings(ini: Ini) -> Iterator[Finding]:
    """The database is looked at also where other settings have faults."""
    yield from check_start(ini.values)
    try:
        settings, database = ini.settings, ini.database_settings
    except ConfigurationError:
        try:
            database = ini.database_settings
        except ConfigurationError:  # a fault of the start, named above
            return
    else:
        yield from check_settings(settings, in_host=ini.is_host, one_process=ini.has_one_process)
    # A host's application is not loaded: it may write when it starts.
    try:
        declared = None if ini.is_host else ini.rules.declared
    except ConfigurationError:
        declared = None
    yield from check_all(database, ini.engine(), declared)
