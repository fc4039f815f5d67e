"""Profiles: named mappings of the files that other programs write, kept as TOML."""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Final

from pyramid_bookstore.catalogue.extra import NO_RULES, ExtraRules
from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.options import FeedOptions, options_from

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SUFFIX: Final = ".toml"
_MAX_SIZE: Final = 64 * 1024
#: Profiles that extend one another.
_MAX_DEPTH: Final = 5


def profile(name: str, rules: ExtraRules = NO_RULES, *, files: bool = False) -> FeedOptions:
    """The options of a profile, of the fields that ``rules`` declare; with ``files``, ``name`` may
    be the path of one.

    Raises `ValidationFailed` for a profile that is not there or has a fault.
    """
    return _read(name, rules, files=files, depth=0)


def profile_names() -> list[str]:
    """The profiles that come with the package."""
    found = (Path(each.name) for each in _folder().iterdir())
    return sorted(each.stem for each in found if each.suffix == _SUFFIX)


def _folder() -> resources.abc.Traversable:
    return resources.files("pyramid_bookstore") / "data" / "profiles"


def _read(name: str, rules: ExtraRules, *, files: bool, depth: int) -> FeedOptions:
    if depth > _MAX_DEPTH:
        refuse(f"The profile {name} extends itself.", "profile")
    try:
        values = tomllib.loads(_text(name, files=files))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        refuse(f"The profile {name} is not TOML: {error}.", "profile")
    base = values.pop("extends", None)
    try:
        options = options_from(values, rules)
        options.check()
    except ValidationFailed as error:
        [first, *_] = error.faults
        refuse(f"The profile {name}: {first.field}: {first.message}", "profile")
    if base is None:
        return options
    if not isinstance(base, str):
        refuse(f"The profile {name}: extends must be the name of another profile.", "profile")
    return options.over(_read(base, rules, files=files, depth=depth + 1))


def _text(name: str, *, files: bool) -> str:
    if _NAME.fullmatch(name) and name in profile_names():
        return (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    known = ", ".join(profile_names())
    if not files:
        refuse(f"There is no profile {name[:80]!r}; there are {known}.", "profile")
    try:
        with open(name, "rb") as opened:
            content = opened.read(_MAX_SIZE + 1)
    except (OSError, ValueError):
        refuse(
            f"There is no profile {name[:200]!r}; there are {known}, or give the path of a file.",
            "profile",
        )
    if len(content) > _MAX_SIZE:
        refuse(f"The profile {name} has more than {_MAX_SIZE:,} bytes.", "profile")
    return content.decode()
