"""Migrations of the shop's own tables.

The bookstore's tables are in the same database, with a history of their own; ``include_object``
keeps ``alembic -c development.ini revision --autogenerate`` from dropping them.
"""

from __future__ import annotations

from alembic import context
from pyramid.paster import get_appsettings
from sqlalchemy import Connection

from pyramid_bookstore import include_object
from storefront.database import make_engine
from storefront.models import Base


def run(connection: Connection) -> None:
    """Migrate in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    # From the command line: alembic -c development.ini upgrade head
    with make_engine(get_appsettings(context.config.config_file_name)).begin() as mine:
        run(mine)
