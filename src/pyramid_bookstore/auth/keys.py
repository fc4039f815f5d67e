"""Reads the keys that verify tokens from a secret, PEM or JWKS.

When it is read, each key gets those of the configured algorithms that its type supports. So a
token cannot choose how a key is used: an RSA public key is never used as a shared secret (RFC
8725, 2.1 and 3.1). Error messages show nothing of a key but its type and size.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import get_default_algorithms

from pyramid_bookstore.settings.converters import SYMMETRIC

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

_IMPLEMENTATIONS = get_default_algorithms()
# RFC 7518, section 3.4: each ES algorithm has one curve.
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
# RFC 7518, section 6.1, and RFC 8037: which algorithm of PyJWT reads the JWKs of a kty.
_READERS = {"oct": "HS256", "RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
_RSA_BITS = 2048  # RFC 7518, sections 3.3 and 3.5


class KeyFault(ValueError):
    """The key cannot be used; the text follows the name of the setting or key."""


class NoUsableKey(KeyFault):
    """The file is a JWKS, and no key in it can be used."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key and its algorithms, at least one."""

    material: PublicKey | bytes = field(repr=False)
    algorithms: tuple[str, ...]
    kid: str | None = None


@dataclass(frozen=True, slots=True)
class KeySet:
    """One key, or several with different ``kid``; with none, no token is valid."""

    keys: tuple[Key, ...]
    #: Which keys of the file are ignored, and why; for the log.
    ignored: tuple[str, ...] = ()

    def choose(self, kid: str | None) -> Key | None:
        """The key for a token with this ``kid`` in its header; `None` if there is no such key.

        A key without a kid is the only one, and is used for every token: issuers put a kid into
        tokens even if they publish the key as PEM, which has none.
        """
        only = self.keys[0] if len(self.keys) == 1 else None
        if only is not None and (kid is None or only.kid is None):
            return only
        return next((key for key in self.keys if key.kid == kid), None)


