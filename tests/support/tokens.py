"""Keys and tokens for the tests: valid ones by PyJWT, forged ones built by hand."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

#: A private key of `cryptography`, or a shared secret.
SigningKey: TypeAlias = Any

SECRET = "correct horse battery staple " * 3  # 87 bytes, enough for HS512

_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}


@functools.cache
def private_key(kind: str, name: str = "") -> SigningKey:
    """A key of a type: ``RSA``, ``RSA-1024``, ``DSA``, ``Ed25519``, ``Ed448`` or a curve. Each
    ``name`` has its own key, which is always the same."""
    if kind == "DSA":
        return dsa.generate_private_key(2048)
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind.partition("-")[2] or 2048))
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind])


#: Algorithm to the type of key that it needs.
KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
}


def public_pem(key: SigningKey) -> str:
    """The public part as PEM, as an operator would set it."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def private_pem(key: SigningKey) -> str:
    """The private part as PEM, which the bookstore must refuse."""
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def jwk(key: SigningKey, **members: Any) -> dict[str, Any]:
    """The public JWK of a key, or the JWK of a secret; ``members`` override its members."""
    if isinstance(key, str):
        entry: dict[str, Any] = {"kty": "oct", "k": base64url_encode(key.encode()).decode()}
    elif isinstance(key, rsa.RSAPrivateKey):
        entry = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        entry = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        entry = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    entry.pop("key_ops", None)
    return entry | members


def jwks(*entries: Any) -> str:
    """A JWK set as text."""
    return json.dumps({"keys": list(entries)})


def claims(**members: Any) -> dict[str, Any]:
    """Claims of a valid token; ``members`` override them, and `None` removes one."""
    good = {"sub": "ada", "exp": int(time.time()) + 600, "roles": ["staff"]}
    return {name: value for name, value in (good | members).items() if value is not None}


def sign(payload: Mapping[str, Any], key: SigningKey, algorithm: str, **headers: Any) -> str:
    """A token by PyJWT."""
    return jwt.encode(dict(payload), key, algorithm, headers=headers or None)


def forge(header: Any, payload: Any, key: SigningKey = SECRET, algorithm: str = "HS256") -> str:
    """A token with any header and payload at all, with the signature that ``key`` gives them.

    Both may be JSON values or the bytes that stand for them. PyJWT would make no such token.
    """
    parts = [
        base64url_encode(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    implementation = jwt.get_algorithm_by_name(algorithm)
    secret = key.encode() if isinstance(key, str) else key
    signature = implementation.sign(b".".join(parts), secret)
    return b".".join([*parts, base64url_encode(signature)]).decode()
