"""Metadata is in setup.cfg. Here is what it cannot say: on a package index the README's links into
the repository need the repository's address."""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def long_description() -> str:
    """The README with absolute links."""
    cfg = ConfigParser(interpolation=None)
    cfg.read(HERE / "setup.cfg", encoding="utf-8")
    urls = dict(line.split(" = ") for line in cfg["metadata"]["project_urls"].strip().splitlines())
    text = (HERE / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\((?!\w+:|#)", f"]({urls['Source']}/blob/main/", text)


if __name__ == "__main__":
    setup(long_description=long_description())
