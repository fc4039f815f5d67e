"""The `Idempotency-Key` header: a request sent again gets the answer that it got before."""

import re
from collections.abc import Callable
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.transactions.idempotency import (
    IdempotencyStore,
    KeptAnswer,
    RunningKeys,
    digest,
)
from pyramid_bookstore.transactions.sessions import mark_changed, session_of
from pyramid_bookstore.web.body import check_size, read_body
from pyramid_bookstore.web.errors import BadRequest
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.responses import answer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

#: What belongs to the answer; the rest of the headers is made for each.
_KEPT = ("Content-Type", "ETag", "Last-Modified", "Location", "Preference-Applied")

# A structured-field string, as the draft has it, or the bare key that most clients send.
_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')

_ENTERED = "_bookstore_idempotency_key"

View = Callable[[Any, Request], Response]


def idempotent(view: View) -> View:
    """Decorator for views that write, inside their transaction; without the header it does nothing.

    Only answers of success are kept: a refusal left nothing behind, so the request may come again.
    """

    def once(context: Any, request: Request) -> Response:
        header = request.environ.get("HTTP_IDEMPOTENCY_KEY")
        if header is None:
            return view(context, request)
        mount = Mount.of(request.registry)
        check_size(request, mount.settings.max_body_size)
        body = read_body(request, mount.settings.max_body_size)
        key = _scoped(request, _parsed(header))
        fingerprint = digest(body)
        _enter(request, mount.part(RunningKeys), key)
        store = IdempotencyStore(session_of(request))
        kept = store.find(key, fingerprint)
        if kept is not None:
            return _again(request, kept)
        response = view(context, request)
        headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
        mark_changed(request)
        store.keep(
            key,
            fingerprint,
            KeptAnswer(response.status_int, headers, response.body),
            ttl=mount.settings.idempotency_ttl,
        )
        return response

    return once


def _enter(request: Request, running: RunningKeys, key: str) -> None:
    """Serve the key until the request is over: the host may commit after the view."""
    if request.__dict__.get(_ENTERED) == key:
        return  # another attempt at the same request
    running.enter(key)
    request.__dict__[_ENTERED] = key
    request.add_finished_callback(lambda _request: running.leave(key))


def _parsed(header: str) -> str:
    found = _KEY.fullmatch(header.strip())
    if not found:
        raise BadRequest(f"{HEADER} must be 1 to 255 visible ASCII characters.")
    return found[1] or found[2]


def _scoped(request: Request, key: str) -> str:
    """The key of this caller on this route: what others call theirs makes no difference."""
    caller = request.authenticated_userid
    route = f"{request.method} {request.path_info}"
    return digest(repr(caller).encode(), route.encode(), key.encode())


def _again(request: Request, kept: KeptAnswer) -> Response:
    response = answer(
        request, kept.body, status=kept.status, content_type=kept.headers.get("Content-Type")
    )
    response.headers.update(kept.headers)
    response.headers[REPLAYED] = "true"
    return response
