"""Print pip constraints that pin what setup.cfg requires at run time to its minimum version.

python -m tests.support.floors > floors.txt     (see ``make floors``)
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from packaging.requirements import Requirement

SETUP_CFG = Path(__file__).parents[2] / "setup.cfg"


#: Extras for whoever works on the code; their newest versions need newer ones of others.
TOOLS = ("testing", "dev", "site")


def requirements(
    setup_cfg: Path = SETUP_CFG, *, without: Collection[str] = ()
) -> Iterator[Requirement]:
    """Yield all requirements, those of the extras too, but for some extras."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(setup_cfg, encoding="utf-8")
    extras = parser["options.extras_require"].items()
    wanted = [lines for name, lines in extras if name not in without]
    groups = [parser["options"]["install_requires"], *wanted]
    for line in "\n".join(groups).splitlines():
        if line.strip() and not line.strip().startswith("#"):
            yield Requirement(line.strip())


def constraints(setup_cfg: Path = SETUP_CFG) -> Iterator[str]:
    """Yield ``name==version`` for each requirement at run time that has a minimum version."""
    for requirement in requirements(setup_cfg, without=TOOLS):
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                yield f"{requirement.name}=={specifier.version}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in constraints())
