"""Progress on the terminal: a run takes long, and says where it is."""

from __future__ import annotations


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201 - talking to the terminal is this function's work
