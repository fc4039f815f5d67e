"""Who visits, and what they may do: on the shop's pages and on the bookstore's API alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyramid.authentication import AuthTktCookieHelper, extract_http_basic_credentials
from pyramid.authorization import Everyone
from pyramid.csrf import SessionCSRFStoragePolicy
from pyramid.events import NewResponse, subscriber
from pyramid.request import RequestLocalCache
from pyramid.security import Allowed, Denied
from pyramid.session import SignedCookieSessionFactory
from pyramid.settings import asbool
from sqlalchemy import select

from storefront.models import User
from storefront.passwords import check_password

_DAY = 24 * 60 * 60

#: Pages load from the shop alone, and run no script that is written into them.
CONTENT_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)

#: What each role may do. The names below ``bookstore.`` are those of the plug-in's views.
PERMISSIONS: dict[str, frozenset[str]] = {
    "customer": frozenset({"storefront.order", "bookstore.view"}),
    "staff": frozenset(
        {
            "storefront.order",
            "storefront.staff",
            "bookstore.view",
            "bookstore.add",
            "bookstore.edit",
            "bookstore.delete",
            "bookstore.stock",
            "bookstore.import",
        }
    ),
}


@dataclass(frozen=True)
class Visitor:
    """Somebody who has signed in; no database object, so that it outlives the transaction."""

    id: int
    name: str
    role: str

    def may(self, permission: str) -> bool:
        return permission in PERMISSIONS[self.role]


class SecurityPolicy:
    """A cookie for people; for programs on the API, HTTP Basic does too."""

    def __init__(self, secret: str, *, secure: bool) -> None:
        self._cookie = AuthTktCookieHelper(
            secret,
            cookie_name="storefront_auth",
            hashalg="sha512",
            http_only=True,
            samesite="Lax",
            secure=secure,
            timeout=_DAY,
            reissue_time=_DAY // 10,
            max_age=_DAY,
            wild_domain=False,
        )
        self._visitors = RequestLocalCache(self._load)

    def _load(self, request: Any) -> Visitor | None:
        signed = self._cookie.identify(request)
        if signed is not None:
            user = request.dbsession.get(User, signed["userid"])
        else:
            given = extract_http_basic_credentials(request)
            user = find_user(request, given.username, given.password) if given else None
        return Visitor(user.id, user.name, user.role) if user is not None else None

    def identity(self, request: Any) -> Visitor | None:
        visitor: Visitor | None = self._visitors.get_or_create(request)
        return visitor

    def authenticated_userid(self, request: Any) -> int | None:
        visitor = self.identity(request)
        return visitor.id if visitor else None

    def has_cookie(self, request: Any) -> bool:
        """Whether somebody has signed in here, without asking the database who it is."""
        return self._cookie.identify(request) is not None

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        visitor = self.identity(request)
        who = visitor.role if visitor else Everyone
        if visitor and visitor.may(permission):
            return Allowed("%s may %s", who, permission)
        return Denied("%s may not %s", who, permission)

    def remember(self, request: Any, userid: int, **options: Any) -> Any:
        return self._cookie.remember(request, userid, **options)

    def forget(self, request: Any, **options: Any) -> Any:
        # The bookstore's 401 says with this how to sign in.
        challenge = ("WWW-Authenticate", 'Basic realm="Marginalia", charset="UTF-8"')
        return [*self._cookie.forget(request, **options), challenge]


def find_user(request: Any, login: str, password: str) -> User | None:
    """The user with this name and password."""
    # NUL is no letter of a name, and PostgreSQL takes none.
    query = select(User).where(User.login == login.replace("\0", ""))
    user: User | None = request.dbsession.scalar(query)
    return user if check_password(password, user.password_hash if user else None) else None


@subscriber(NewResponse)
def add_content_policy(event: Any) -> None:
    """Restrict every page; the one that the bookstore serves has a policy of its own."""
    if event.response.content_type == "text/html":
        event.response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)


def includeme(config: Any) -> None:
    """Set the policy, the signed session cookie, and CSRF tokens for every form."""
    settings = config.get_settings()
    secure = asbool(settings.get("storefront.secure_cookies", True))
    policy = SecurityPolicy(settings["storefront.auth_secret"], secure=secure)
    config.set_security_policy(policy)
    config.add_request_method(policy.has_cookie, name="has_signed_in", property=True)
    config.set_session_factory(
        SignedCookieSessionFactory(
            settings["storefront.session_secret"],
            cookie_name="storefront_session",
            httponly=True,
            samesite="Lax",
            secure=secure,
            timeout=30 * _DAY,
            max_age=30 * _DAY,
        )
    )
    config.set_csrf_storage_policy(SessionCSRFStoragePolicy())
    config.set_default_csrf_options(require_csrf=True)
