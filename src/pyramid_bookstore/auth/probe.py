"""Whether the key that tokens are checked with can be used."""

import importlib.util
from collections.abc import Mapping
from typing import Any

from pyramid_bookstore.settings.reader import Faults


def token_key(values: Mapping[str, Any], faults: Faults) -> None:
    """Whether the key that tokens are checked with can be used."""
    if values["auth"] != "jwt" or faults.about("bookstore.jwt.key", "bookstore.jwt.algorithms"):
        return
    found = key_fault(values["jwt_key"], values["jwt_key_file"], values["jwt_algorithms"])
    if found is not None:
        faults.add(*found)


def key_fault(
    key: str | None, key_file: str | None, algorithms: tuple[str, ...]
) -> tuple[str, str] | None:
    """What keeps tokens from being checked with this key: the setting, and what is wrong with it;
    `None` if nothing does. One of ``key`` and ``key_file`` is set, and ``algorithms`` fit together.
    """
    missing = [name for name in ("jwt", "cryptography") if importlib.util.find_spec(name) is None]
    if missing:
        return (
            "bookstore.auth",
            f"jwt needs {' and '.join(missing)}, which is not installed:"
            ' pip install "pyramid_bookstore[jwt]"',
        )
    # Here, not at the top: the bare package runs without the extra.
    from pyramid_bookstore.auth.key_file import probe
    from pyramid_bookstore.auth.keys import KeyFault, from_setting

    try:
        if key_file:
            probe(key_file, algorithms)
        else:
            from_setting(key or "", algorithms)
    except KeyFault as fault:
        return ("bookstore.jwt.key_file" if key_file else "bookstore.jwt.key"), str(fault)
    return None
