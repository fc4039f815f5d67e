"""Headers of requests and of answers, each described once."""

from pyramid_bookstore.description import examples
from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.web.conditional import MAX_TAGS

_TEXT: Schema = {"type": "string"}


def _parameter(name: str, text: str, example: str, schema: Schema = _TEXT) -> Schema:
    # Swagger UI would fill in an example of the parameter, and requests with a wrong ETag fail. So
    # the example is in the text.
    text = f"{text} Example: `{example}`"
    return {"name": name, "in": "header", "description": text, "schema": schema}


#: Headers of requests, by name.
REQUEST: dict[str, Schema] = {
    parameter["name"]: parameter
    for parameter in (
        _parameter(
            "X-Request-ID",
            "A name for this request, to find it again in logs: up to 128 letters, digits and"
            " `._:@/+=-`. One that is none is replaced.",
            "checkout-4711",
        ),
        _parameter(
            "Idempotency-Key",
            "A key of your own for this request, best a random UUID: sent again, it gets the answer"
            " that it got before, and nothing is done twice. All callers without authentication"
            " share their keys.",
            examples.KEY,
            {
                "type": "string",
                "pattern": r'^("[\x20\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$',
            },
        ),
        _parameter(
            "If-Match",
            f"ETags (at most {MAX_TAGS}) of which the book must have one, or `*` (RFC 9110,"
            " 13.1.1); otherwise 412.",
            examples.ETAG,
        ),
        _parameter(
            "If-None-Match",
            f"ETags (at most {MAX_TAGS}) of which it must have none, or `*` (RFC 9110, 13.1.2):"
            " 304 for a read, 412 for a change.",
            examples.ETAG,
        ),
        _parameter(
            "If-Modified-Since",
            "304 unless the book has changed since (RFC 9110, 13.1.3); ignored with"
            " `If-None-Match`, and where it is no HTTP date.",
            examples.WHEN,
        ),
        _parameter(
            "If-Unmodified-Since",
            "412 if the book has changed since (RFC 9110, 13.1.4); ignored with `If-Match`, and"
            " where it is no HTTP date.",
            examples.WHEN,
        ),
        _parameter(
            "Prefer",
            "`return=minimal`: no book in the answer (RFC 7240).",
            "return=minimal",
        ),
        _parameter(
            "Cache-Control",
            "`no-cache`: read the primary database, not a replica that may lag behind.",
            "no-cache",
        ),
    )
}


def _header(text: str, schema: Schema = _TEXT, *, required: bool = False) -> Schema:
    return {"description": text, "schema": schema} | ({"required": True} if required else {})


_TAG: Schema = {"type": "string", "pattern": '^"[^"]*"$', "examples": [examples.ETAG]}
_PATH: Schema = {"type": "string", "format": "uri-reference"}
_WHEN: Schema = {"type": "string", "examples": [examples.WHEN]}

#: The headers of every answer.
EVERYWHERE = ("X-Request-ID", "Cache-Control", "X-Content-Type-Options")

#: Headers of answers, by name.
RESPONSE: dict[str, Schema] = {
    "X-Request-ID": _header(
        "The request's name in the logs.", {"type": "string", "minLength": 1}, required=True
    ),
    "Cache-Control": _header("Whether it may be kept (RFC 9111).", required=True),
    "X-Content-Type-Options": _header("`nosniff`.", {"const": "nosniff"}, required=True),
    "ETag": _header("The entity tag of what was answered, or of the book.", _TAG),
    "Last-Modified": _header("When the book was changed, to the second.", _WHEN),
    "Location": _header("The path of the new book, or where to go instead.", _PATH),
    "Content-Location": _header("The book's own path.", _PATH),
    "Link": _header("The first, previous, next and last page, as they apply (RFC 8288)."),
    "Preference-Applied": _header("The preference that was honoured (RFC 7240)."),
    "Idempotency-Replayed": _header(
        "`true` where the answer is the one to an earlier request with this key.",
        {"const": "true"},
    ),
    "Content-Security-Policy": _header("From where the page may load anything."),
    "Referrer-Policy": _header("What the page tells others of itself."),
    "Content-Disposition": _header("A name for the file."),
    "Allow": _header("The methods that the path serves.", required=True),
    "Accept": _header("The media types that are read here."),
    "Accept-Patch": _header("The same, of PATCH (RFC 5789, 3.1)."),
    "Accept-Encoding": _header(
        "`identity`, where it was the Content-Encoding (RFC 9110, 15.5.16).", {"const": "identity"}
    ),
    "WWW-Authenticate": _header("How to authenticate (RFC 9110, 11.6.1)."),
    "Retry-After": _header(
        "Seconds after which to try again.", {"type": "integer", "minimum": 0}, required=True
    ),
}


def refs(*names: str) -> Schema:
    """References to the headers of every answer, and to these."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*EVERYWHERE, *names)}
