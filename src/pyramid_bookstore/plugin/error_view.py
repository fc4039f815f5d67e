"""From what was raised to an answer: a problem document, which is an HTTP exception too.

Refusals leave our views as `pyramid.httpexceptions`, so that who calls them without an exception
view (``request.invoke_subrequest``, a host's batches, pyramid_exclog) sees a 404 as a 404. What is
raised outside of the views, and defects, meet the exception view as they are.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from pyramid.exceptions import URLDecodeError
from pyramid.httpexceptions import HTTPException, HTTPForbidden, HTTPNotFound, HTTPUnauthorized
from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import forget

from pyramid_bookstore import errors
from pyramid_bookstore.catalogue.constraints import error_of_constraint
from pyramid_bookstore.db.diagnosis import NOT_READY
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.revision import MIGRATE
from pyramid_bookstore.errors import BookstoreError
from pyramid_bookstore.observability.observe import observe
from pyramid_bookstore.transactions.retry import mark_error_retryable
from pyramid_bookstore.transactions.sessions import SAFE_METHODS, active_manager, advise
from pyramid_bookstore.web.errors import BadRequest
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.permissions import LacksPermission
from pyramid_bookstore.web.problems import (
    Forbidden,
    HostsRefusal,
    InternalError,
    Unauthorized,
    problem_response,
)
from pyramid_bookstore.web.request_id import request_id

log = logging.getLogger(__name__)

View = Callable[[Any, Request], Response]

#: The challenge of a 401 where the host's policy gives none: RFC 9110 (15.5.2) asks for one.
_NO_CHALLENGE = ("WWW-Authenticate", 'Application realm="bookstore"')


def raises_http_exceptions(view: View) -> View:
    """Decorator for our views: raises the HTTP exception of a refusal, with its document.

    HTTP exceptions that were raised already, and defects, pass as they are.
    """

    def run(context: Any, request: Request) -> Response:
        try:
            return view(context, request)
        except HTTPException:
            raise
        except Exception as error:
            refusal = _refusal_of(error, request)
            if refusal is None:
                raise
            # In one expression: a variable of this frame would make a reference cycle.
            raise _marked(problem_response(request, refusal), error) from error

    return run


def error_view(error: Exception, request: Request) -> Response:
    """Answer an exception with a problem document, and have the transaction rolled back."""
    observe(request)
    if isinstance(error, HTTPException) and error.status_int < 400:
        # A redirect that the host's security policy raised.
        return error
    _undo(request, error)
    if hasattr(error, "bookstore_error"):  # it is the answer, see `problem_response`
        return error
    return problem_response(request, _refusal_of(error, request) or _defect(error, request))


def _marked(raised: HTTPException, error: Exception) -> HTTPException:
    """The HTTP exception, marked for pyramid_retry where its cause can be retried."""
    if diagnose(error).kind == "retry":
        mark_error_retryable(raised)
    return raised


def _undo(request: Request, error: Exception) -> None:
    """Make the host's transaction manager roll back, and pyramid_retry run the request again.

    Needed as the host may have a commit veto that ignores our responses.
    """
    manager = active_manager(request)
    if manager is not None and request.method not in SAFE_METHODS:
        manager.doom()
    if diagnose(error).kind == "retry":
        mark_error_retryable(error)


def _refusal_of(error: Exception, request: Request) -> BookstoreError | None:
    """The `BookstoreError` for an exception, `None` for a defect; logs what an operator must
    know."""
    if isinstance(error, BookstoreError):
        return error
    if isinstance(error, HTTPForbidden | HTTPUnauthorized):
        return _unauthorized_or_forbidden(error, request)
    if isinstance(error, HTTPNotFound):
        slash = request.environ.get("PATH_INFO", "").endswith("/")
        hint = " The paths of the API have no slash at the end." if slash else ""
        return errors.BookNotFound(f"There is nothing here.{hint}")
    if isinstance(error, HTTPException):
        return HostsRefusal(error)
    if isinstance(error, URLDecodeError):
        return BadRequest("The URL is not UTF-8.")
    diagnosis = diagnose(error)
    if diagnosis.kind == "constraint":
        return error_of_constraint(diagnosis.constraint)
    if diagnosis.kind in ("unavailable", "retry"):
        # The driver's message is for the operator, so it is only logged. SQLAlchemy's would add the
        # statement with the client's values.
        message = getattr(error, "orig", None) or error
        if diagnosis == NOT_READY:
            message = f"{message}. Run the migrations: {MIGRATE}"
        log.warning("%s Request %s: %s", diagnosis.reason, request_id(request), message)
        advise(request, diagnosis.advice)
        return errors.Unavailable(diagnosis.reason)
    return None


def _defect(error: Exception, request: Request) -> InternalError:
    log.error("Internal error, request %s", request_id(request), exc_info=error)
    return InternalError("Something went wrong here; it was logged under the request's id.")


def _unauthorized_or_forbidden(error: HTTPException, request: Request) -> BookstoreError:
    """401 without an authenticated user, 403 with one.

    A policy of ours has a challenge for both, and a reason for a 401. With any other, a 401 has all
    headers that its `forget` gives.
    """
    policy = request.registry.queryUtility(ISecurityPolicy)
    ours = hasattr(policy, "challenge")
    own = [("WWW-Authenticate", policy.challenge(request))] if ours else []
    if request.authenticated_userid is not None:
        settings = Mount.of(request.registry).settings
        needed = " or ".join(map(settings.permission, _lacking(error, request)))
        needs = f": it needs the permission {needed}" if needed else ""
        return Forbidden(f"You may not do this{needs}.", own)
    headers = own or [(name, str(value)) for name, value in forget(request)]
    if all(name.lower() != "www-authenticate" for name, _ in headers):
        headers.append(_NO_CHALLENGE)
    reason = f" {policy.reason(request)}" if ours and hasattr(policy, "reason") else ""
    return Unauthorized(f"This needs authentication.{reason}", headers)


def _lacking(error: HTTPException, request: Request) -> Sequence[str]:
    """The permissions of ours of which the caller needs one; none where the host's own code
    refuses, whose reason is not known."""
    if isinstance(error, LacksPermission):
        return error.permissions
    if getattr(error, "result", None) is None:  # of a permission that Pyramid asked for
        return ()
    route = getattr(request, "matched_route", None)
    method = "GET" if request.method == "HEAD" else request.method
    return [
        permission
        for resource in Mount.of(request.registry).resources
        for operation in resource.operations
        if route is not None and (resource.route_name, operation.method) == (route.name, method)
        for permission in operation.permissions
    ]
