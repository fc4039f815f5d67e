"""Checks of setup.cfg, MANIFEST.in and the helpers around them, without building anything."""

import configparser
import fnmatch
import os
import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.floors import constraints, requirements

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "pyramid_bookstore"
SOURCE = "https://github.com/pyramid-bookstore/pyramid_bookstore"
LINK = re.compile(r"\]\(([^)\s]+)\)")
EXTRAS = {"postgres", "jwt", "metrics", "docs", "excel", "all"}


@pytest.fixture(scope="module")
def cfg():
    parser = configparser.ConfigParser(interpolation=None)
    assert parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text):
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def test_every_package_is_listed_in_setup_cfg(cfg):
    """A package that setup.cfg does not list is silently missing from the wheel."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    found = {".".join(path.relative_to(PACKAGE.parent).parts) for path in folders}
    found |= {"pyramid_bookstore.migrations", "pyramid_bookstore.migrations.versions"}
    listed = lines(cfg["options"]["packages"])
    assert sorted(found) == sorted(listed), "add what is missing to [options] packages"


def test_every_package_folder_has_an_init_file():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_data_file_is_matched_by_package_data(cfg):
    patterns = lines(cfg["options.package_data"]["pyramid_bookstore"])
    data = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    assert "py.typed" in data
    left_out = [d for d in data if not any(fnmatch.fnmatch(d, p) for p in patterns)]
    assert left_out == []


def test_the_alembic_folder_is_not_a_python_package():
    assert (ROOT / "alembic" / "env.py").exists()
    assert list((ROOT / "alembic").rglob("__init__.py")) == []


def test_the_extra_all_contains_every_optional_feature(cfg):
    extras = cfg["options.extras_require"]
    assert set(extras) >= EXTRAS | {"testing", "dev"}
    (everything,) = (Requirement(line) for line in lines(extras["all"]))
    assert everything.name == "pyramid_bookstore"
    assert everything.extras == EXTRAS - {"all"}


def test_every_requirement_has_a_minimum_version_and_only_setuptools_a_maximum():
    """A maximum version keeps hosts from updating; each needs a reason in setup.cfg."""
    specs = {r.name: {s.operator for s in r.specifier} for r in requirements()}
    unbounded = {"pyramid_bookstore", "pre-commit"}
    assert {name for name, ops in specs.items() if ops != {">="}} - unbounded == {"setuptools"}
    assert specs["setuptools"] == {"<"}


def test_minimum_versions_become_pip_constraints(tmp_path):
    text = "[options]\ninstall_requires =\n    one >= 1.2\n    # why\n    two < 3\n"
    text += "[options.extras_require]\nmore =\n    three[x] >= 4, != 4.1\n"
    (tmp_path / "setup.cfg").write_text(text, encoding="utf-8")
    assert list(constraints(tmp_path / "setup.cfg")) == ["one==1.2", "three==4"]


def test_mypy_coverage_and_warning_settings_stay_strict():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["mypy"]["strict"] is True
    assert tools["coverage"]["run"]["branch"] is True
    assert tools["coverage"]["report"]["fail_under"] == 100
    first, *ignored = tools["pytest"]["ini_options"]["filterwarnings"]
    assert first == "error"
    assert len(ignored) == 3


def test_the_manifest_names_the_files_of_a_checkout():
    words = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split()
    for name in (
        "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md",
    ):  # fmt: skip
        assert (ROOT / name).exists(), name
        assert name in words
    for name in ("alembic", "docs", "tests", ".ci/run", "development.ini", "production.ini"):
        assert (ROOT / name).exists(), name
        assert name in words


def test_every_link_of_the_readme_works_on_a_package_index_too():
    made = runpy.run_path(str(ROOT / "setup.py"))["long_description"]()
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = zip(LINK.findall(written), LINK.findall(made), strict=True)
    assert len(LINK.findall(written)) > 20
    for here, there in targets:
        if "://" in here:
            assert there == here
        else:
            assert (ROOT / here).exists()
            assert there == f"{SOURCE}/blob/main/{here}"
    assert LINK.sub("", made) == LINK.sub("", written)


def test_project_urls_lead_to_files_of_the_repository(cfg):
    urls = dict(line.split(" = ") for line in lines(cfg["metadata"]["project_urls"]))
    assert urls["Source"] == SOURCE
    for name in ("Documentation", "Changelog"):
        assert (ROOT / urls[name].removeprefix(f"{SOURCE}/blob/main/")).exists()


def test_ci_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "\nmake test\n" in script.read_text(encoding="utf-8")
