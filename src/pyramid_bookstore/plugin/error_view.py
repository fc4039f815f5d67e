"""The exception view: what is raised on our routes becomes a problem document."""

import logging

from pyramid.exceptions import URLDecodeError
from pyramid.httpexceptions import HTTPException, HTTPForbidden, HTTPNotFound, HTTPUnauthorized
from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import forget

from pyramid_bookstore import errors
from pyramid_bookstore.catalogue.constraints import error_of_constraint
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.errors import BookstoreError
from pyramid_bookstore.observability.observe import observe
from pyramid_bookstore.transactions.retry import mark_error_retryable
from pyramid_bookstore.transactions.sessions import SAFE_METHODS, active_manager
from pyramid_bookstore.web.errors import BadRequest
from pyramid_bookstore.web.problems import (
    Denied,
    Forbidden,
    HostsRefusal,
    InternalError,
    Unauthorized,
    problem_response,
)
from pyramid_bookstore.web.request_id import request_id

log = logging.getLogger(__name__)


def error_view(error: Exception, request: Request) -> Response:
    """Answer an exception with a problem document, and have the transaction rolled back."""
    if isinstance(error, HTTPException) and error.status_int < 400:
        # A redirect that the host's security policy raised.
        return error
    observe(request)
    _undo(request, error)
    return problem_response(request, as_bookstore_error(error, request))


def _undo(request: Request, error: Exception) -> None:
    """Make the host's transaction manager roll back, and pyramid_retry run the request again.

    Needed as the host may have a commit veto that ignores our responses.
    """
    manager = active_manager(request)
    if manager is not None and request.method not in SAFE_METHODS:
        manager.doom()
    if diagnose(error).kind == "retry":
        mark_error_retryable(error)


def as_bookstore_error(error: Exception, request: Request) -> BookstoreError:
    """The `BookstoreError` for an exception; logs those that an operator must know."""
    if isinstance(error, BookstoreError):
        return error
    if isinstance(error, HTTPForbidden | HTTPUnauthorized):
        return _unauthorized_or_forbidden(request)
    if isinstance(error, HTTPNotFound):
        return errors.BookNotFound("There is nothing here.")
    if isinstance(error, HTTPException):
        return HostsRefusal(error)
    if isinstance(error, URLDecodeError):
        return BadRequest("The URL is not UTF-8.")
    diagnosis = diagnose(error)
    if diagnosis.kind == "constraint":
        found = error_of_constraint(diagnosis.constraint)
        if found is not None:
            return found
    if diagnosis.kind in ("unavailable", "retry"):
        # The driver's message is for the operator, so it is only logged. SQLAlchemy's would add the
        # statement with the client's values.
        message = getattr(error, "orig", None) or error
        log.warning("%s Request %s: %s", diagnosis.reason, request_id(request), message)
        return errors.Unavailable(diagnosis.reason)
    log.error("Internal error, request %s", request_id(request), exc_info=error)
    return InternalError("Something went wrong here; it was logged under the request's id.")


def _unauthorized_or_forbidden(request: Request) -> BookstoreError:
    """401 without an authenticated user, 403 with one; with the policy's challenge."""
    if request.authenticated_userid is None:
        refused: Denied = Unauthorized("This needs authentication.")
    else:
        refused = Forbidden("You may not do this.")
    policy = request.registry.queryUtility(ISecurityPolicy)
    challenge = getattr(policy, "challenge", None)
    if challenge is not None:
        refused.challenge = challenge(request)
    elif isinstance(refused, Unauthorized):
        refused.challenge = _hosts_challenge(request)
    return refused


def _hosts_challenge(request: Request) -> str:
    """The challenge in the `forget` headers of the host's policy, else the one for Bearer."""
    for name, value in forget(request):
        if name.lower() == "www-authenticate":
            return str(value)
    return 'Bearer realm="bookstore"'
