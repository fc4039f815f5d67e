"""From a token to its claims: JWS signature (RFC 7515), registered claims (RFC 7519).

Follows the best practices of RFC 8725. Of a token's header only ``kid`` is used, to choose one of
our own keys. Nothing in it is fetched or used as a key.
"""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

import jwt

from pyramid_bookstore.auth.bearer import BadToken
from pyramid_bookstore.auth.key_file import KeyFile
from pyramid_bookstore.auth.keys import KeySet, from_setting
from pyramid_bookstore.settings import JwtSettings

#: Returns the current keys.
KeySource: TypeAlias = Callable[[], KeySet]

# Each contains or points to a key of the sender's choice (RFC 8725, 3.10).
_FOREIGN_KEYS = ("jku", "jwk", "x5u", "x5c")
# Media types of an access token, without "application/" (RFC 7519, 5.1; RFC 9068, 2.1). The same
# issuer may make other tokens, such as logout tokens, which must be refused (RFC 8725, 3.11).
_TYPES = ("jwt", "at+jwt")
_MAX_SUBJECT = 255  # characters, as in OpenID Connect Core 1.0, section 2

_DESCRIPTIONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is for another audience."),
    (jwt.InvalidIssuerError, "The token is from another issuer."),
    (jwt.InvalidAlgorithmError, "The token is signed with an algorithm that is not taken."),
    (jwt.InvalidSignatureError, "The signature does not hold."),
)


class Verifier:
    """Checks tokens by the settings ``bookstore.jwt.*``."""

    def __init__(self, settings: JwtSettings, keys: KeySource) -> None:
        self._keys = keys
        # RFC 7519, 4.1.3: without an audience of our own, a token with one is not for us.
        self._audience = settings.audience or None
        self._issuer = settings.issuer
        self._leeway = settings.leeway
        # "iat" is not checked: it is no limit (RFC 7519, 4.1.6), and if the issuer's clock is a
        # second ahead, each new token would be refused.
        self._options: jwt.types.Options = {
            "require": ["exp"],
            "verify_iat": False,
            "enforce_minimum_key_length": True,
        }

    @classmethod
    def from_settings(cls, settings: JwtSettings) -> Self:
        """Reads the key or the file of keys; raises `pyramid_bookstore.auth.keys.KeyFault`."""
        if settings.key_file is not None:
            return cls(settings, KeyFile(settings.key_file, settings.algorithms))
        keys = from_setting(settings.key or "", settings.algorithms)
        return cls(settings, lambda: keys)

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a valid token: times are numbers, and ``sub``, if there is one, is a text
        that can be stored and logged. Raises `BadToken` for any other token."""
        try:
            header = jwt.get_unverified_header(token)
            _check_header(header)
            key = self._keys().choose(header.get("kid"))
            if key is None:
                raise BadToken("The token names no key that is known here.")
            claims = jwt.decode(
                token,
                key.material,
                algorithms=list(key.algorithms),
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options=self._options,
            )
        except jwt.PyJWTError as error:
            # From None: a traceback would contain the token.
            raise BadToken(_description(error)) from None
        _check_claims(claims)
        return claims


def _description(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token lacks {error.claim}."
    known = (text for kind, text in _DESCRIPTIONS if isinstance(error, kind))
    return next(known, "The token is malformed.")


def _check_header(header: Mapping[str, Any]) -> None:
    if any(name in header for name in _FOREIGN_KEYS):
        raise BadToken("The token brings its own key.")
    if "crit" in header:  # RFC 7515, 4.1.11: extensions that must be supported; none are
        raise BadToken("The token has critical extensions.")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise BadToken("The token is not an access token.")


def _check_claims(claims: Mapping[str, Any]) -> None:
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadToken(f"The claim {name} must be a number.")
    subject = claims.get("sub", "-")
    if (
        not 1 <= len(subject) <= _MAX_SUBJECT
        # No database stores NUL and lone surrogates; line ends could forge lines in logs.
        or any(unicodedata.category(character) in ("Cc", "Cs") for character in subject)
    ):
        raise BadToken(f"The claim sub must be a plain text of 1 to {_MAX_SUBJECT} characters.")
