"""Two versions side by side on one database: this one, and the next, which migrated it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from webtest import TestApp

from pyramid_bookstore import is_current, upgrade
from pyramid_bookstore.cli import main
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.migrations import script_location
from pyramid_bookstore.db.revision import HEAD
from pyramid_bookstore.errors import Unavailable
from tests.support.api import API, BOOKS, RUST, new_book
from tests.support.server import running_server, write_ini

CHECKOUT = Path(__file__).parents[2]
NEXT = "bookstore_9001"
_MAIN = "from pyramid_bookstore.cli import main; main()"

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{head}"
branch_labels = None
depends_on = None
compatible_with_previous = {compatible}


def upgrade():
    op.add_column("bookstore_books", sa.Column("shelf", sa.String(20)))
    if not compatible_with_previous:
        op.execute(f"UPDATE bookstore_compatibility SET oldest = '{{revision}}'")


def downgrade():
    op.drop_column("bookstore_books", "shelf")
    op.execute(f"UPDATE bookstore_compatibility SET oldest = '{head}'")
"""


@pytest.fixture
def next_version(tmp_path: Path) -> Callable[[bool], dict[str, str]]:
    """A copy of the code with one revision more; gives the environment in which it is the one."""

    def make(compatible: bool) -> dict[str, str]:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        for name in ("src", "alembic"):
            shutil.copytree(CHECKOUT / name, tmp_path / "next" / name, ignore=ignored)
        code = tmp_path / "next" / "src" / "pyramid_bookstore" / "db" / "revision.py"
        code.write_text(code.read_text().replace(f'HEAD = "{HEAD}"', f'HEAD = "{NEXT}"'))
        written = REVISION.format(next=NEXT, head=HEAD, compatible=compatible)
        (tmp_path / "next" / "alembic" / "versions" / "9001_shelf.py").write_text(written)
        return {"PYTHONPATH": str(tmp_path / "next" / "src")}

    return make


@pytest.fixture
def ini(database: str, tmp_path: Path) -> str:
    return str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": database}))


def run(ini: str, env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, "-c", ini, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_both_serve_after_a_migration_that_the_old_one_can_live_with(
    database: str, ini: str, make_app: Any, next_version: Any
) -> None:
    old = TestApp(make_app({"bookstore.sqlalchemy.url": database}))
    made = old.post_json(BOOKS, RUST, status=201).json
    env = next_version(True)
    assert f"at revision {NEXT} now (before: {HEAD})" in run(ini, env, "migrate")
    with running_server({"bookstore.sqlalchemy.url": database}, env=env) as new:
        assert new.request("GET", f"{API}/ready").json == {"status": "ready", "revision": NEXT}
        assert old.get(f"{API}/ready").json == {"status": "ready", "revision": NEXT}
        assert new.request("GET", f"{BOOKS}/{made['id']}").json == made
        old.put_json(f"{BOOKS}/{made['id']}", {"stock": 7})
        assert new.request("GET", f"{BOOKS}/{made['id']}").json["stock"] == 7
        old.post_json(BOOKS, new_book(2), status=201)
        assert new.request("GET", BOOKS).json["total"] == 2
    # An old process that starts again, as a pod that was moved, and its commands.
    again = {"bookstore.sqlalchemy.url": database, "bookstore.migrate": "true"}
    assert TestApp(make_app(again)).get(BOOKS).json["total"] == 2
    done = CliRunner().invoke(main, ["-c", ini, "migrate"])
    assert done.output == f"The database is at revision {NEXT} already; this code works with it.\n"
    checked = CliRunner().invoke(main, ["-c", ini, "check"])
    assert f"ok       schema: At revision {NEXT}; this code, at {HEAD}, works with it." in (
        checked.output
    )


def test_the_old_one_steps_aside_after_a_migration_that_it_cannot_live_with(
    database: str, ini: str, make_app: Any, next_version: Any
) -> None:
    old = TestApp(make_app({"bookstore.sqlalchemy.url": database}))
    old.get(f"{API}/ready", status=200)
    run(ini, next_version(False), "migrate")
    refused = old.get(f"{API}/ready", status=503)
    said = f"The database is at revision {NEXT}, too new for this code, whose own is {HEAD}"
    assert said in refused.json["message"]
    done = CliRunner().invoke(main, ["-c", ini, "migrate"])
    assert (done.exit_code, said in done.output) == (1, True)
    engine = make_one_time_engine({"url": database})
    with pytest.raises(Unavailable, match="too new"):
        upgrade(engine)


@pytest.mark.parametrize("lost", ["DELETE FROM", "DROP TABLE"])
def test_without_the_row_only_the_very_revision_will_do(database: str, lost: str) -> None:
    engine = make_one_time_engine({"url": database})
    with engine.begin() as connection:
        connection.execute(text(f"{lost} bookstore_compatibility"))
        assert is_current(connection)
        connection.execute(text(f"UPDATE bookstore_alembic_version SET version_num = '{NEXT}'"))
        assert not is_current(connection)


def test_each_revision_says_whether_the_code_before_it_can_work_with_it() -> None:
    for path in sorted((script_location() / "versions").glob("0*.py")):
        source = path.read_text(encoding="utf-8")
        said = re.search(r"^compatible_with_previous = (True|False)$", source, re.MULTILINE)
        assert said, path.name
        if path.name > "0008" and said[1] == "False":
            assert source.count("bookstore_compatibility") >= 2, f"{path.name} keeps the row"
