"""The Authorization header (RFC 6750, section 2.1): a token, none, or a bad one."""

import re

#: Characters. A token with a few roles has some hundred; every one of them is decoded and hashed
#: before anything is known of its sender.
MAX_TOKEN = 8 * 1024

# Of RFC 6750's b64token what a JWS can consist of (RFC 7515, 7.1: base64url without padding, and
# dots). A comma, as servers put between repeated headers, is none of it.
_BEARER = re.compile(r"bearer +([A-Za-z0-9\-_.]+)", re.IGNORECASE)


class BadToken(Exception):
    """The caller's credentials are not taken.

    ``description`` is for the caller and the log: a fixed text of ours, nothing of the token, in
    the characters that RFC 6750 has for ``error_description`` (no quotes, no backslash).
    """

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


def bearer_token(header: str | None) -> str | None:
    """The token of an Authorization header, `None` where there is no header.

    Raises `BadToken` for anything else: another scheme, several credentials, no token, a token
    of more than `MAX_TOKEN` characters. Tokens in the query or the body (RFC 6750, 2.2 and 2.3)
    are not looked for: they would end up in logs.
    """
    if header is None:
        return None
    found = _BEARER.fullmatch(header.strip(" \t"))
    if found is None:
        raise BadToken("The Authorization header must be Bearer and one token.")
    if len(found[1]) > MAX_TOKEN:
        raise BadToken(f"The token is longer than {MAX_TOKEN} characters.")
    return found[1]
