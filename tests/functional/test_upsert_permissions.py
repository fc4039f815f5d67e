"""PUT /books/isbn/… needs bookstore.add to create and bookstore.edit to replace."""

import pytest
from sqlalchemy import event
from webtest import TestApp

from pyramid_bookstore.catalogue.store import Store
from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS, RUST, assert_problem
from tests.support.guarded import bearer
from tests.support.tokens import SECRET, claims, sign

URL = f"{BOOKS}/isbn/9781718500440"
CHANGED = RUST | {"title": "Other"}
JWT = {
    "bookstore.auth": "jwt",
    "bookstore.jwt.key": SECRET,
    "bookstore.jwt.algorithms": "HS256",
    "bookstore.anonymous": "view",
    "bookstore.roles.adder": "add",
    "bookstore.roles.editor": "edit",
    "bookstore.roles.keeper": "add edit delete",
    "bookstore.roles.clerk": "stock",
}
RIGHTS = {
    "adder": {"add"},
    "editor": {"edit"},
    "keeper": {"add", "edit", "delete"},
    "clerk": {"stock"},
    None: set(),
}


class HostPolicy:
    """A header names the user; `RIGHTS` has the permissions."""

    def identity(self, request):
        return request.headers.get("X-User")

    authenticated_userid = identity

    def permits(self, request, context, permission):
        short = permission.removeprefix("bookstore.")
        return short == "view" or short in RIGHTS[self.identity(request)]

    def remember(self, request, userid, **options):
        return []

    def forget(self, request, **options):
        return []


def with_host_policy(config):
    config.set_security_policy(HostPolicy())


@pytest.fixture(params=["jwt", "host"])
def caller(request, client_with):
    """``caller(role)`` is a client with this role, `None` for no authentication."""
    if request.param == "jwt":
        app = client_with(JWT).app
    else:
        app = client_with({}, configure=with_host_policy).app

    def client(role):
        if role is None:
            return TestApp(app)
        headers = bearer(sign(claims(roles=[role]), SECRET, "HS256")) | {"X-User": role}
        environ = {f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers}
        return TestApp(app, extra_environ=environ)

    return client


def assert_forbidden(client, needs, body=CHANGED, **headers):
    refused = client.put_json(URL, body, headers=headers, status=403)
    document = assert_problem(refused, 403, "forbidden")
    assert document["message"] == f"You may not do this: it needs the permission {needs}."


@pytest.mark.parametrize("role", ["adder", "keeper"])
def test_who_may_add_creates_by_isbn(caller, role):
    assert caller(role).put_json(URL, RUST, status=201).json["title"] == RUST["title"]


@pytest.mark.parametrize("role", ["editor", "keeper"])
def test_who_may_edit_replaces_by_isbn(caller, role):
    made = caller("keeper").put_json(URL, RUST, status=201).json
    replaced = caller(role).put_json(URL, CHANGED, status=200).json
    assert (replaced["id"], replaced["title"]) == (made["id"], "Other")


def test_who_may_only_edit_creates_nothing_by_isbn(caller):
    assert_forbidden(caller("editor"), "bookstore.add")
    assert_forbidden(caller("editor"), "bookstore.add", **{"If-None-Match": "*"})
    assert caller(None).get(BOOKS).json["total"] == 0


def test_who_may_only_add_replaces_nothing_by_isbn(caller):
    caller("keeper").put_json(URL, RUST)
    book = caller(None).get(URL)
    assert_forbidden(caller("adder"), "bookstore.edit")
    assert_forbidden(caller("adder"), "bookstore.edit", **{"If-Match": book.headers["ETag"]})
    assert_forbidden(caller("adder"), "bookstore.edit", **{"If-Match": "*"})
    assert_forbidden(
        caller("adder"), "bookstore.edit", **{"If-Unmodified-Since": book.headers["Last-Modified"]}
    )
    assert caller(None).get(URL).json == book.json


@pytest.mark.parametrize("there", [False, True])
def test_who_may_neither_add_nor_edit_is_refused_before_the_body_is_judged(caller, there):
    if there:
        caller("keeper").put_json(URL, RUST)
    assert_forbidden(caller("clerk"), "bookstore.edit or bookstore.add", {"unknown": 1})
    for path in (URL, f"{URL}?x=1"):
        refused = caller(None).put_json(path, {"unknown": 1}, status=401)
        assert_problem(refused, 401, "unauthorized")
        assert refused.headers["WWW-Authenticate"]
    assert caller(None).get(BOOKS).json["total"] == there


