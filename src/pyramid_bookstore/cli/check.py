"""``bookstore check``"""

from collections.abc import Iterator
from contextlib import suppress

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
    shared = migrates = False
    with suppress(ConfigurationError):  # its faults are named above
        settings = ini.settings
        shared, migrates = settings.dbsession is not None, settings.migrate
        yield from check_settings(settings, in_host=ini.is_host, one_process=ini.has_one_process)
    try:
        database = ini.database_settings
    except ConfigurationError:
        if shared:
            yield Finding(
                "warning",
                "database",
                "The application's session has an engine that is not known here.",
                "Give the same database in sqlalchemy.url, for this and the other commands.",
            )
        return
    declared = None
    # A host's application is not loaded: it may write when it starts.
    if not ini.is_host:
        with suppress(ConfigurationError):
            declared = ini.rules.declared
    yield from check_all(database, ini.engine(), declared, shared=shared, migrates=migrates)
