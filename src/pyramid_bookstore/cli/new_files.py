"""Writes files that must not be there yet: all of them, or none."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click


def write_new(files: Mapping[Path, str | bytes], *, private: Path | None = None) -> None:
    """Write the files, and the folders that they need; only the owner may read ``private``.

    Raises `ClickException` and leaves nothing behind where a file is there already, a folder is
    none, or something cannot be written.
    """
    there = [str(path) for path in files if os.path.lexists(path)]
    if there:
        raise _nothing(f"this is there already: {', '.join(there)}")
    folders = [each for path in files for each in path.parents if os.path.lexists(each)]
    if no_folder := next((each for each in folders if not each.is_dir()), None):
        raise _nothing(f"{no_folder} is no folder")
    with ExitStack() as undo:
        try:
            for path, content in files.items():
                for folder in reversed(path.parents):
                    if not folder.exists():
                        folder.mkdir()
                        undo.callback(folder.rmdir)
                mode = 0o600 if path == private else 0o666
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                undo.callback(path.unlink)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise _nothing(f"{error.strerror}: {error.filename or path}") from None
        undo.pop_all()


def _nothing(why: str) -> click.ClickException:
    return click.ClickException(f"Nothing is written, because {why}.")
