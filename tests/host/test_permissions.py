"""The host decides who may do what: by ACL, by identity only, or with no policy at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import webtest
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.response import Response

from pyramid_bookstore.testing import book_fields

MakeClient = Callable[..., webtest.TestApp]


class ByAcl:
    """A header names the user; the ACL of the context grants the permissions."""

    acl = ACLHelper()

    def identity(self, request: Any) -> Any:
        return request.headers.get("X-User")

    authenticated_userid = identity

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        user = self.identity(request)
        principals = [Everyone] + ([Authenticated, user] if user else [])
        return self.acl.permits(context, principals, permission)

    def remember(self, request: Any, userid: str, **kw: Any) -> Any:
        return []

    def forget(self, request: Any, **kw: Any) -> Any:
        return [("WWW-Authenticate", 'Basic realm="host"'), ("Set-Cookie", "session=; Max-Age=0")]


class ByIdentity(ByAcl):
    """Every known user may do everything, in every context."""

    def permits(self, request: Any, context: Any, permission: str) -> bool:
        return self.identity(request) is not None

    def forget(self, request: Any, **kw: Any) -> Any:
        return []


class Root:
    __acl__ = (
        (Allow, Everyone, "bookstore.view"),
        (Allow, "clerk", ("bookstore.stock", "bookstore.edit")),
        (Allow, "boss", ("bookstore.add", "bookstore.delete", "bookstore.import")),
    )

    def __init__(self, request: Any) -> None:
        self.request = request


def with_policy(policy: Any, root: Any = None) -> Callable[[Configurator], None]:
    def configure(config: Configurator) -> None:
        config.set_security_policy(policy)
        if root is not None:
            config.set_root_factory(root)

    return configure


ALL = {"bookstore.holds": "true", "bookstore.stock_log": "true"}
OPERATIONS = [
    ("GET", "/books", "bookstore.view"),
    ("POST", "/books", "bookstore.add"),
    ("POST", "/books/lookup", "bookstore.view"),
    ("GET", "/books/{id}", "bookstore.view"),
    ("PUT", "/books/{id}", "bookstore.edit"),
    ("PATCH", "/books/{id}", "bookstore.edit"),
    ("POST", "/books/{id}/stock", "bookstore.stock"),
    ("GET", "/books/{id}/stock", "bookstore.stock"),
    ("POST", "/stock", "bookstore.stock"),
    ("POST", "/holds", "bookstore.stock"),
    ("GET", "/holds/{id}", "bookstore.stock"),
    ("PATCH", "/holds/{id}", "bookstore.stock"),
    ("DELETE", "/holds/{id}", "bookstore.stock"),
    ("POST", "/holds/{id}/commit", "bookstore.stock"),
    ("GET", "/books/isbn/{isbn}", "bookstore.view"),
    ("PUT", "/books/isbn/{isbn}", "bookstore.edit or bookstore.add"),
    ("DELETE", "/books/{id}", "bookstore.delete"),
]


def asked(client: webtest.TestApp, method: str, path: str, user: str | None) -> Any:
    """Send an invalid body: 422 or 404 mean that access was granted, and nothing is written."""
    headers = {"Content-Type": "application/json"} | ({"X-User": user} if user else {})
    known = "01a20000-0000-7000-8000-000000000000"
    path = "/api/v1" + path.format(id=known, isbn="9780306406157")
    body = b"" if method == "GET" else b'{"unknown": 1}'
    return client.request(path, method=method, headers=headers, body=body, expect_errors=True)


def test_each_operation_requires_its_own_permission(make_client: MakeClient) -> None:
    """The root factory of the host makes the context with the ACL."""
    client = make_client(ALL, configure=with_policy(ByAcl(), Root))
    for method, path, permission in OPERATIONS:
        asks = {*permission.split(" or ")}
        for user in ("clerk", "boss", "nobody"):
            may = any(
                user in (who, None) or who == Everyone
                for _, who, what in Root.__acl__
                if not asks.isdisjoint([what] if isinstance(what, str) else what)
            )
            answer = asked(client, method, path, user)
            assert (answer.status_int not in (401, 403)) == may, (method, path, user)
            if not may:
                needs = f"You may not do this: it needs the permission {permission}."
                assert answer.json["message"] == needs
        anonymous = asked(client, method, path, None)
        assert (anonymous.status_int != 401) == (permission == "bookstore.view"), (method, path)


def test_a_401_carries_the_challenge_of_the_host_policy(make_client: MakeClient) -> None:
    client = make_client(configure=with_policy(ByAcl(), Root))
    refused = asked(client, "POST", "/books", None)
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="host"'
    assert refused.headers["Set-Cookie"] == "session=; Max-Age=0"
    assert refused.json["error"] == "unauthorized"
    assert asked(client, "POST", "/books", "clerk").json["error"] == "forbidden"


def test_a_policy_by_identity_only_grants_every_operation_to_known_users(
    make_client: MakeClient,
) -> None:
    client = make_client(ALL, configure=with_policy(ByIdentity()))
    for method, path, _permission in OPERATIONS:
        refused = asked(client, method, path, None)
        assert refused.status_int == 401
        assert refused.headers["WWW-Authenticate"] == 'Application realm="bookstore"'
        assert asked(client, method, path, "anybody").status_int in (200, 404, 422)
    made = client.post_json("/api/v1/books", book_fields(), headers={"X-User": "ann"})
    assert made.headers["Cache-Control"] == "no-store"
    shown = client.get(made.headers["Location"], headers={"X-User": "ann"})
    assert shown.headers["Cache-Control"] == "private, no-cache"


def test_health_readiness_options_and_405_need_no_permission(
    make_client: MakeClient,
) -> None:
    client = make_client(configure=with_policy(ByIdentity()))
    assert client.get("/api/v1/health").status_int == 200
    assert client.get("/api/v1/ready").status_int == 200
    assert client.options("/api/v1/books").status_int == 204
    assert client.request("/api/v1/books", method="TRACE", status=405).json["error"]


def test_a_redirect_raised_by_the_policy_is_sent_to_the_client(make_client: MakeClient) -> None:
    from pyramid.httpexceptions import HTTPFound

    class Redirecting(ByIdentity):
        def permits(self, request: Any, context: Any, permission: str) -> bool:
            raise HTTPFound("/login")

    client = make_client(configure=with_policy(Redirecting()))
    assert client.get("/api/v1/books", status=302).headers["Location"].endswith("/login")


def test_without_a_policy_everything_is_allowed_and_logged_once(
    make_client: MakeClient, caplog: Any
) -> None:
    client = make_client()
    for _ in range(3):
        client.post_json("/api/v1/books", book_fields())
    said = [record for record in caplog.records if "no security policy" in record.message]
    assert len(said) == 1


def test_with_a_policy_the_log_has_no_warning_about_open_access(
    make_client: MakeClient, caplog: Any
) -> None:
    make_client(configure=with_policy(ByIdentity()))
    assert "no security policy" not in caplog.text


def test_host_views_can_use_the_permissions_of_the_bookstore(make_client: MakeClient) -> None:
    """They are ordinary permissions of Pyramid."""

    def configure(config: Configurator) -> None:
        config.set_security_policy(ByAcl())
        config.set_root_factory(Root)
        config.add_route("staff", "/staff")
        config.add_view(
            lambda request: Response("desk"), route_name="staff", permission="bookstore.stock"
        )

    client = make_client(configure=configure)
    assert client.get("/staff", headers={"X-User": "clerk"}).text == "desk"
    client.get("/staff", headers={"X-User": "boss"}, status=403)
