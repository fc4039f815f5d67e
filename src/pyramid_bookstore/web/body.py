"""Reads a request's body, after its size and type are checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

from pyramid.request import Request
from webob.request import DisconnectionError

from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.web.errors import (
    BadRequest,
    PayloadTooLarge,
    UnsupportedEncoding,
    UnsupportedMediaType,
)
from pyramid_bookstore.web.headers import media_type

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Body:
    """What a body may be: its media types, and the setting with its most bytes."""

    types: tuple[str, ...]
    limit: Callable[[Settings], int] = lambda settings: settings.max_body_size


JSON_BODY = Body((JSON,))
PATCH_BODY = Body((MERGE_PATCH, JSON))

#: Key of the environ for the body as a file.
_SPOOLED = "bookstore.spooled_body"
_BLOCK = 64 * 1024


def read_json(request: Request, *, limit: int, accepted: Sequence[str] = (JSON,)) -> Any:
    """The JSON value in the body, of at most ``limit`` bytes.

    Raises `PayloadTooLarge`, `UnsupportedMediaType`, `UnsupportedEncoding`, `InvalidJSON`,
    `BadRequest`.
    """
    check_size(request, limit)
    # An empty body needs no Content-Type. It may have no Content-Length either, so it is read.
    if not request.environ.get("CONTENT_TYPE") and not read_body(request, limit):
        raise InvalidJSON("The body is empty; JSON is expected.")
    check_type(request, accepted)
    return jsontext.loads(read_body(request, limit))


def check_size(request: Request, limit: int) -> None:
    """Check Content-Length, before anything is read; raises `PayloadTooLarge`, `BadRequest`."""
    announced: str = request.environ.get("CONTENT_LENGTH") or "0"
    if not (announced.isascii() and announced.isdigit()):
        raise BadRequest("Content-Length is not a number.")
    # int() is slow for thousands of digits.
    if len(announced.lstrip("0")) > 18 or int(announced) > limit:
        raise PayloadTooLarge(limit)


def check_type(request: Request, accepted: Sequence[str]) -> None:
    """Refuse other types and charsets, and compressed bodies."""
    if request.environ.get("HTTP_CONTENT_ENCODING"):
        raise UnsupportedEncoding
    kind, parameters = media_type(request.environ.get("CONTENT_TYPE", ""))
    if kind not in accepted:
        raise UnsupportedMediaType(f"Content-Type must be {' or '.join(accepted)}.", accepted)
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("The charset must be UTF-8.", accepted)


def read_body(request: Request, limit: int) -> bytes:
    """The whole body; raises `PayloadTooLarge` for more than ``limit`` bytes, and `BadRequest` for
    fewer than Content-Length.
    """
    if not request.is_body_readable:
        return b""
    length: int | None = request.content_length
    if request.is_body_seekable:
        request.body_file_raw.seek(0)
    try:
        body: bytes = request.body_file.read(limit + 1 if length is None else length)
    except DisconnectionError:
        body = b""
    if length is not None and len(body) < length:
        raise BadRequest("The body ended before its announced length.")
    if len(body) > limit:
        raise PayloadTooLarge(limit)
    # Stored for a second attempt at this request; in memory, where WebOb would use a file.
    request.body = body
    return body


def spooled_body(request: Request, limit: int) -> IO[bytes]:
    """The body as a temporary file, for bodies too large for memory.

    A second attempt at the same request gets the same file. Raises `PayloadTooLarge`, `BadRequest`.
    """
    check_size(request, limit)
    file: IO[bytes] | None = request.environ.get(_SPOOLED)
    if file is None:
        file = TemporaryFile(prefix="bookstore-")  # noqa: SIM115  # closed after the request
        request.environ[_SPOOLED] = file
        request.add_finished_callback(_close_spooled)
        _copy_body(request, file, limit)
    file.seek(0)
    return file


def _close_spooled(request: Request) -> None:
    request.environ.pop(_SPOOLED).close()


def _copy_body(request: Request, target: IO[bytes], limit: int) -> None:
    if not request.is_body_readable:
        return
    length = request.content_length
    left = limit + 1 if length is None else length
    while left:
        block = request.body_file_raw.read(min(left, _BLOCK))
        if not block:
            break
        target.write(block)
        left -= len(block)
    if length is None and not left:
        raise PayloadTooLarge(limit)
    if length is not None and left:
        raise BadRequest("The body ended before its announced length.")
