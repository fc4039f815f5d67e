"""``bookstore init``"""

import re
from importlib.metadata import version
from pathlib import Path

import click
from click.core import ParameterSource

from pyramid_bookstore.cli.ini import ENDS_IN_INI, Ini
from pyramid_bookstore.cli.new_files import write_new

_DEVELOPMENT = "development.ini"
_PRODUCTION = "production.ini"

#: What only a checkout has: Alembic's section of an INI, and what an image is built from.
_ALEMBIC = re.compile(r"(?:#[^\n]*\n)*\[alembic\]\n[^\[]*?\n(?=\[)")
_SOURCES = re.compile(r"COPY setup\.cfg .*?'\.\[all\]'", re.DOTALL)


@click.command("init")
@click.option("--deploy", is_flag=True, help="Write the files of deploy/, too.")
@click.pass_context
def command(context: click.Context, deploy: bool) -> None:
    """Write development.ini and production.ini, to begin with.

    With -c, the INI that it names: SQLite, and 245 books to try things out. Where a file is there
    already, nothing is written.
    """
    ini: Ini = context.obj
    assert context.parent is not None
    named = context.parent.get_parameter_source("uri") is not ParameterSource.DEFAULT
    first = Path(ini.uri.partition("#")[0]) if named else Path(_DEVELOPMENT)
    if first.suffix != ".ini":
        raise click.ClickException(f"{first}: {ENDS_IN_INI}")
    files = {first: _ini(first.name if first.name == _PRODUCTION else _DEVELOPMENT)}
    if deploy or not named:
        files[first.parent / _PRODUCTION] = _ini(_PRODUCTION)
    if deploy:
        files |= _deploy(first.parent)
    write_new(files)
    for path in files:
        click.echo(f"Wrote {path}.")
    if first.name != _PRODUCTION:
        click.echo(f"`pserve {first}` serves http://127.0.0.1:6543/api/v1/docs")


def _ini(name: str) -> str:
    return _ALEMBIC.sub("", (_templates() / name).read_text(encoding="utf-8"))


def _deploy(folder: Path) -> dict[Path, str]:
    source = _templates()
    files = {
        folder / path.relative_to(source): path.read_text(encoding="utf-8")
        for path in sorted(source.glob("deploy/**/*"))
        if path.is_file() and path.parent.name != "__pycache__"  # which pip makes at the install
    }
    release = version("pyramid_bookstore")
    dockerfile = folder / "deploy" / "Dockerfile"
    install = (
        f"RUN /opt/bookstore/bin/pip install --no-cache-dir 'pyramid_bookstore[all]=={release}'"
    )
    files[dockerfile] = _SOURCES.sub(install, files[dockerfile])
    return files


def _templates() -> Path:
    """The folder with the files: in the package, else in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "init"
    return installed if installed.exists() else package.parents[1]
