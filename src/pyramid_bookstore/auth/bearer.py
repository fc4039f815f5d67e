"""Reads the Authorization header (RFC 6750, section 2.1)."""

import re

#: Characters. A token with a few roles has some hundred; all are decoded and hashed before the
#: sender is known.
MAX_TOKEN = 8 * 1024

# The characters of a JWS (RFC 7515, 7.1: base64url without padding, and dots). So a comma, with
# which servers join repeated headers, is refused.
_BEARER = re.compile(r"bearer +([A-Za-z0-9\-_.]+)", re.IGNORECASE)


class BadToken(Exception):
    """The credentials are refused.

    ``description`` is for the caller and the log: a fixed text without parts of the token, in the
    characters that RFC 6750 allows in ``error_description`` (no quotes, no backslash).
    """

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


def bearer_token(header: str | None) -> str | None:
    """The token of an Authorization header, `None` without a header.

    Raises `BadToken` for another scheme, several credentials, no token, or a token of more than
    `MAX_TOKEN` characters. Tokens in the query or the body (RFC 6750, 2.2 and 2.3) are not read:
    they would end up in logs.
    """
    if header is None:
        return None
    found = _BEARER.fullmatch(header.strip(" \t"))
    if found is None:
        raise BadToken("The Authorization header must be Bearer and one token.")
    if len(found[1]) > MAX_TOKEN:
        raise BadToken(f"The token is longer than {MAX_TOKEN} characters.")
    return found[1]
