"""The security policy: from the claims of a token to the bookstore's permissions."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import RequestLocalCache
from pyramid.security import Allowed, Denied
from zope.interface import implementer

from pyramid_bookstore.auth.bearer import BadToken, bearer_token

if TYPE_CHECKING:  # it needs the jwt extra, this module does not
    from pyramid_bookstore.auth.tokens import Verifier

log = logging.getLogger(__name__)

_CHALLENGE = 'Bearer realm="bookstore"'


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a good token: ``request.identity``."""

    #: The claim ``sub``; for a token without, ``token:`` and a digest, the same for each use.
    subject: str
    #: As the token lists them, those without meaning here too.
    roles: tuple[str, ...]
    #: Full names, ``bookstore.view``; what `bookstore.anonymous` gives to all is among them.
    permissions: frozenset[str]
    #: All claims. Not in the repr, which ends up in logs.
    claims: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Refused:
    """The outcome for a bad token; `BadToken` itself would keep the token in its traceback."""

    description: str


@implementer(ISecurityPolicy)
class JWTSecurityPolicy:
    """Bearer tokens (RFC 6750) for Pyramid: an `ISecurityPolicy`.

    A request without an Authorization header has the permissions of ``bookstore.anonymous``. A
    good token adds those of its roles. A bad one has none at all, not even the anonymous ones,
    and is answered with 401: whoever sends a token means to be somebody, and RFC 6750 (section
    3.1, ``invalid_token``) has the client told that its token no longer counts. Served as
    anonymous instead, a client would go on with an expired token and see less than it should,
    without a word.

    The token of a request is checked once, whoever asks how often.
    """

    def __init__(
        self,
        verifier: "Verifier",
        *,
        roles: Mapping[str, Iterable[str]],
        anonymous: Iterable[str] = (),
        roles_claim: str = "roles",
    ) -> None:
        """``roles`` gives each role its permissions, ``anonymous`` those without a token, both in
        the short form of the settings: ``view`` for ``bookstore.view``."""
        self._verifier = verifier
        self._anonymous = _full_names(anonymous)
        self._roles = {name: _full_names(permissions) for name, permissions in roles.items()}
        self._roles_claim = roles_claim
        self._outcomes = RequestLocalCache(self._authenticate)

    def identity(self, request: Any) -> Identity | None:
        """Who sends the request; `None` without a token, or with a bad one."""
        outcome = self._outcomes.get_or_create(request)
        return outcome if isinstance(outcome, Identity) else None

    def authenticated_userid(self, request: Any) -> str | None:
        """The subject of the token; `None` without a token, or with a bad one."""
        identity = self.identity(request)
        return None if identity is None else identity.subject

    def is_authenticated(self, request: Any) -> bool:
        """Whether the request carries a good token."""
        return self.identity(request) is not None

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        """Whether the request has the permission, whatever the context."""
        outcome = self._outcomes.get_or_create(request)
        if isinstance(outcome, _Refused):
            return Denied("The token is bad: %s", outcome.description)
        if outcome is None:
            if permission in self._anonymous:
                return Allowed("%s needs no token.", permission)
            return Denied("%s needs a token.", permission)
        if permission in outcome.permissions:
            return Allowed("The token gives %s.", permission)
        return Denied("The token does not give %s.", permission)

    def challenge(self, request: Any) -> str:
        """The value of WWW-Authenticate for a refused request (RFC 6750, section 3).

        With a good token that is ``insufficient_scope``, which goes with a 403; the others go
        with a 401. Without a token there is no ``error``: nothing was wrong with what was sent.
        """
        outcome = self._outcomes.get_or_create(request)
        if outcome is None:
            return _CHALLENGE
        if isinstance(outcome, Identity):
            return f'{_CHALLENGE}, error="insufficient_scope"'
        description = outcome.description
        return f'{_CHALLENGE}, error="invalid_token", error_description="{description}"'

    def remember(self, request: Any, userid: str, **options: Any) -> list[tuple[str, str]]:
        """No headers: tokens are made by their issuer, and kept by the client."""
        return []

    def forget(self, request: Any, **options: Any) -> list[tuple[str, str]]:
        """The challenge as a header, as Pyramid's policy for Basic has it."""
        return [("WWW-Authenticate", self.challenge(request))]

    def _authenticate(self, request: Any) -> Identity | _Refused | None:
        try:
            token = bearer_token(request.headers.get("Authorization"))
            return None if token is None else self._identify(token)
        except BadToken as refusal:
            log.info("Token refused: %s", refusal.description)
            return _Refused(refusal.description)

    def _identify(self, token: str) -> Identity:
        claims = self._verifier.claims(token)
        roles = _roles(claims.get(self._roles_claim, []))
        granted = (self._roles.get(role, frozenset()) for role in roles)
        return Identity(
            # RFC 7519 does not ask for sub. All such callers under one name would share what is
            # kept by caller, idempotency keys for one.
            subject=claims.get("sub") or f"token:{hashlib.sha256(token.encode()).hexdigest()[:32]}",
            roles=roles,
            permissions=self._anonymous.union(*granted),
            claims=MappingProxyType(claims),
        )


def _full_names(permissions: Iterable[str]) -> frozenset[str]:
    return frozenset(f"bookstore.{permission}" for permission in permissions)


def _roles(value: Any) -> tuple[str, ...]:
    """A list of texts; or one text, its roles separated by spaces as in ``scope`` (RFC 8693)."""
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise BadToken("The roles in the token must be a list of texts.")
    return tuple(value)
