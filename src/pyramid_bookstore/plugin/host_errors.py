"""Answers to what a host's own views let out: `config.add_bookstore_error_views()`."""

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.viewderivers import DefaultViewMapper

from pyramid_bookstore.errors import BookstoreError
from pyramid_bookstore.transactions.sessions import active_manager
from pyramid_bookstore.web.body import JSON
from pyramid_bookstore.web.problems import PROBLEM, problem_response

HTML = "text/html"


def add_bookstore_error_views(config: Configurator) -> None:
    """Answer the errors of `request.bookstore` that the application's views let out.

    A client that prefers ``text/html`` gets a plain page of Pyramid's, any other a problem
    document, both with the status that the bookstore's own routes have for the error. The
    transaction is rolled back. All other exceptions are left to the application, and so is an error
    for which it has a view of its own: ``config.add_exception_view(view, context=BookNotFound)``.
    """
    config.add_exception_view(host_error_view, context=BookstoreError, mapper=DefaultViewMapper)


def host_error_view(error: BookstoreError, request: Request) -> Response:
    """The answer to an error of `request.bookstore` in a view of the host's."""
    manager = active_manager(request)
    if manager is not None:  # pyramid_tm outside of the exception views
        manager.doom()
    answered = problem_response(request, error)
    answered.vary = ("Accept",)
    accepted = request.accept.acceptable_offers([PROBLEM, JSON, HTML])
    if accepted and accepted[0][0] == HTML:
        answered.body = b""  # Pyramid's HTTP exceptions then make a page, escaped
    return answered
