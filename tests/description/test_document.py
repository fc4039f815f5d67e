"""The OpenAPI document is valid for every kind of mount, and describes that mount."""

from __future__ import annotations

import json

import colander
import pytest
from openapi_spec_validator import validate
from pyramid.config import PHASE1_CONFIG
from pyramid.security import Allowed

from pyramid_bookstore.description.document import _CACHE_SIZE, _Cache
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.web.mount import Mount
from tests.description.support import closed, description, faults
from tests.support.api import API, ask
from tests.support.guarded import SETTINGS as JWT

NEVER_OPENED = {"bookstore.sqlalchemy.url": "sqlite://"}


class Cover(colander.MappingSchema):
    publisher = colander.SchemaNode(colander.String(), validator=colander.Length(max=80))
    pages = colander.SchemaNode(colander.Integer(), missing=colander.drop)


class Optional(colander.MappingSchema):
    cover = colander.SchemaNode(colander.String(), missing="soft")


class Cookies:
    """A security policy of a host; ``challenge`` is the WWW-Authenticate header that it sends."""

    def __init__(self, challenge=None):
        self.challenge_sent = challenge

    def identity(self, request):
        return None

    authenticated_userid = identity

    def permits(self, request, context, permission):
        return Allowed("all")

    def remember(self, request, userid, **options):
        return []

    def forget(self, request, **options):
        return [("WWW-Authenticate", self.challenge_sent)] if self.challenge_sent else []


@pytest.fixture
def make(make_app):
    def make(settings=None, *, extra=None, policy=None, **options):
        def configure(config):
            if extra is not None:
                # As a host may do it: the directive exists only after the bookstore is included.
                config.action(
                    None,
                    lambda: setattr(Mount.of(config.registry), "extra_schema", extra),
                    order=PHASE1_CONFIG,
                )
            if policy is not None:
                config.set_security_policy(policy)

        return make_app(NEVER_OPENED | (settings or {}), configure=configure, **options)

    return make


MOUNTS = {
    "standard": ({}, API),
    "root": ({"settings": {"bookstore.prefix": ""}}, ""),
    "prefix": ({"settings": {"bookstore.prefix": "/v2"}, "route_prefix": "shop"}, "/shop/v2"),
    "extra": ({"extra": Cover()}, API),
    "optional extra": ({"extra": Optional()}, API),
    "jwt": ({"settings": JWT | {"bookstore.anonymous": "view"}}, API),
    "strict": ({"settings": {"bookstore.require_if_match": "true"}}, API),
    "replica": ({"settings": {"bookstore.replica.sqlalchemy.url": "sqlite://"}}, API),
    "host's policy": ({"policy": Cookies()}, API),
    "without docs": ({"settings": {"bookstore.docs": "false"}}, API),
    "declared fields": ({"settings": {"bookstore.trade": "true"}}, API),
}


@pytest.mark.parametrize("name", MOUNTS)
def test_the_document_is_valid_openapi_3_1_for_every_mount(make, name):
    options, path = MOUNTS[name]
    document = description(make(**options), path)
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": path or "/"}]


@pytest.mark.parametrize("name", MOUNTS)
def test_every_example_in_the_document_is_valid_by_its_schema(make, name):
    """Each example matches the schema beside it and has no member that is not described."""
    options, path = MOUNTS[name]
    document = closed(description(make(**options), path))
    seen = 0

    def look(item):
        nonlocal seen
        if isinstance(item, list):
            for part in item:
                look(part)
        if not isinstance(item, dict):
            return
        schema = item.get("schema", item)
        values = [item["example"]] if "example" in item else []
        examples = item.get("examples", [])
        if isinstance(examples, dict):
            values += [each["value"] for each in examples.values() if "value" in each]
        else:
            values += examples
        for value in values:
            seen += 1
            assert faults(document, schema, value) == [], value
        for name, part in item.items():
            if name not in ("example", "examples", "const", "default", "enum"):
                look(part)

    look(document)
    assert seen > 50


def test_the_server_url_includes_the_script_name(make):
    app = make({"bookstore.title": "Shop & Sons"})
    assert description(app)["servers"] == [{"url": API}]
    document = description(app, SCRIPT_NAME="/store")
    assert document["servers"] == [{"url": f"/store{API}"}]
    assert document["info"]["title"] == "Shop & Sons"


