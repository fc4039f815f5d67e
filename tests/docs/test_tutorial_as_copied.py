"""The tutorial's steps, run by a shell as they stand on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.support.processes import free_port, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>[^\n]+) -->\n)?```(?:console|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_SERVES = ("pserve ", "python shop.py")
#: What this interpreter's environment has already.
_DONE = ("python3 -m venv", "pip install")


def steps() -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines that the page says it prints; files as commands, too."""
    for block in _BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if block["file"]:
            yield f"cat > {block['file']} <<'END'\n{block['text']}END", []
            continue
        for command in block["text"].removeprefix("$ ").split("\n$ "):
            line, *printed = command.splitlines()
            yield line, printed


def matches(said: str, expected: str) -> bool:
    """``…`` stands for whatever it is."""
    return re.fullmatch(".*".join(map(re.escape, expected.split("…"))), said) is not None


class Terminals:
    """A shell for commands, and a process for each server."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder, self._opened = folder, opened
        self._env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        self._before = ""

    def run(self, command: str) -> list[str]:
        """The lines that a command prints."""
        script = f"{self._before}\n{command}"
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (command, done.stderr)
        if re.match(r"\w+=", command):
            self._before = script
        return done.stdout.splitlines()

    def serve(self, command: str) -> list[str]:
        """The lines that a server prints until it serves."""
        log = self._folder / f"{command.split()[-1]}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command.split(), cwd=self._folder, env=self._env, stdout=output, stderr=output
            )
        self._opened.callback(process.wait, timeout=60)
        self._opened.callback(process.terminate)
        said = partial(log.read_text, encoding="utf-8")
        wait_until(lambda: "Serving on" in said(), timeout=60, what=command)
        return said().splitlines()


def test_every_step_of_the_tutorial_works_as_copied_and_prints_what_it_says(tmp_path):
    ports = {"6543": str(free_port()), "8080": str(free_port())}
    with ExitStack() as opened:
        terminals = Terminals(tmp_path, opened)
        for command, expected in steps():
            for port, free in ports.items():
                command = command.replace(f":{port}", f":{free}")
            if command.startswith(_DONE):
                continue
            if command.startswith(_SERVES):
                with_port = command.replace(".ini", f".ini http_port={ports['6543']}")
                printed = terminals.serve(with_port)
            else:
                printed = terminals.run(command)
            for line in expected:
                for port, free in ports.items():
                    line = line.replace(f"Serving on http://127.0.0.1:{port}", f"…:{free}")
                assert any(matches(each, line) for each in printed), (command, line, printed)
