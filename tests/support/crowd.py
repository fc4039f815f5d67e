"""Run the same statement in many processes at the same moment."""

from __future__ import annotations

import subprocess
import sys

PROCESSES = 8

# The modules are imported once, before the fork, so that the children begin the work together. They
# wait for a pipe that the parent closes when all children have been started.
_SCRIPT = """\
import os, sys, traceback
{prepare}
waiting, gate = os.pipe()
children = []
for number in range({number}):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(gate)
            os.read(waiting, 1)
            {work}
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    children.append(child)
os.close(gate)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(max(map(abs, codes)))
"""


def crowd(prepare: str, work: str, *arguments: str) -> list[str]:
    """Run the statement ``work`` in eight processes at once; return the lines they print.

    ``prepare`` runs before, once, usually for imports; ``arguments`` are in ``sys.argv[1:]``.
    Raises :class:`AssertionError` with their output if one fails or writes to stderr.
    """
    script = _SCRIPT.format(prepare=prepare, work=work, number=PROCESSES)
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()
