"""The security policy: from a token's claims to the bookstore's permissions."""

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
from pyramid_bookstore.web.request_id import request_id

if TYPE_CHECKING:  # it needs the jwt extra, this module does not
    from pyramid_bookstore.auth.tokens import Verifier

log = logging.getLogger(__name__)

_CHALLENGE = 'Bearer realm="bookstore"'
_NO_TOKEN = "Send a token in the header, as Authorization: Bearer TOKEN."


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller with a valid token: ``request.identity``."""

    #: The claim ``sub``; without one, ``token:`` and a digest of the token.
    subject: str
    #: As in the token, including those that the settings do not name.
    roles: tuple[str, ...]
    #: Full names, ``bookstore.view``; those of `bookstore.anonymous` included.
    permissions: frozenset[str]
    #: All claims. Not in the repr, which ends up in logs.
    claims: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Refused:
    """The result for a bad token. `BadToken` itself would keep the token in its traceback."""

    description: str


@implementer(ISecurityPolicy)
class JWTSecurityPolicy:
    """Bearer tokens (RFC 6750) for Pyramid: an `ISecurityPolicy`.

    A request without an Authorization header has the permissions of ``bookstore.anonymous``. A
    valid token adds those of its roles. A bad token has none at all, not even the anonymous ones,
    and gets 401 (RFC 6750, section 3.1, ``invalid_token``): treated as anonymous, a client with an
    expired token would see less than it should and not know why.

    The token is checked once per request.
    """

    def __init__(
        self,
        verifier: "Verifier",
        *,
        roles: Mapping[str, Iterable[str]],
        anonymous: Iterable[str] = (),
        roles_claim: str = "roles",
    ) -> None:
        """``roles`` are the permissions of each role, ``anonymous`` those without a token; both in
        the short form of the settings: ``view`` for ``bookstore.view``."""
        self._verifier = verifier
        self._anonymous = _full_names(anonymous)
        self._roles = {name: _full_names(permissions) for name, permissions in roles.items()}
        self._roles_claim = roles_claim
        self._results = RequestLocalCache(self._authenticate)

    def identity(self, request: Any) -> Identity | None:
        """The caller; `None` without a valid token."""
        result = self._results.get_or_create(request)
        return result if isinstance(result, Identity) else None

    def authenticated_userid(self, request: Any) -> str | None:
        """The subject of the token; `None` without a valid token."""
        identity = self.identity(request)
        return None if identity is None else identity.subject

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        """Whether the request has the permission, whatever the context."""
        result = self._results.get_or_create(request)
        if isinstance(result, _Refused):
            return Denied("The token is bad: %s", result.description)
        if result is None:
            if permission in self._anonymous:
                return Allowed("%s needs no token.", permission)
            return Denied("%s needs a token.", permission)
        if permission in result.permissions:
            return Allowed("The token gives %s.", permission)
        return Denied("The token does not give %s.", permission)

    def challenge(self, request: Any) -> str:
        """The value of WWW-Authenticate for a refused request (RFC 6750, section 3).

        With a valid token the error is ``insufficient_scope``, for a 403; with a bad one
        ``invalid_token``, for a 401. Without a token there is no ``error``.
        """
        result = self._results.get_or_create(request)
        if result is None:
            return _CHALLENGE
        if isinstance(result, Identity):
            return f'{_CHALLENGE}, error="insufficient_scope"'
        description = result.description
        return f'{_CHALLENGE}, error="invalid_token", error_description="{description}"'

    def reason(self, request: Any) -> str:
        """Why a request has no identity, as a sentence for the caller."""
        result = self._results.get_or_create(request)
        return result.description if isinstance(result, _Refused) else _NO_TOKEN

    def remember(self, request: Any, userid: str, **options: Any) -> list[tuple[str, str]]:
        """No headers: the issuer makes tokens, and the client stores them."""
        return []

    def forget(self, request: Any, **options: Any) -> list[tuple[str, str]]:
        """The challenge as a header, as Pyramid's policy for Basic authentication does."""
        return [("WWW-Authenticate", self.challenge(request))]

    def _authenticate(self, request: Any) -> Identity | _Refused | None:
        try:
            token = bearer_token(request.headers.get("Authorization"))
            return None if token is None else self._identify(token)
        except BadToken as refusal:
            log.info("Token refused, request %s: %s", request_id(request), refusal.description)
            return _Refused(refusal.description)

    def _identify(self, token: str) -> Identity:
        claims = self._verifier.claims(token)
        roles = _roles(claims.get(self._roles_claim, []))
        granted = (self._roles.get(role, frozenset()) for role in roles)
        return Identity(
            # RFC 7519 does not require sub. Under one name, all such callers would share what is
            # stored by caller, such as idempotency keys.
            subject=claims.get("sub") or f"token:{hashlib.sha256(token.encode()).hexdigest()[:32]}",
            roles=roles,
            permissions=self._anonymous.union(*granted),
            claims=MappingProxyType(claims),
        )


def _full_names(permissions: Iterable[str]) -> frozenset[str]:
    return frozenset(f"bookstore.{permission}" for permission in permissions)


def _roles(value: Any) -> tuple[str, ...]:
    """The roles from a list, or from one text with spaces between, as in ``scope`` (RFC 8693)."""
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise BadToken("The roles in the token must be a list of texts.")
    return tuple(value)
