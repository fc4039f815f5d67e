"""The ``Idempotency-Key`` header: a repeated request gets the answer to the first one."""

import re
from collections.abc import Callable
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.transactions.idempotency import (
    IdempotencyStore,
    RunningKeys,
    StoredAnswer,
    digest,
)
from pyramid_bookstore.transactions.sessions import mark_changed, session_of
from pyramid_bookstore.web.body import check_size, read_body
from pyramid_bookstore.web.errors import BadRequest
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.responses import answer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

#: Characters from which a key is taken for a random one, which no two strangers send.
RANDOM_KEY = 20

#: The headers that are stored; all others are made for each answer.
_STORED = ("Content-Type", "ETag", "Last-Modified", "Location", "Preference-Applied")

# A string of RFC 8941, as in the draft, or the bare key that most clients send.
_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')

_SERVED_KEY = "_bookstore_idempotency_key"

View = Callable[[Any, Request], Response]


def idempotent(view: View) -> View:
    """Decorator for views that write, inside their transaction; needs the header to do anything.

    Only answers of success are stored. After an error nothing is written, so the request may be
    repeated.
    """

    def run_once(context: Any, request: Request) -> Response:
        header = request.environ.get("HTTP_IDEMPOTENCY_KEY")
        if header is None:
            return view(context, request)
        mount = Mount.of(request.registry)
        check_size(request, mount.settings.max_body_size)
        body = read_body(request, mount.settings.max_body_size)
        sent = _parsed(header)
        key = _scoped(request, sent)
        fingerprint = digest(body, *_stranger(request, sent))
        _enter(request, mount.part(RunningKeys), key)
        store = IdempotencyStore(session_of(request))
        stored = store.find(key, fingerprint)
        if stored is not None:
            return _replay(request, stored)
        response = view(context, request)
        headers = {name: response.headers[name] for name in _STORED if name in response.headers}
        mark_changed(request)
        store.save(
            key,
            fingerprint,
            StoredAnswer(response.status_int, headers, response.body),
            ttl=mount.settings.idempotency_ttl,
        )
        return response

    return run_once


def _enter(request: Request, running: RunningKeys, key: str) -> None:
    """Hold the key until the end of the request, as the host may commit after the view."""
    if request.__dict__.get(_SERVED_KEY) == key:
        return  # a retry of the same request
    running.enter(key)
    request.__dict__[_SERVED_KEY] = key
    request.add_finished_callback(lambda _request: running.leave(key))


def _parsed(header: str) -> str:
    match = _KEY.fullmatch(header.strip())
    if not match:
        raise BadRequest(f"{HEADER} must be 1 to 255 visible ASCII characters.")
    return match[1] or match[2]


def _scoped(request: Request, key: str) -> str:
    """A digest of caller, route and key, so that callers cannot meet each other's keys; all who
    are not authenticated are one caller."""
    caller = request.authenticated_userid
    route = f"{request.method} {request.path_info}"
    return digest(repr(caller).encode(), route.encode(), key.encode())


def _stranger(request: Request, key: str) -> tuple[bytes, ...]:
    """What must be the same, besides the body, for a replay to a caller who is not authenticated.

    Strangers may both send "1": from another address such a key is refused. A random key is not,
    as a client's address may change before it asks again.
    """
    if request.authenticated_userid is not None or len(key) >= RANDOM_KEY:
        return ()
    return (request.environ.get("REMOTE_ADDR", "").encode(),)


def _replay(request: Request, stored: StoredAnswer) -> Response:
    response = answer(
        request, stored.body, status=stored.status, content_type=stored.headers.get("Content-Type")
    )
    response.headers.update(stored.headers)
    response.headers[REPLAYED] = "true"
    return response
