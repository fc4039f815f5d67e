"""Makes tokens and keys, for a shop without an identity provider, and to try things out."""

import base64
import os
import time
from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from pyramid_bookstore.auth.key_file import read_keys
from pyramid_bookstore.auth.keys import KeyFault, from_setting
from pyramid_bookstore.auth.tokens import Verifier
from pyramid_bookstore.settings import JwtSettings

_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}
_RSA_BITS = 3072  # NIST SP 800-57: enough beyond 2030


def make_token(settings: JwtSettings, roles: Sequence[str], subject: str | None, ttl: int) -> str:
    """A token that these settings take for ``ttl`` seconds.

    Raises `KeyFault` if their key is no shared secret, and `BadToken` for a subject that a token
    cannot have.
    """
    if settings.key_file is None:
        keys = from_setting(settings.key or "", settings.algorithms)
    else:
        keys = read_keys(settings.key_file, settings.algorithms)
    secrets = ((each, each.material) for each in keys.keys if isinstance(each.material, bytes))
    key, secret = next(secrets, (None, b""))
    if key is None:
        raise KeyFault(
            "is a public key; tokens are made where its private key is (NAME-private.pem of"
            " bookstore jwt-key). bookstore token needs a shared secret: bookstore.jwt.algorithms ="
            " HS256, and bookstore.jwt.key"
        )
    now = int(time.time())
    claims: dict[str, Any] = {"iat": now, "exp": now + ttl, settings.roles_claim: [*roles]}
    if subject is not None:
        claims["sub"] = subject
    if settings.issuer is not None:
        claims["iss"] = settings.issuer
    if settings.audience:
        claims["aud"] = settings.audience[0]
    headers = None if key.kid is None else {"kid": key.kid}
    token = jwt.encode(claims, secret, key.algorithms[0], headers)
    Verifier(settings, lambda: keys).claims(token)
    return token


def make_secret(algorithm: str) -> str:
    """A shared secret for an HS algorithm: random bytes half as many again as its hash has."""
    return base64.b64encode(os.urandom(int(algorithm[2:]) * 3 // 16)).decode()


def make_pair(algorithm: str) -> tuple[bytes, bytes]:
    """A private key and its public key, both PEM, for any algorithm but HS."""
    private: Any
    if algorithm in _CURVES:
        private = ec.generate_private_key(_CURVES[algorithm])
    elif algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(65537, _RSA_BITS)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), public
