"""Passwords, kept as scrypt hashes (RFC 7914): ``scrypt$n$r$p$salt$hash``."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_N, _R, _P = 2**14, 8, 1


def hash_password(password: str, n: int = _N) -> str:
    """The hash to be kept, with a salt of its own; ``n`` is what a guess costs, a power of 2."""
    salt = secrets.token_bytes(16)
    return f"scrypt${n}${_R}${_P}${salt.hex()}${_scrypt(password, salt, n, _R, _P).hex()}"


def check_password(password: str, hashed: str | None) -> bool:
    """Whether it is this password; without a hash it takes as long, and the answer is no."""
    _, n, r, p, salt, expected = (hashed or _NOBODYS).split("$")
    found = _scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, bytes.fromhex(expected)) and hashed is not None


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=32)


# Who tries names cannot tell by the time it takes which of them exist.
_NOBODYS = f"scrypt${_N}${_R}${_P}${'00' * 16}${'00' * 32}"
