"""``bookstore.auth = jwt`` guards the bookstore's routes with tokens, and no other routes."""

import re
import sys

import pytest
from pyramid.authentication import AuthTktAuthenticationPolicy
from pyramid.authorization import ACLAuthorizationPolicy
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.security import Allowed, Denied
from zope.interface.verify import verifyObject

from pyramid_bookstore.auth.own_routes import OwnRoutesPolicy
from pyramid_bookstore.auth.policy import JWTSecurityPolicy
from tests.support.guarded import SETTINGS, bearer
from tests.support.tokens import SECRET, claims, sign

BOOKS = "/api/v1/books"
BOOK = {"title": "Emma", "author": "Jane Austen", "isbn": "9780141439587", "price": 7.99}
TOKENS = {name: value for name, value in SETTINGS.items() if "sqlalchemy" not in name} | {
    "bookstore.migrate": "true",
    "bookstore.anonymous": "view",
    "bookstore.roles.manager": "view add edit delete stock import",
}


def token(*roles, **members):
    return bearer(sign(claims(roles=list(roles), **members), SECRET, "HS256"))


class TestApi:
    """Permissions of the HTTP API, refused by its own exception view."""

    @pytest.fixture
    def client(self, client_with):
        return client_with(TOKENS)

    @pytest.mark.parametrize(
        "credentials",
        [
            bearer(sign(claims(), "another secret of thirty-two bytes", "HS256")),
            token("manager", exp=1),
            {"Authorization": f"Token {sign(claims(), SECRET, 'HS256')}"},
            {"Authorization": sign(claims(), SECRET, "HS256")},
            {"Authorization": "garbage"},
            bearer("a.b.c"),
        ],
    )
    def test_the_body_of_a_401_says_why_the_token_was_refused(self, client, credentials):
        refused = client.post_json(BOOKS, BOOK, headers=credentials, status=401)
        why = re.search('error_description="(.+)"', refused.headers["WWW-Authenticate"])[1]
        assert refused.json["message"] == f"This needs authentication. {why}"
        assert refused.json["detail"] == refused.json["message"]

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", BOOKS),
            ("PUT", f"{BOOKS}/x"),
            ("PATCH", f"{BOOKS}/x"),
            ("DELETE", f"{BOOKS}/x"),
            ("POST", f"{BOOKS}/x/stock"),
            ("PUT", f"{BOOKS}/isbn/x"),
        ],
    )
    def test_each_change_is_refused_without_a_valid_token_of_the_permission(
        self, client, method, path
    ):
        refused = client.request(path, method=method, expect_errors=True)
        assert refused.status_int == 401
        assert refused.content_type == "application/problem+json"
        assert refused.json["error"] == "unauthorized"
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'

        assert refused.json["message"].endswith(
            "Send a token in the header, as Authorization: Bearer TOKEN."
        )

        refused = client.request(path, method=method, headers=token(), expect_errors=True)
        assert refused.status_int == 403
        assert re.search(r"needs the permission bookstore\.[a-z]+", refused.json["message"])
        assert refused.json["error"] == "forbidden"
        assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]

        headers = token("manager", exp=1)
        refused = client.request(path, method=method, headers=headers, expect_errors=True)
        assert refused.status_int == 401
        assert "The token has expired." in refused.headers["WWW-Authenticate"]

        headers = token("manager")
        answer = client.request(path, method=method, headers=headers, expect_errors=True)
        assert answer.status_int not in (401, 403)

    def test_a_refused_create_adds_no_book(self, client):
        client.post_json(BOOKS, BOOK, status=401)
        client.post_json(BOOKS, BOOK, headers=token("clerk"), status=403)
        assert client.get(BOOKS).json["total"] == 0
        client.post_json(BOOKS, BOOK, headers=token("staff"), status=201)
        assert client.get(BOOKS).json["total"] == 1

    def test_reading_works_without_a_token_but_not_with_a_bad_one(self, client):
        client.get(BOOKS, status=200)
        client.get(BOOKS, headers=token(), status=200)
        client.get(BOOKS, headers=token(exp=1), status=401)

    def test_a_short_key_or_a_missing_library_stops_the_start(self, make_client, monkeypatch):
        with pytest.raises(ConfigurationError, match="key: has 5 bytes; HS256 needs at least 32"):
            make_client(TOKENS | {"bookstore.jwt.key": "short"})
        monkeypatch.setitem(sys.modules, "jwt", None)
        with pytest.raises(ConfigurationError, match="needs jwt, which is not installed"):
            make_client(TOKENS)

    def test_health_and_options_ignore_the_token(self, client):
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            client.get("/api/v1/health", headers=headers, status=200)
            client.options(BOOKS, headers=headers, status=204)


class HostPolicy:
    """The policy of a host: every user is Carol, who may read."""

    motto = "be kind"

    def identity(self, request):
        return {"name": "carol"}

    def authenticated_userid(self, request):
        return "carol"

    def permits(self, request, context, permission):
        return Allowed("reads") if permission == "read" else Denied("reads only")

    def remember(self, request, userid, **options):
        return [("Set-Cookie", f"user={userid}")]

    def forget(self, request, **options):
        return [("Set-Cookie", "user=")]


