"""How many examples a property is tried with."""

from __future__ import annotations

import math
import os


def examples(number: int) -> int:
    """``number`` where chance looks for faults, and two fifths of it where the examples are the
    same at each push."""
    return math.ceil(number * 0.4) if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else number
