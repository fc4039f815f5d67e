"""Runs the cells of one host in its environment: ``python inside.py host_kinto``.

Prints the versions, then one JSON line for each cell.
"""

# ruff: noqa: T201  # it reports on stdout

import json
import logging
import re
import sys
from importlib import import_module
from importlib.metadata import version

host = import_module(sys.argv[1])
names = (
    *(re.split(r"[<\[]", name)[0] for name in host.PACKAGES),
    "pyramid",
    "sqlalchemy",
    "pyramid_bookstore",
)
python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
versions = [f"{name} {version(name)}" for name in dict.fromkeys(names)]
print(json.dumps(", ".join([*versions, python])))
logging.disable()
for cell in host.cells():
    print(json.dumps(cell))
