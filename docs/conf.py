"""Sphinx: `make docs` builds the site, warnings as errors."""

from importlib.metadata import version as version_of

project = "pyramid_bookstore"
author = "The pyramid_bookstore authors"
copyright = "2026, the pyramid_bookstore authors"
release = version_of("pyramid_bookstore")

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"pyramid_bookstore {release}"
html_static_path: list[str] = []

myst_heading_anchors = 3
# Links out of the documentation into the repository, which the site does not hold.
suppress_warnings = ["myst.xref_missing"]