def host(policy):
    """The ``configure`` of a host with this policy and views of its own."""

    def configure(config):
        if policy is not None:
            config.set_security_policy(policy)
        for name in ("read", "write"):
            config.add_route(name, f"/{name}")
            config.add_view(
                lambda request: request.authenticated_userid,
                route_name=name,
                renderer="string",
                permission=name,
            )

    return configure


class TestHost:
    def test_the_policy_of_the_host_decides_only_on_the_hosts_routes(self, make_client):
        client = make_client(TOKENS, configure=host(HostPolicy()))
        for headers in ({}, token("manager"), token(exp=1)):
            assert client.get("/read", headers=headers).text == "carol"
            client.get("/write", headers=headers, status=403)
        # The host's Carol has no identity for the bookstore.
        client.post_json(BOOKS, BOOK, status=401)
        client.post_json(BOOKS, BOOK, headers=token("staff"), status=201)

    def test_the_routes_of_a_host_without_a_policy_stay_open(self, make_client):
        client = make_client(TOKENS, configure=host(None))
        for headers in ({}, token(exp=1)):
            assert client.get("/write", headers=headers).text == "None"
        client.post_json(BOOKS, BOOK, status=401)

    def test_a_host_that_includes_auth_uses_tokens_on_all_routes(self, make_client):
        def configure(config):
            config.include("pyramid_bookstore.auth")
            config.add_route("stocktaking", "/stocktaking")
            config.add_view(
                lambda request: request.authenticated_userid,
                route_name="stocktaking",
                renderer="string",
                permission="bookstore.stock",
            )

        client = make_client(TOKENS, configure=configure)
        client.get("/stocktaking", headers=token("staff"), status=403)
        assert client.get("/stocktaking", headers=token("clerk")).text == "ada"
        client.post_json(BOOKS, BOOK, headers=token("staff"), status=201)
        policy = client.app.registry.getUtility(ISecurityPolicy)
        assert isinstance(policy, JWTSecurityPolicy)

    def test_pyramid_1_authentication_policies_stop_the_start(self, make_client):
        def configure(config):
            config.set_authentication_policy(AuthTktAuthenticationPolicy("s", hashalg="sha512"))
            config.set_authorization_policy(ACLAuthorizationPolicy())

        with (
            pytest.warns(DeprecationWarning, match="policies have been deprecated"),
            pytest.raises(ConfigurationError, match="does not go with set_authentication_policy"),
        ):
            make_client(TOKENS, configure=configure)

    def test_with_auth_host_the_policy_of_the_host_decides_on_all_routes(self, make_client):
        policy = HostPolicy()
        client = make_client(TOKENS | {"bookstore.auth": "host"}, configure=host(policy))
        assert client.app.registry.getUtility(ISecurityPolicy) is policy
        client.post_json(BOOKS, BOOK, headers=token("manager"), status=403)


class _Route:
    def __init__(self, name):
        self.name = name


class _OwnPolicy(HostPolicy):
    def identity(self, request):
        return "ada"

    def challenge(self, request):
        return "Bearer"


def on(route):
    request = Request.blank("/")
    request.matched_route = route and _Route(route)
    return request


class TestOwnRoutesPolicy:
    """Each method delegates to the policy of the route; without one it acts as Pyramid does."""

    FOREIGN = (None, "read", "bookstores.books", "my.bookstore")

    def test_the_policy_implements_isecuritypolicy(self):
        assert verifyObject(ISecurityPolicy, OwnRoutesPolicy(_OwnPolicy(), None))

    def test_on_bookstore_routes_the_policy_of_the_bookstore_decides(self):
        policy = OwnRoutesPolicy(_OwnPolicy(), None)
        request = on("bookstore.books")
        assert policy.identity(request) == "ada"
        assert policy.authenticated_userid(request) == "carol"
        assert policy.permits(request, None, "read")
        assert policy.remember(request, "u") == [("Set-Cookie", "user=u")]
        assert policy.forget(request) == [("Set-Cookie", "user=")]
        assert policy.challenge(request) == "Bearer"

    @pytest.mark.parametrize("route", FOREIGN)
    def test_on_other_routes_the_policy_of_the_host_decides(self, route):
        policy = OwnRoutesPolicy(_OwnPolicy(), HostPolicy())
        request = on(route)
        assert policy.identity(request) == {"name": "carol"}
        assert policy.authenticated_userid(request) == "carol"
        assert not policy.permits(request, None, "write")
        assert policy.remember(request, "u") == [("Set-Cookie", "user=u")]
        assert policy.forget(request) == [("Set-Cookie", "user=")]

    @pytest.mark.parametrize("route", FOREIGN)
    def test_on_other_routes_everything_is_allowed_if_the_host_has_no_policy(self, route):
        policy = OwnRoutesPolicy(_OwnPolicy(), None)
        request = on(route)
        assert policy.identity(request) is None
        assert policy.authenticated_userid(request) is None
        assert policy.permits(request, None, "write")
        assert policy.remember(request, "u") == []
        assert policy.forget(request) == []

    def test_there_is_no_identity_before_a_route_is_matched(self):
        assert OwnRoutesPolicy(_OwnPolicy(), None).identity(Request.blank("/")) is None

    def test_attributes_of_the_policy_of_the_host_stay_readable(self):
        policy = OwnRoutesPolicy(_OwnPolicy(), HostPolicy())
        assert policy.motto == "be kind"
        with pytest.raises(AttributeError):
            policy.speed  # noqa: B018 -- reading it is what is tested
