"""Clients that generators make from the description live a book's life: ``make clients``.

It needs Node, Java and the package indexes of npm and Python, and is no part of ``make test``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.server import running_server

HERE = Path(__file__).parent
NPM = (
    "openapi-typescript@7.13.0", "typescript@5.9.3", "esbuild@0.28.2", "@types/node@26.6.6",
)  # fmt: skip
PYTHON = ("openapi-generator-cli==7.26.0", "pydantic", "python-dateutil", "urllib3", "lazy-imports")
CHECK = (
    "npx", "tsc", "--strict", "--noEmit", "--skipLibCheck", "--types", "node",
    "--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler",
)  # fmt: skip
#: Beyond "strict"; what openapi-generator writes does not pass these.
STRICTEST = ("--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess")


def run(folder: Path, *command: str) -> None:
    """Run a command; its output is shown only if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Make the clients and run them against a server; ends with an error if one fails."""
    with (
        tempfile.TemporaryDirectory(prefix="bookstore-clients-") as made,
        running_server(
            {
                "bookstore.sqlalchemy.url": f"sqlite:///{made}/books.sqlite",
                "bookstore.migrate": "true",
                "bookstore.trade": "true",
            }
        ) as server,
    ):
        folder = Path(made)
        url = f"{server.url}/api/v1"
        document = server.request("GET", "/api/v1/openapi.json").body
        (folder / "openapi.json").write_bytes(document)
        for life in HERE.glob("*life*"):
            shutil.copy(life, folder)
        run(folder, "npm", "init", "-y")
        run(folder, "npm", "install", "--silent", *NPM)
        run(folder, sys.executable, "-m", "venv", "venv")
        run(folder, "venv/bin/pip", "install", "--quiet", *PYTHON)

        run(folder, "npx", "openapi-typescript", "openapi.json", "-o", "api.d.ts")
        run(folder, *CHECK, *STRICTEST, "typed_life.ts")
        sys.stdout.write("openapi-typescript: ok\n")

        generate = ("venv/bin/openapi-generator-cli", "generate", "-i", "openapi.json")
        run(folder, *generate, "-g", "typescript-fetch", "-o", "typescript")
        run(folder, *CHECK, "fetch_life.ts")
        bundle = ("--bundle", "--platform=node", "--outfile=fetch_life.js")
        run(folder, "npx", "esbuild", "fetch_life.ts", *bundle)
        run(folder, "node", "fetch_life.js", url)
        sys.stdout.write("openapi-generator, TypeScript: ok\n")

        run(folder, *generate, "-g", "python", "-o", "python")
        run(folder, "venv/bin/python", "python_life.py", url)
        sys.stdout.write("openapi-generator, Python: ok\n")


if __name__ == "__main__":
    main()
