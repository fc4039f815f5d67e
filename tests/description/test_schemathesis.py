"""Schemathesis with all its checks, against a real server, finds no fault.

``FUZZ_SECONDS`` makes each run longer (8 by default); then every run has a seed of its own, which
Schemathesis prints.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.guarded import SETTINGS as JWT
from tests.support.server import program, running_server
from tests.support.tokens import SECRET, claims, sign

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = os.environ.get("FUZZ_SECONDS")


def run(server, folder, *more):
    pytest.importorskip("schemathesis", reason="it is part of the testing extra")
    words = [program("schemathesis"), "--config-file", CONFIG, "run", "--checks", "all",
             "--no-color", "--max-time", SECONDS or "8", *([] if SECONDS else ["--seed", "1"]),
             *more, f"{server.url}/api/v1/openapi.json"]  # fmt: skip
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=int(SECONDS or "8") + 240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.no_cover
def test_schemathesis_finds_no_fault(backend, tmp_path):
    url = backend.create()
    with running_server({"bookstore.sqlalchemy.url": url}) as server:
        said = run(server, tmp_path)
        assert "Internal error" not in server.output
    backend.drop(url)
    assert "failed" not in said
    assert "generated" in said


@pytest.mark.no_cover
def test_schemathesis_finds_no_fault_with_bearer_tokens(sqlite_backend, tmp_path):
    """One of the checks sends requests without credentials and with wrong ones."""
    url = sqlite_backend.create()
    roles = {"bookstore.roles.all": "view add edit delete stock import"}
    settings = JWT | roles | {"bookstore.sqlalchemy.url": url}
    token = sign(claims(roles=["all"], exp=4_000_000_000), SECRET, "HS256")
    with running_server(settings) as server:
        said = run(server, tmp_path, "-H", f"Authorization: Bearer {token}")
        assert "Internal error" not in server.output
    sqlite_backend.drop(url)
    assert "failed" not in said
