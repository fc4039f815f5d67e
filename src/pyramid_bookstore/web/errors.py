"""Errors of HTTP; those of the bookstore are in :mod:`pyramid_bookstore.errors`."""

from collections.abc import Sequence

from pyramid_bookstore.errors import BookstoreError


class BadRequest(BookstoreError):
    """The URL or the message itself is malformed."""

    code = "bad_request"


class MethodNotAllowed(BookstoreError):
    """The path does not have this method; ``allowed`` are those that it has."""

    code = "method_not_allowed"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        # Not the method itself: it is the client's text, of any length.
        super().__init__(f"This path serves {', '.join(allowed)} only.")


class PayloadTooLarge(BookstoreError):
    """The body is larger than ``limit`` bytes."""

    code = "payload_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body may have at most {limit} bytes.")


class UnsupportedMediaType(BookstoreError):
    """The type or charset of the body is not supported; ``accepted`` are the supported types."""

    code = "unsupported_media_type"

    def __init__(self, message: str, accepted: Sequence[str]) -> None:
        self.accepted = tuple(accepted)
        super().__init__(message)


class UnsupportedEncoding(BookstoreError):
    """The body is compressed, or has another Content-Encoding."""

    code = "unsupported_media_type"

    def __init__(self) -> None:
        super().__init__("A body with a Content-Encoding is not read.")


class PreconditionRequired(BookstoreError):
    """A change must say which version it changes (RFC 6585)."""

    code = "precondition_required"

    def __init__(self) -> None:
        super().__init__("Send If-Match with the ETag of the book as you know it.")
