"""``bookstore init`` writes what a newcomer needs, and overwrites nothing."""

from __future__ import annotations

import compileall
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyramid.paster import get_app
from webtest import TestApp

from pyramid_bookstore.cli import main
from tests.support.apps import close_app

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words, ini=()):
    return CliRunner().invoke(main, [*ini, "init", *words])


def written(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["shop", "shop.cfg", "shop#main", ".", ".ini", ""])
def test_a_name_that_no_command_would_read_is_refused(folder, name):
    result = init(ini=("-c", name))
    assert (result.exit_code, written(folder)) == (1, set())
    assert "ends in .ini" in result.stderr


@pytest.mark.parametrize(
    ("ini", "name"), [((), "development.ini"), (("-c", "new/shop.ini#main"), "new/shop.ini")]
)
def test_the_written_ini_serves_the_sample_catalogue(ini, name):
    result = init(ini=ini)
    assert result.stdout.endswith(f"`pserve {name}` serves http://127.0.0.1:6543/api/v1/docs\n")
    app = get_app(name)
    assert TestApp(app).get("/api/v1/books").json["total"] == 245
    close_app(app)


def test_without_an_ini_both_are_written(folder):
    assert init().exit_code == 0
    assert written(folder) == {"development.ini", "production.ini"}
    assert "[alembic]" not in (folder / "development.ini").read_text()


def test_production_ini_is_written_as_it_is_where_it_is_named(folder):
    assert "serves" not in init(ini=("-c", "production.ini")).stdout
    assert written(folder) == {"production.ini"}
    assert "bookstore.auth = jwt" in (folder / "production.ini").read_text()


def test_the_files_of_deploy_need_no_checkout(folder):
    assert init("--deploy", ini=("-c", "shop.ini")).exit_code == 0
    there = {
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "deploy").rglob("*.*")
        if path.suffix != ".pyc"
    }
    assert written(folder) == there | {"shop.ini", "production.ini", "deploy/Dockerfile"}
    dockerfile = (folder / "deploy" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
    assert all((folder / name).exists() for line in copied for name in line.split())
    assert "pip install --no-cache-dir 'pyramid_bookstore[all]==" in dockerfile


def test_what_an_install_compiled_of_them_is_not_written(folder, monkeypatch):
    for name in ("development.ini", "production.ini", "deploy"):
        copy = shutil.copytree if name == "deploy" else shutil.copy
        copy(CHECKOUT / name, folder / name)
    assert compileall.compile_dir(folder / "deploy", quiet=1)
    monkeypatch.setattr("pyramid_bookstore.cli.init._templates", lambda: folder)
    (folder / "new").mkdir()
    assert init("--deploy", ini=("-c", "new/shop.ini")).exit_code == 0
    assert not [name for name in written(folder / "new") if "__pycache__" in name]


@pytest.mark.parametrize("name", ["development.ini", "production.ini", "deploy/nginx.conf"])
def test_where_a_file_is_there_nothing_is_written(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    result = init("--deploy")
    assert result.exit_code == 1
    assert result.stderr == (f"Error: Nothing is written, because this is there already: {name}.\n")
    assert written(folder) == {name}
    assert (folder / name).read_text() == "mine"


def test_the_package_as_it_is_built_has_the_files(folder):
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build", "--build-base", folder / "built"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    built = folder / "built" / "lib" / "pyramid_bookstore" / "init"
    for name in ("development.ini", "production.ini", "deploy/kubernetes/bookstore.yaml"):
        assert (built / name).read_bytes() == (CHECKOUT / name).read_bytes()