def test_conditions_are_decided_as_ever_for_who_may_do_what_they_ask_for(caller):
    adder, editor = caller("adder"), caller("editor")
    assert_problem(
        editor.put_json(URL, RUST, headers={"If-Match": "*"}, status=412),
        412,
        "precondition_failed",
    )
    other = {"If-None-Match": '"1"'}
    editor.put_json(URL, RUST, headers=other, status=412)
    assert_forbidden(adder, "bookstore.edit", **other)
    made = adder.put_json(URL, RUST, headers={"If-None-Match": "*"}, status=201)
    refused = adder.put_json(URL, CHANGED, headers={"If-None-Match": "*"}, status=412)
    assert refused.headers["ETag"] == made.headers["ETag"]
    editor.put_json(URL, CHANGED, headers={"If-Match": made.headers["ETag"]}, status=200)
    editor.put_json(URL, CHANGED, headers={"If-Match": made.headers["ETag"]}, status=412)
    editor.put_json(URL, CHANGED, headers=other, status=200)


def test_an_anonymous_caller_who_may_add_is_asked_to_authenticate_to_replace(make_client):
    client = make_client(JWT | {"bookstore.anonymous": "view add"})
    client.put_json(URL, RUST, status=201)
    refused = client.put_json(URL, CHANGED, status=401)
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'
    assert client.get(URL).json["title"] == RUST["title"]


def test_without_a_policy_everybody_may_create_and_replace_by_isbn(make_client):
    client = make_client()
    client.put_json(URL, RUST, status=201)
    client.put_json(URL, CHANGED, status=200)


def test_who_may_do_both_writes_by_isbn_with_one_statement(caller):
    client = caller("keeper")
    client.put_json(URL, RUST, status=201)
    statements = []
    database = Mount.of(client.app.registry).database
    event.listen(
        database.reading, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    client.put_json(URL, CHANGED, status=200)
    assert [statement.split()[0] for statement in statements] == ["INSERT"]


def in_between(monkeypatch, act):
    """Do something once, between the two statements of an upsert."""
    read = Store.find_by_isbn
    acts = [act]

    def then_act(store, isbn):
        book = read(store, isbn)
        while acts:
            acts.pop()()
        return book

    monkeypatch.setattr(Store, "find_by_isbn", then_act)


def test_a_book_deleted_in_between_is_not_created_by_who_may_only_edit(caller, monkeypatch):
    path = f"{BOOKS}/{caller('keeper').put_json(URL, RUST).json['id']}"
    in_between(monkeypatch, lambda: caller("keeper").delete(path))
    assert_forbidden(caller("editor"), "bookstore.add")
    assert caller(None).get(BOOKS).json["total"] == 0


def test_a_book_deleted_in_between_fails_the_condition_that_it_exists(caller, monkeypatch):
    path = f"{BOOKS}/{caller('keeper').put_json(URL, RUST).json['id']}"
    in_between(monkeypatch, lambda: caller("keeper").delete(path))
    refused = caller("editor").put_json(URL, CHANGED, headers={"If-Match": "*"}, status=412)
    assert_problem(refused, 412, "precondition_failed")


def test_a_book_that_was_there_is_not_replaced_by_who_may_only_add(caller, monkeypatch):
    """Though it is gone when the answer is made: the statement that writes has decided."""
    path = f"{BOOKS}/{caller('keeper').put_json(URL, RUST).json['id']}"
    in_between(monkeypatch, lambda: caller("keeper").delete(path))
    assert_forbidden(caller("adder"), "bookstore.edit")
    assert caller(None).get(BOOKS).json["total"] == 0


def test_the_description_says_that_either_permission_may_be_needed(make_client):
    client = make_client(JWT | {"bookstore.anonymous": "add"})
    described = client.get("/api/v1/openapi.json").json["paths"]["/books/isbn/{isbn}"]["put"]
    assert "`bookstore.add`" in described["description"]
    assert "`bookstore.edit`" in described["description"]
    assert {"401", "403"} <= {*described["responses"]}
    assert described["security"] == [{}, {"credentials": []}]