def test_documents_are_cached_per_mount_and_the_cache_is_bounded(make):
    app = make()
    for number in range(_CACHE_SIZE + 3):
        assert description(app, SCRIPT_NAME=f"/{number}")["servers"][0]["url"] == f"/{number}{API}"
    kept = Mount.of(app.registry).part(_Cache)
    assert len(kept) == _CACHE_SIZE
    name, before = next(iter(kept.items()))
    description(app, SCRIPT_NAME=name.removesuffix(API))
    assert kept[name] is before


def test_the_document_has_an_etag_and_an_unchanged_one_is_answered_with_304(make):
    app = make()
    first = ask(app, "GET", f"{API}/openapi.json")
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Cache-Control"] == "no-cache"
    again = ask(app, "GET", f"{API}/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_int, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = ask(app, "GET", f"{API}/openapi.json", SCRIPT_NAME="/x")
    assert other.headers["ETag"] != first.headers["ETag"]
    head = ask(app, "HEAD", f"{API}/openapi.json")
    assert head.headers["ETag"] == first.headers["ETag"]


def test_the_document_has_the_configured_limits_and_no_disabled_paths(make):
    settings = {"bookstore.limit.max": "7", "bookstore.limit.default": "5"}
    document = description(make(settings | {"bookstore.docs": "false"}))
    limit = next(
        p for p in document["paths"]["/books"]["get"]["parameters"] if p["name"] == "limit"
    )
    assert (limit["schema"]["maximum"], limit["schema"]["default"]) == (7, 5)
    assert "/docs" not in document["paths"]
    assert "/docs/{asset}" not in document["paths"]


def test_a_parameter_that_is_repeated_is_described_so_and_one_with_commas_so(make):
    document = description(make({"bookstore.trade": "true"}))
    parameters = {
        each["name"]: each.get("explode")
        for path, method in (("/books", "get"), ("/books/import", "post"))
        for each in document["paths"][path][method]["parameters"]
    }
    repeated = ("publisher", "language", "contributor", "published", "pages", "column", "set")
    assert {name: parameters[name] for name in repeated} == dict.fromkeys(repeated, True)
    joined = ("fields", "sort", "facets")
    assert {name: parameters[name] for name in joined} == dict.fromkeys(joined, False)


def test_with_require_if_match_the_header_is_required_and_428_described(make):
    document = description(make({"bookstore.require_if_match": "true"}))
    book = document["paths"]["/books/{id}"]
    for method in ("put", "patch", "delete"):
        header = next(p for p in book[method]["parameters"] if p["name"] == "If-Match")
        assert header["required"] is True
        assert "428" in book[method]["responses"]
    upsert = document["paths"]["/books/isbn/{isbn}"]["put"]
    assert "428" in upsert["responses"]
    header = next(p for p in upsert["parameters"] if p["name"] == "If-Match")
    assert "required" not in header  # If-None-Match: * will do
    assert "428" not in json.dumps(description(make())["paths"])


def test_with_a_replica_reads_describe_the_cache_control_header(make):
    def names(document):
        return [p["name"] for p in document["paths"]["/books"]["get"]["parameters"]]

    assert "Cache-Control" not in names(description(make()))
    replica = {"bookstore.replica.sqlalchemy.url": "sqlite://"}
    assert "Cache-Control" in names(description(make(replica)))


class TestStrictClients:
    """What generators of clients and validators stumble over."""

    @pytest.fixture(params=["standard", "declared fields", "optional extra"])
    def document(self, make, request):
        options, path = MOUNTS[request.param]
        return description(make(**options), path)

    def test_no_schema_of_a_body_has_a_default_for_which_it_would_be_required(self, document):
        def look(item):
            if isinstance(item, dict):
                properties = item.get("properties", {})
                for name, each in properties.items():
                    assert "default" not in each, name
                for each in item.values():
                    look(each)

        look(document["components"]["schemas"])
        new = document["components"]["schemas"]["NewBook"]
        assert new["required"] == ["title", "author", "isbn", "price"]
        assert new["properties"]["stock"]["description"].endswith("0 by default.")

    def test_no_price_is_refused_by_a_validator_that_computes_with_floats(self, document):
        assert "multipleOf" not in json.dumps(document)
        book = document["components"]["schemas"]["NewBook"]
        assert faults(document, book["properties"]["price"], 19.99) == []

    def test_what_the_server_sets_is_read_only_and_a_change_may_have_it(self, document):
        schemas = document["components"]["schemas"]
        for name in ("Book", "BookChanges", "BookPatch", "NewBookByIsbn"):
            read_only = {
                field for field, each in schemas[name]["properties"].items() if each.get("readOnly")
            }
            assert read_only == {"id", "created_at", "updated_at"}, name
        assert not {"id", "created_at"} & {*schemas["NewBook"]["properties"]}

    def test_extra_is_an_open_object_with_the_declared_fields(self, make):
        options, path = MOUNTS["declared fields"]
        schemas = description(make(**options), path)["components"]["schemas"]
        for name in ("Extra", "StoredExtra"):
            assert schemas[name]["additionalProperties"] is True
            assert schemas[name]["properties"]["pages"]["type"] == "integer"
        assert schemas["BookPatch"]["properties"]["extra"]["additionalProperties"] is True

    def test_the_values_of_facets_have_the_type_of_their_field(self, make):
        kinds = {"signed": "boolean", "rating": "number", "shelf": "integer", "year": "date"}
        settings = {f"bookstore.field.{name}": f"{kind} facet" for name, kind in kinds.items()}
        document = description(make(settings | {"bookstore.trade": "true"}))
        facets = document["components"]["schemas"]["Page"]["properties"]["facets"]["properties"]
        found = {
            name: each["items"]["properties"]["value"]["type"] for name, each in facets.items()
        }
        wanted = {"signed": "boolean", "rating": "number", "shelf": "integer", "year": "string"}
        assert {name: found[name] for name in wanted} == wanted
        assert found["language"] == found["publisher"] == "string"


class TestSecurity:
    def test_without_a_policy_no_operation_needs_credentials(self, make):
        document = description(make())
        assert "securitySchemes" not in document["components"]
        for item in document["paths"].values():
            for method in set(item) - {"parameters"}:
                assert item[method]["security"] == []
                assert not {"401", "403"} & set(item[method]["responses"])

    def test_with_jwt_protected_operations_need_a_bearer_token(self, make):
        document = description(make(JWT | {"bookstore.anonymous": "view"}))
        scheme = document["components"]["securitySchemes"]["credentials"]
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        needed, optional = [{"credentials": []}], [{}, {"credentials": []}]
        for resource in RESOURCES:
            settings = Mount.of(make(JWT).registry).settings
            if not resource.enabled(settings):
                continue
            for operation in resource.served(settings).operations:
                described = document["paths"][resource.path][operation.method.lower()]
                if operation.permission is None:
                    assert described["security"] == []
                    assert "401" not in described["responses"]
                else:
                    anonymous = operation.permission == "bookstore.view"
                    assert described["security"] == (optional if anonymous else needed)
                    assert {"401", "403"} <= set(described["responses"])

    @pytest.mark.parametrize(
        ("challenge", "scheme"),
        [
            (None, {"type": "apiKey", "in": "header", "name": "Authorization"}),
            ('Basic realm="shop"', {"type": "http", "scheme": "basic"}),
        ],
    )
    def test_with_a_host_policy_the_scheme_comes_from_its_challenge(self, make, challenge, scheme):
        document = description(make(policy=Cookies(challenge)))
        found = document["components"]["securitySchemes"]["credentials"]
        assert found.pop("description")
        assert found == scheme
        assert document["paths"]["/books"]["get"]["security"] == [{"credentials": []}]


class TestExtra:
    def test_without_a_host_schema_extra_is_any_object(self, make):
        schemas = description(make())["components"]["schemas"]
        assert schemas["Extra"]["type"] == "object"
        assert "properties" not in schemas["Extra"]

    def test_with_a_host_schema_extra_is_described_by_it(self, make):
        schemas = description(make(extra=Cover()))["components"]["schemas"]
        assert schemas["Extra"]["required"] == ["publisher"]
        assert schemas["Extra"]["properties"]["publisher"]["maxLength"] == 80
        # Books stored before the host had this schema need not follow it.
        assert "required" not in schemas["StoredExtra"]
        # Without it, extra would be {}, which is refused.
        assert "extra" in schemas["NewBook"]["required"]
        assert "examples" not in schemas["NewBook"]

    def test_with_an_optional_host_schema_a_new_book_needs_no_extra(self, make):
        schemas = description(make(extra=Optional()))["components"]["schemas"]
        assert schemas["Extra"]["properties"]["cover"]["description"] == 'By default "soft".'
        assert "extra" not in schemas["NewBook"]["required"]
        assert schemas["NewBook"]["examples"]
