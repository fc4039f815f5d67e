"""``python -m tests.host.real [NAME …]``, see the package."""

# ruff: noqa: T201  # a script that reports on stdout

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from contextlib import ExitStack
from pathlib import Path

from tests.support.postgres import postgres_for_tests
from tests.support.postgres_binaries import NoPostgres

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
ENVIRONMENTS = CHECKOUT / ".hosts"
NAMES = tuple(sorted(path.stem.removeprefix("host_") for path in HERE.glob("host_*.py")))


def main(names: list[str]) -> int:
    """Try each host; the number of those with a fault."""
    if unknown := set(names) - set(NAMES):
        print(f"no such host: {' '.join(sorted(unknown))}; there are {' '.join(NAMES)}")
        return 2
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_for_tests(durable=False))
        except NoPostgres as error:
            print(f"without PostgreSQL: {error}")
            return sum(not tried(name) for name in names or NAMES)
        return sum(not tried(name, server.create_database()) for name in names or NAMES)


def tried(name: str, database: str = "") -> bool:
    """Install and ask one host, and print what was seen; false if there is a fault.

    ``database`` is the URL of an empty one on PostgreSQL, if there is one.
    """
    print(f"== {name}", flush=True)
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
    # Read, not imported: what the module imports is in its own environment alone.
    listed = (HERE / f"host_{name}.py").read_text().partition("\nPACKAGES = (")[2].partition(")")[0]
    packages = re.findall(r'"(.*?)"', listed)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    install = [*pip, "-e", CHECKOUT, "webtest", *packages]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        faults = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        print(f"skipped: pip install {' '.join(packages)}: {' '.join(faults)}")
        return True
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environ["BOOKSTORE_HOST_DATABASE"] = database
    with tempfile.TemporaryDirectory(prefix=f"bookstore-{name}-") as folder:
        inside = [python, "-W", "ignore", HERE / "inside.py", f"host_{name}"]
        done = subprocess.run(
            inside, cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    lines = done.stdout.splitlines()
    print(json.loads(lines[0]) if lines else "nothing was tried")
    cells = [json.loads(line) for line in lines[1:] if line.startswith("[")]
    for cell, fault, skipped in cells:
        verdict = "FAULT" if fault else "skip " if skipped else "ok   "
        print(f"  {verdict} {': '.join(filter(None, (cell, fault or skipped)))}")
    if done.returncode:
        print(done.stderr)
    return not done.returncode and bool(cells) and not any(fault for _, fault, _ in cells)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
