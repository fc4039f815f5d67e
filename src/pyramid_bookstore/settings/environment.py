"""Environment variables that override the INI, for the standalone application and the commands.

In a host the plug-in does not read the environment.
"""

import re
from collections.abc import Mapping

from pyramid_bookstore.settings import KEYS
from pyramid_bookstore.settings.reader import ROOT, variable

_ROOT = variable(ROOT)
#: The path of the INI (`pyramid_bookstore.wsgi`), so it is no setting.
_NOT_SETTINGS = frozenset({f"{_ROOT}INI"})
# Kubernetes adds variables with the address of every service of the namespace; those of a service
# named bookstore, or bookstore-db, look like settings.
_SERVICE = re.compile(
    r"(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)"
)
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")


def override(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The settings, overridden by those in the environment.

    A variable is a key in upper case with underscores for dots: ``BOOKSTORE_LIMIT_MAX`` is
    ``bookstore.limit.max``. In families the last part keeps its underscores:
    ``BOOKSTORE_SQLALCHEMY_POOL_SIZE`` is ``bookstore.sqlalchemy.pool_size``. A variable that is no
    setting becomes an unknown key, so that `Settings.from_mapping` reports it.
    """
    # With the keys of the INI, so that BOOKSTORE_ROLES_STAFF overrides roles.Staff.
    known = {variable(name): name for name in sorted(settings) if name.startswith(ROOT)}
    known |= {variable(key.name): key.name for key in KEYS if not key.family}
    families = {variable(key.prefix): key.prefix for key in KEYS if key.family}
    result = dict(settings)
    for name, value in sorted(environ.items()):
        if not name.startswith(_ROOT) or name in _NOT_SETTINGS:
            continue
        family = next((f for f in families if name.startswith(f) and name != f), None)
        if name in known:
            result[known[name]] = value
        elif family is not None:
            result[families[family] + name.removeprefix(family).lower()] = value
        elif not _is_service(name.removeprefix(_ROOT), value):
            result[ROOT + name] = value
    return result


def _is_service(name: str, value: str) -> bool:
    if _SERVICE.fullmatch(name):
        return True
    return (name == "PORT" or name.endswith("_PORT")) and _SERVICE_ADDRESS.match(value) is not None
