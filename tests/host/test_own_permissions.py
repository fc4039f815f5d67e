"""A host's policy is asked in its own words, on contexts of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import webtest
from pyramid.authorization import Allow, Everyone
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.plugin.probes import PROBES
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.testing import book_fields
from tests.host.test_permissions import OPERATIONS, ByAcl, asked, with_policy

MakeClient = Callable[..., webtest.TestApp]

SHORT = ("view", "add", "edit", "delete", "stock", "import")
#: The host's own words for them.
WORDS = {f"bookstore.permission.{name}": f"shop:{name}" for name in SHORT}
#: With every operation there is.
ALL = {"bookstore.holds": "true", "bookstore.stock_log": "true"}
NOBODY_IS_ASKED = dict.fromkeys(WORDS, "")


class Asked(ByAcl):
    """Records what it is asked for, and allows what the header X-May names."""

    def __init__(self) -> None:
        self.permissions: list[str] = []

    def permits(self, request: Any, context: Any, permission: str) -> bool:
        self.permissions.append(permission)
        return permission in request.headers.get("X-May", "").split()


class Shelf:
    """A context that only our routes are given."""

    __acl__ = ((Allow, Everyone, ("read", "bookstore.view")), (Allow, "clerk", "write"))

    def __init__(self, request: Any) -> None:
        assert request.matched_route.name.startswith("bookstore.")


def fails(request: Any) -> Any:
    raise RuntimeError("the host's factory needs what there is not")


def test_the_policy_is_asked_in_the_words_of_the_host(make_client: MakeClient) -> None:
    policy = Asked()
    client = make_client(WORDS | ALL, configure=with_policy(policy))
    for method, path, permission in OPERATIONS:
        wanted = [each.replace("bookstore.", "shop:") for each in permission.split(" or ")]
        policy.permissions.clear()
        client.extra_environ["HTTP_X_MAY"] = ""
        assert asked(client, method, path, None).status_int == 401, (method, path)
        assert policy.permissions == wanted, (method, path)
        refused = asked(client, method, path, "ada").json["message"]
        assert refused == f"You may not do this: it needs the permission {' or '.join(wanted)}."
        client.extra_environ["HTTP_X_MAY"] = wanted[-1]
        assert asked(client, method, path, None).status_int in (200, 404, 422), (method, path)
        assert not any(each.startswith("bookstore.") for each in policy.permissions), (method, path)


def test_where_the_permission_is_empty_nobody_is_asked(make_client: MakeClient) -> None:
    policy = Asked()
    client = make_client(NOBODY_IS_ASKED | ALL, configure=with_policy(policy))
    for method, path, _ in OPERATIONS:
        assert asked(client, method, path, None).status_int in (200, 404, 422), (method, path)
    assert policy.permissions == []


def test_an_upsert_of_which_one_half_is_open_asks_for_the_other_half(
    make_client: MakeClient,
) -> None:
    """Everybody may create; who replaces needs the host's permission."""
    settings = {**WORDS, "bookstore.permission.add": ""}
    client = make_client(settings, configure=with_policy(Asked()))
    fields = book_fields()
    path = f"/api/v1/books/isbn/{fields['isbn']}"
    assert client.put_json(path, fields).status_int == 201
    assert client.put_json(path, fields, status=401).json["error"] == "unauthorized"
    may = {"X-May": "shop:edit"}
    assert client.put_json(path, fields | {"stock": 9}, headers=may).json["stock"] == 9


def test_an_import_that_deletes_asks_for_the_permission_of_the_host_to_delete(
    make_client: MakeClient,
) -> None:
    policy = Asked()
    settings = {**WORDS, "bookstore.permission.import": ""}
    client = make_client(settings, configure=with_policy(policy))
    headers = {"Content-Type": "application/x-ndjson"}
    path = "/api/v1/books/import"
    client.post(path, b"", headers=headers)
    assert policy.permissions == []
    client.post(f"{path}?absent=delete&source=x", b"", headers=headers, status=401)
    assert policy.permissions == ["shop:delete"]


def test_the_description_says_which_operations_need_no_credentials(make_client: MakeClient) -> None:
    settings = {**WORDS, "bookstore.permission.view": ""}
    client = make_client(settings, configure=with_policy(Asked()))
    paths = client.get("/api/v1/openapi.json").json["paths"]
    assert paths["/books"]["get"]["security"] == []
    assert "401" not in paths["/books"]["get"]["responses"]
    assert paths["/books"]["post"]["security"] == [{"credentials": []}]
    assert "401" in paths["/books"]["post"]["responses"]


