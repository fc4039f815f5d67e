"""The cookiecutter's projects, as Pyramid's own sdist has them: its two tutorials begin with what
pyramid-cookiecutter-starter makes (``installation``), and end with a wiki (``tests``)."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


class NotToBeHad(Exception):
    """The package index has no sdist."""


def project(tutorial: str, stage: str) -> Path:
    """The files of a stage, unpacked into this folder and installed. Raises `NotToBeHad`."""
    folder = Path(stage).absolute()
    inside = f"pyramid-{version('pyramid')}/docs/tutorials/{tutorial}/src/{stage}/"
    with tarfile.open(_sdist()) as archive:
        members = [each for each in archive if each.name.startswith(inside)]
        for member in members:
            member.name = member.name.removeprefix(inside)
        archive.extractall(folder, members, filter="data")
    # Its dependencies are in PACKAGES.
    subprocess.run([*PIP, "install", "-q", "--no-deps", "-e", folder], check=True)
    return folder


def _sdist() -> Path:
    """Pyramid's sdist, kept in the environment of this host."""
    kept = Path(sys.prefix) / f"pyramid-{version('pyramid')}.tar.gz"
    if not kept.exists():
        wanted = f"pyramid=={version('pyramid')}"
        download = [*PIP, "download", "-q", "--no-deps", "--no-binary", "pyramid", wanted]
        done = subprocess.run([*download, "-d", sys.prefix], capture_output=True, text=True)
        if done.returncode or not kept.exists():
            faults = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise NotToBeHad(f"pip download {wanted}: {' '.join(faults)}")
    return kept


def edit(file: Path, old: str, new: str) -> None:
    """Replace a part of a file, which must be there."""
    text = file.read_text("utf-8")
    if old not in text:
        raise ValueError(f"{file.name} has no {old!r}")
    file.write_text(text.replace(old, new), "utf-8")


def run(folder: Path, *command: str) -> str:
    """Run a program of this environment in the folder; "" or what went wrong."""
    program = [sys.executable, "-W", "ignore", "-m", *command]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    return (
        "" if done.returncode == 0 else f"{' '.join(command)}: {(done.stdout + done.stderr)[-900:]}"
    )
