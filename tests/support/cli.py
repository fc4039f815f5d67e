"""Click's runner for commands, with the same results from click 8.1 on."""

from __future__ import annotations

import inspect
from typing import Any

from click.testing import CliRunner as ClicksRunner
from click.testing import Result

#: Before click 8.2 the two streams were either mixed or apart.
_MIXES = "mix_stderr" in inspect.signature(ClicksRunner).parameters
_APART: dict[str, Any] = {"mix_stderr": False} if _MIXES else {}


class _BothStreams(Result):
    @property
    def output(self) -> str:
        return self.stdout + self.stderr


class CliRunner(ClicksRunner):
    """Results have ``stderr``, and both streams in ``output``."""

    def __init__(self) -> None:
        super().__init__(**_APART)

    def invoke(self, *words: Any, **options: Any) -> Result:
        """As click's."""
        result = super().invoke(*words, **options)
        if _MIXES:
            object.__setattr__(result, "__class__", _BothStreams)
        return result