def test_tokens_do_not_go_with_other_words_but_with_open_operations(
    make_client: MakeClient,
) -> None:
    """A role gives the bookstore's own permissions: no token could have another one."""
    jwt = {
        "bookstore.sqlalchemy.url": "sqlite://",
        "bookstore.auth": "jwt",
        "bookstore.jwt.key": "a secret of more than thirty-two bytes",
        "bookstore.jwt.algorithms": "HS256",
        "bookstore.roles.staff": "add changes",
    }
    with pytest.raises(ConfigurationError, match=r"did you mean bookstore\.permission\.view\?"):
        Settings.from_mapping({**jwt, "bookstore.permission.veiw": "read"}, PROBES)
    with pytest.raises(ConfigurationError, match=r"5 is not a permission of the host's"):
        Settings.from_mapping({**jwt, "bookstore.permission.view": 5}, PROBES)
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_mapping({**jwt, "bookstore.permission.add": "write"}, PROBES)
    assert "bookstore.permission.add: not together with bookstore.auth = jwt" in str(refused.value)
    Settings.from_mapping({**jwt, "bookstore.permission.add": "bookstore.add"}, PROBES)
    del jwt["bookstore.sqlalchemy.url"]
    client = make_client({**jwt, "bookstore.permission.view": ""})
    assert client.get("/api/v1/books").json["total"] == 0
    client.post_json("/api/v1/books", book_fields(), status=401)


def test_the_context_of_our_routes_alone_is_made_by_their_own_factory(
    make_client: MakeClient,
) -> None:
    def configure(config: Configurator) -> None:
        config.set_security_policy(ByAcl())
        config.add_route("page", "/page")
        config.add_view(
            lambda context, request: {"context": type(context).__name__},
            route_name="page",
            renderer="json",
        )

    settings = {
        "bookstore.root_factory": f"{__name__}.Shelf",
        **dict.fromkeys(WORDS, "write"),
        "bookstore.permission.view": "read",
    }
    client = make_client(settings, configure=configure)
    assert client.get("/api/v1/books").json["total"] == 0
    client.post_json("/api/v1/books", book_fields(), status=401)
    client.post_json("/api/v1/books", book_fields(), headers={"X-User": "ann"}, status=403)
    client.post_json("/api/v1/books", book_fields(), headers={"X-User": "clerk"}, status=201)
    assert client.get("/page").json == {"context": "DefaultRootFactory"}


@pytest.mark.parametrize("whose", ["ours", "host's"])
def test_what_asks_no_policy_needs_no_context(make_client: MakeClient, whose: str) -> None:
    """Public paths, OPTIONS and methods that are not served call no factory."""

    def configure(config: Configurator) -> None:
        config.set_security_policy(ByAcl())
        if whose == "host's":
            config.set_root_factory(fails)

    settings = {"bookstore.root_factory": fails} if whose == "ours" else {}
    client = make_client(settings, configure=configure)
    for path in ("/health", "/ready", "/openapi.json", "/docs", "/docs/docs.css"):
        assert client.get(f"/api/v1{path}").status_int < 400
        assert client.options(f"/api/v1{path}").status_int == 204
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    for path in ("/books", "/books/1", "/books/1/stock", "/books/import", "/books/isbn/1"):
        assert client.options(f"/api/v1{path}", headers=preflight).status_int == 204
        assert client.request(f"/api/v1{path}", method="TRACE", status=405).json["error"]
    assert client.get("/api/v1/books", status=500).json["error"] == "internal_error"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.Root", "No module named 'nowhere'"),
        ("json:nothing", "has no attribute 'nothing'"),
        (".relative", "cannot be imported: "),
        (" json ", "is not the dotted name of a function or class"),
        (7, "is not the dotted name of a function or class"),
    ],
)
def test_a_root_factory_that_is_none_stops_the_start(name: Any, said: str) -> None:
    mapping = {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.root_factory": name}
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_mapping(mapping, PROBES)
    assert "bookstore.root_factory: " in str(refused.value)
    assert said in str(refused.value)


def test_an_empty_root_factory_is_none(make_client: MakeClient) -> None:
    client = make_client({"bookstore.root_factory": " "})
    assert client.get("/api/v1/books").json["total"] == 0


class ByCookie(ByAcl):
    """Forgets by two cookies, and challenges nobody."""

    def forget(self, request: Any, **kw: Any) -> Any:
        return [("Set-Cookie", "auth_tkt=; Max-Age=0"), ("Set-Cookie", "sid=; Max-Age=0")]


def test_a_401_of_a_cookie_policy_has_all_headers_of_forget_and_no_bearer_challenge(
    make_client: MakeClient,
) -> None:
    """RFC 9110 asks every 401 for a challenge: it names no scheme that a browser would act on."""
    client = make_client(configure=with_policy(ByCookie()))
    refused = asked(client, "POST", "/books", None)
    assert refused.status_int == 401
    assert refused.headers.getall("Set-Cookie") == [value for _, value in ByCookie().forget(None)]
    assert refused.headers.getall("WWW-Authenticate") == ['Application realm="bookstore"']
    known = asked(client, "POST", "/books", "ann")
    assert known.status_int == 403
    assert not {"Set-Cookie", "WWW-Authenticate"} & set(known.headers)
    scheme = client.get("/api/v1/openapi.json").json["components"]["securitySchemes"]
    assert (scheme["credentials"]["in"], scheme["credentials"]["name"]) == ("cookie", "auth_tkt")
