"""A host on psycopg2: the cookiecutter's wiki on PostgreSQL, its session shared."""

from __future__ import annotations

import os
from collections.abc import Iterator

import wiki
from asking import Cell
from projects import NotToBeHad
from sqlalchemy import make_url

PACKAGES = (
    "psycopg2-binary", "alembic", "bcrypt", "docutils", "pyramid_debugtoolbar", "pyramid_jinja2",
    "pyramid_retry", "waitress",
)  # fmt: skip


def cells() -> Iterator[Cell]:
    """All of the wiki's cells; psycopg, which our own engine uses, is not installed."""
    url = os.environ.get("BOOKSTORE_HOST_DATABASE")
    if not url:
        yield Cell("a session on psycopg2", "", "there is no PostgreSQL here")
        return
    url = make_url(url).set(drivername="postgresql+psycopg2").render_as_string(False)
    try:
        yield from wiki.cells(url)
    except NotToBeHad as error:
        yield Cell("the cookiecutter's projects", "", str(error))
