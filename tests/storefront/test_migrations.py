"""The migrations of the shop and of the bookstore in one database."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from pyramid_bookstore.db.migrations import include_object
from storefront.database import make_engine, upgrade
from storefront.models import Base
from storefront.scripts import initialize
from tests.storefront.conftest import SETTINGS

OWN = {"users", "orders", "order_lines", "stock_notes"}


@pytest.fixture
def engine(database):
    engine = make_engine({"sqlalchemy.url": database})
    yield engine
    engine.dispose()


def test_shop_and_bookstore_have_a_version_table_each(engine):
    upgrade(engine)
    names = set(inspect(engine).get_table_names())
    assert OWN | {"alembic_version", "bookstore_alembic_version", "bookstore_books"} <= names


def test_autogenerate_finds_no_difference_and_ignores_the_bookstore(engine):
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": include_object})
        assert compare_metadata(context, Base.metadata) == []


def test_downgrading_the_shop_keeps_the_tables_of_the_bookstore(engine):
    upgrade(engine)
    before = {name for name in inspect(engine).get_table_names() if "bookstore" in name}
    config = Config()
    config.set_main_option("script_location", "storefront:alembic")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == before | {"alembic_version"}


def test_initialize_can_be_run_again_and_prints_new_passwords(backend, database, tmp_path, capsys):
    ini = tmp_path / "shop.ini"
    url = database.replace("%", "%%")
    settings = SETTINGS | {"sqlalchemy.url": url, "bookstore.migrate": "true"}
    lines = ["[app:main]", "use = call:storefront:main", *map(" = ".join, settings.items())]
    ini.write_text("\n".join(lines))
    passwords = []
    for words in ("books put on the shelves", "The shelves were full already"):
        assert initialize.main([str(ini)]) == 0
        out = capsys.readouterr().out
        assert words in out
        passwords.append([line.split()[1] for line in out.splitlines() if line.startswith("  ")])
    assert len(passwords[0]) == 2
    assert not {*passwords[0]} & {*passwords[1]}
