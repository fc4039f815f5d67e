"""Bearer tokens: who calls, and what they may do (``bookstore.auth = jwt``).

In a host, the setting alone has tokens decide on the bookstore's routes, and the host's policy, or
none, on all others. A host whose own views are to ask for the same permissions chooses the policy
for the whole application with ``config.include("pyramid_bookstore.auth")``. Both need the ``jwt``
extra, and read ``bookstore.jwt.*``, ``bookstore.roles.NAME`` and ``bookstore.anonymous``.

=====================  =========================================================================
``bearer.py``          the Authorization header: a token, none, or a bad one
``keys.py``            secret, PEM and JWKS to keys, each bound to the algorithms it serves
``key_file.py``        a file of keys, read again when it changes
``tokens.py``          a token to its claims, or `BadToken`
``policy.py``          `JWTSecurityPolicy`: claims to permissions, and the challenge of a 401
``own_routes.py``      the policy on our routes, the host's on all others
=====================  =========================================================================
"""

from typing import Any

from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.auth.policy import JWTSecurityPolicy
from pyramid_bookstore.auth.probe import key_fault, token_key
from pyramid_bookstore.settings import Settings


def make_policy(settings: Settings) -> JWTSecurityPolicy:
    """The policy of these settings.

    Raises `pyramid.exceptions.ConfigurationError` where ``bookstore.auth`` is not ``jwt``, the
    ``jwt`` extra is not installed, or the key cannot be used; the text says what to do.
    """
    if settings.jwt is None:
        raise ConfigurationError("pyramid_bookstore.auth needs bookstore.auth = jwt")
    fault = key_fault(settings.jwt.key, settings.jwt.key_file, settings.jwt.algorithms)
    if fault is not None:
        raise ConfigurationError(": ".join(fault))
    # Here, not at the top: the bare package runs without the extra.
    from pyramid_bookstore.auth.tokens import Verifier

    return JWTSecurityPolicy(
        Verifier.from_settings(settings.jwt),
        roles=settings.roles,
        anonymous=settings.anonymous,
        roles_claim=settings.jwt.roles_claim,
    )


def includeme(config: Any) -> None:
    """Make `JWTSecurityPolicy` the security policy of the application."""
    settings = Settings.from_mapping(config.registry.settings, [token_key])
    config.set_security_policy(make_policy(settings))