def from_setting(text: str, algorithms: tuple[str, ...]) -> KeySet:
    """The key in ``bookstore.jwt.key``: the shared secret for HS*, else a PEM public key.

    ``algorithms`` are HS* alone or none of them. Raises `KeyFault`.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:  # from bytes of the environment that are no text
        raise KeyFault("is not UTF-8") from None
    if algorithms[0] in SYMMETRIC:
        return KeySet((_make_key(data, algorithms),))
    # Environment variables often have line ends written as \n.
    return _from_pem(data.replace(b"\\n", b"\n"), algorithms)


def from_file(data: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """The keys in a file: PEM or JWKS (RFC 7517, section 5).

    Raises `NoUsableKey` for a JWKS without one, and `KeyFault` for any other file.
    """
    if not data.strip():
        raise KeyFault("the file is empty")
    if data.lstrip().startswith(b"{"):
        return _from_jwks(data, algorithms)
    if b"-----BEGIN " in data:
        return _from_pem(data, algorithms)
    # Not even for HS*: it is unknown whether a line end is part of the secret.
    raise KeyFault("the file is neither PEM nor JWKS (a shared secret is a JWK of kty oct)")


def _from_pem(data: bytes, algorithms: tuple[str, ...]) -> KeySet:
    if b"PRIVATE KEY-----" in data:
        raise KeyFault("is a private key; give the public one, with which nobody can sign")
    if b"-----BEGIN CERTIFICATE" in data:
        raise KeyFault("is a certificate; give its public key (openssl x509 -pubkey -noout)")
    if data.count(b"-----BEGIN ") > 1:
        raise KeyFault("has several PEM keys; put them into a JWKS, each with a kid")
    try:
        return KeySet((_make_key(load_pem_public_key(data), algorithms),))
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, KeyFault):
            raise
        raise KeyFault("is no PEM public key") from None


def _from_jwks(data: bytes, algorithms: tuple[str, ...]) -> KeySet:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise KeyFault("the file is not JSON") from None
    entries = [document] if "kty" in document else document.get("keys")
    if not isinstance(entries, list):
        raise KeyFault("the file is no JWKS: it has no list of keys")
    if not entries:
        raise NoUsableKey("the list of keys in the file is empty")
    keys: list[Key] = []
    ignored: list[str] = []
    for number, entry in enumerate(entries):
        try:
            keys.append(_from_jwk(entry, algorithms))
        except KeyFault as fault:
            # RFC 7517, section 5: such keys are ignored, as they may be for other software.
            ignored.append(f"keys[{number}] {fault}")
    if not keys:
        raise NoUsableKey(f"no key in the file is for {' '.join(algorithms)}: {'; '.join(ignored)}")
    kids = [key.kid for key in keys]
    if len(keys) > 1 and (None in kids or len({*kids}) < len(kids)):
        raise KeyFault("with several keys in the file, each needs a kid of its own")
    return KeySet(tuple(keys), tuple(ignored))


def _from_jwk(entry: Any, algorithms: tuple[str, ...]) -> Key:
    if not isinstance(entry, dict):
        raise KeyFault("is no object")
    kid, operations = entry.get("kid"), entry.get("key_ops", ["verify"])
    if kid is not None and not isinstance(kid, str):
        raise KeyFault("has a kid that is no string")
    if entry.get("use", "sig") != "sig" or not (
        isinstance(operations, list) and "verify" in operations
    ):
        raise KeyFault("is not for checking signatures (use, key_ops)")
    if "d" in entry:
        raise KeyFault("is a private key; only its public part belongs here")
    if "alg" in entry:
        algorithms = tuple(name for name in algorithms if name == entry["alg"])
        if not algorithms:
            raise KeyFault("is for another alg")
    kty = entry.get("kty")
    if not isinstance(kty, str) or kty not in _READERS:
        raise KeyFault("has no kty that is known here")
    try:
        material = _IMPLEMENTATIONS[_READERS[kty]].from_jwk(entry)
    # Without the text of PyJWT's error, which may show the key.
    except (jwt.PyJWTError, UnsupportedAlgorithm, LookupError, TypeError, ValueError):
        raise KeyFault(f"is malformed for kty {kty}") from None
    return _make_key(material, algorithms, kid)


def _make_key(material: Any, algorithms: Iterable[str], kid: str | None = None) -> Key:
    """The key with those of the algorithms that it supports; `KeyFault` if none, or if weak."""
    supported = tuple(name for name in algorithms if _supports(material, name))
    if not supported:
        raise KeyFault(f"is {_kind(material)}, not for {' '.join(algorithms)}")
    if isinstance(material, RSAPublicKey) and material.key_size < _RSA_BITS:
        raise KeyFault(f"has {material.key_size} bits; RSA needs at least {_RSA_BITS}")
    if isinstance(material, bytes):
        _check_secret(material, supported)
    return Key(material, supported, kid)


def _check_secret(secret: bytes, algorithms: Iterable[str]) -> None:
    for name in algorithms:
        needed = int(name[2:]) // 8  # RFC 7518, section 3.2: as long as the hash
        if len(secret) < needed:
            raise KeyFault(f"has {len(secret)} bytes; {name} needs at least {needed}")
    try:
        _IMPLEMENTATIONS["HS256"].prepare_key(secret)
    except jwt.InvalidKeyError:
        raise KeyFault("is a public key, certificate or JWK; HS* needs a secret") from None


def _supports(material: Any, algorithm: str) -> bool:
    if isinstance(material, bytes):
        return algorithm in SYMMETRIC
    if isinstance(material, RSAPublicKey):
        return algorithm[:2] in ("RS", "PS")
    if isinstance(material, EllipticCurvePublicKey):
        return _CURVES.get(algorithm) == material.curve.name
    return isinstance(material, Ed25519PublicKey | Ed448PublicKey) and algorithm == "EdDSA"


def _kind(material: Any) -> str:
    if isinstance(material, bytes):
        return "a shared secret"
    if isinstance(material, EllipticCurvePublicKey):
        return f"an EC key on {material.curve.name}"
    # RSAPublicKey, Ed25519PublicKey, DSAPublicKey, …
    return f"of type {type(material).__name__.removesuffix('PublicKey')}"
