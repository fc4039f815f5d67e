"""Bearer tokens: who the caller is, and what it may do (``bookstore.auth = jwt``).

In a host, the setting alone makes tokens decide on the bookstore's routes; the host's policy, or
none, decides on all others. If a host's own views need the same permissions, it uses this policy
for the whole application: ``config.include("pyramid_bookstore.auth")``. Both need the ``jwt``
extra, and read ``bookstore.jwt.*``, ``bookstore.roles.NAME`` and ``bookstore.anonymous``.

=====================  =========================================================================
``bearer.py``          the Authorization header to a token
``keys.py``            secret, PEM and JWKS to keys, each with its algorithms
``key_file.py``        a file of keys that is read again when it changes
``tokens.py``          a token to its claims
``issue.py``           makes tokens and keys, for the command line
``policy.py``          `JWTSecurityPolicy`: claims to permissions, and the challenge of a 401
``own_routes.py``      that policy on our routes, the host's on all others
=====================  =========================================================================
"""

import importlib.util
from collections.abc import Mapping
from typing import Any

from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.auth.policy import JWTSecurityPolicy
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.settings.reader import Faults


def make_policy(settings: Settings) -> JWTSecurityPolicy:
    """The policy of these settings, which `check_token_key` has checked.

    Raises `pyramid.exceptions.ConfigurationError` if ``bookstore.auth`` is not ``jwt``.
    """
    if settings.jwt is None:
        raise ConfigurationError("pyramid_bookstore.auth needs bookstore.auth = jwt")
    # Imported here: it needs the jwt extra, without which this package must be importable.
    from pyramid_bookstore.auth.tokens import Verifier

    return JWTSecurityPolicy(
        Verifier.from_settings(settings.jwt),
        roles=settings.roles,
        anonymous=settings.anonymous,
        roles_claim=settings.jwt.roles_claim,
    )


def includeme(config: Any) -> None:
    """Make `JWTSecurityPolicy` the security policy of the application.

    Raises `pyramid.exceptions.ConfigurationError` for faulty settings.
    """
    settings = Settings.from_mapping(config.registry.settings, [check_token_key])
    config.set_security_policy(make_policy(settings))


def missing_packages() -> str | None:
    """What is missing of the ``jwt`` extra, and how to install it."""
    missing = [name for name in ("jwt", "cryptography") if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return (
        f"needs {' and '.join(missing)}, which is not installed:"
        ' pip install "pyramid_bookstore[jwt]"'
    )


def check_token_key(values: Mapping[str, Any], faults: Faults) -> None:
    """A probe of the settings: the jwt extra is installed, and the key can verify tokens."""
    if values["auth"] != "jwt" or faults.about("bookstore.jwt.key", "bookstore.jwt.algorithms"):
        return
    missing = missing_packages()
    if missing:
        faults.add("bookstore.auth", f"jwt {missing}")
        return
    from pyramid_bookstore.auth.key_file import check_file  # needs the extra, as above
    from pyramid_bookstore.auth.keys import KeyFault, from_setting

    key, key_file, algorithms = (values[f"jwt_{n}"] for n in ("key", "key_file", "algorithms"))
    try:
        if key_file:
            check_file(key_file, algorithms)
        else:
            from_setting(key or "", algorithms)
    except KeyFault as fault:
        faults.add("bookstore.jwt.key_file" if key_file else "bookstore.jwt.key", str(fault))
