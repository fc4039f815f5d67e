"""``bookstore explain``"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import click
from sqlalchemy import Connection

from pyramid_bookstore.catalogue.listing import read_filters
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, RELEVANCE, of_available, parse_listing
from pyramid_bookstore.catalogue.relevance import list_page
from pyramid_bookstore.cli.ini import Ini, explain_missing_schema
from pyramid_bookstore.cli.numbers import counted
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.query import Query, Row


class _ExplainingReader:
    """Prints each statement that it runs, with the database's plan."""

    def __init__(self, connection: Connection, dialect: Dialect, *, quiet: bool = False) -> None:
        self._connection = connection
        self.dialect = dialect
        self._quiet = quiet

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        start = time.perf_counter()
        rows = self._connection.execute(query.statement, values).all()
        taken = (time.perf_counter() - start) * 1e3
        if not self._quiet:
            compiled = query.compiled_for(self._connection.engine)
            bound = compiled.bind(values)
            plan = self._connection.exec_driver_sql(
                f"{self.dialect.explain} {compiled.text}",
                bound if isinstance(bound, dict) else tuple(bound),
            )
            click.echo(f"\n-- {counted(len(rows), 'row')} in {taken:.1f} ms, SQLAlchemy included")
            click.echo(f"{compiled.text}\n-- with {dict(values)}")
            click.echo("\n".join(f"--   {row[-1]}" for row in plan))
        return rows


@click.command("explain")
@click.argument("query")
@click.pass_obj
def command(ini: Ini, query: str) -> None:
    """Show how the database answers a list: its path and why, the SQL, the plan.

    QUERY is the list's URL, or what stands behind its question mark. The statements are run.

    \b
    bookstore explain 'search=tolkien hobbit&sort=price'
    """
    path, mark, behind = query.partition("?")
    asked = behind.partition("#")[0] if mark and "=" not in path else query
    declared, holds = ini.rules.declared, ini.stock.holds
    pairs = parse_qsl(asked, keep_blank_values=True)
    listing = parse_listing(pairs, declared=declared, holds=holds)
    if holds:
        listing = replace(listing, filters=of_available(listing.filters))
    engine = ini.engine()
    try:
        with explain_missing_schema(engine), engine.connect() as connection:
            dialect = dialect_named(engine.dialect.name)
            quiet = _ExplainingReader(connection, dialect, quiet=True)
            sort = NEWEST_FIRST if listing.sort == RELEVANCE else listing.sort
            needed = listing.limit * listing.page
            choice = read_filters(quiet, listing.filters, sort, needed, declared)[1]
            click.echo(f"Path: {choice.path or 'planner'}. {choice.reason}")
            page = list_page(_ExplainingReader(connection, dialect), listing)
            total = "" if page.total is None else f" of {page.total:,}"
            click.echo(f"\n{counted(len(page.books), 'book')}{total}.")
    finally:
        engine.dispose()
