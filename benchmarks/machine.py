"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "pyramid-bookstore",
    "pyramid",
    "SQLAlchemy",
    "psycopg",
    "granian",
    "gunicorn",
    "waitress",
    "fastapi",
    "uvicorn",
    "asyncpg",
    "pydantic",
    "Django",
    "djangorestframework",
)


def _from_proc(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [line.partition(":")[2].strip() for line in lines if line.startswith(key)]
    return found[0] if found else ""


def _wrk_version() -> str:
    wrk = shutil.which("wrk")
    if wrk is None:
        return "none: the Python loop"
    said = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False)
    return " ".join((said.stdout + said.stderr).split()[:2])


def describe() -> dict[str, str]:
    """Processor, cores, memory, system and versions, as far as the system tells."""
    memory = _from_proc("/proc/meminfo", "MemTotal").split()
    found = {
        "processor": _from_proc("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[0]) / 1024**2:.0f} GiB" if memory else "",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load generator": _wrk_version(),
    }
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {name: value for name, value in found.items() if value}
