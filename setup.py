"""Metadata is in setup.cfg. Here is what it cannot say: on a package index the README's links into
the repository need the repository's address, and the wheel has the files that ``bookstore init``
writes, which stand at the top of the repository."""

import re
import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


def long_description() -> str:
    """The README with absolute links."""
    cfg = ConfigParser(interpolation=None)
    cfg.read(HERE / "setup.cfg", encoding="utf-8")
    urls = dict(line.split(" = ") for line in cfg["metadata"]["project_urls"].strip().splitlines())
    text = (HERE / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\((?!\w+:|#)", f"]({urls['Source']}/blob/main/", text)


class BuildPy(build_py):
    """Puts the INIs and ``deploy/`` into the package; an editable one reads the repository's."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            files = Path(self.build_lib, "pyramid_bookstore", "init")
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(HERE / "deploy", files / "deploy", ignore=ignore, dirs_exist_ok=True)
            for ini in ("development.ini", "production.ini"):
                shutil.copy(HERE / ini, files)


if __name__ == "__main__":
    setup(long_description=long_description(), cmdclass={"build_py": BuildPy})
