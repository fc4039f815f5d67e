"""The OpenAPI 3.1 document of one mount, made from the table of URLs."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.security import forget

from pyramid_bookstore.catalogue.extra import NO_RULES, ExtraRules
from pyramid_bookstore.description import headers, problems
from pyramid_bookstore.description.operations import DESCRIBED, TAGS
from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.description.paths import SCHEME, Paths
from pyramid_bookstore.description.schemas import schemas
from pyramid_bookstore.description.stock import stock_schemas
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.web.conditional import entity_tag
from pyramid_bookstore.web.links import mount_path
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.operation import Resource

_TEXT = """\
Errors are problem documents (RFC 9457): `error` says in a word what is wrong, `message` in a
sentence, and `details`, with 422, names every fault at once. A method that a path does not serve
is answered with 405 and `Allow`, which is what `OPTIONS` answers with on every path.

Changes can be made conditional on the `ETag` that was read (`If-Match`); adding a book and changing
its stock can be repeated safely with an `Idempotency-Key`.
"""

#: The security scheme with ``bookstore.auth = jwt``.
BEARER: Schema = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A token (RFC 6750) whose roles give the permissions.",
}

#: A mount caches the documents of so many SCRIPT_NAMEs.
_CACHE_SIZE = 32


class EncodedDescription(NamedTuple):
    """The document of a mount as it is sent."""

    body: bytes
    etag: str


class _Cache(dict[str, EncodedDescription]):
    """The documents of a mount, by path."""


def document(
    settings: Settings,
    path: str,
    resources: Sequence[Resource],
    *,
    rules: ExtraRules = NO_RULES,
    scheme: Schema | None = None,
) -> Schema:
    """The document of a bookstore at ``path``, which includes the SCRIPT_NAME.

    ``scheme`` is a Security Scheme Object; `None` if nobody needs to authenticate.
    """
    served = [each.served(settings) for each in resources if each.enabled(settings)]
    paths = Paths(settings, rules.declared, guarded=scheme is not None)
    items = {resource.path: paths.item(resource) for resource in served}
    used = {DESCRIBED[op.method, each.path].tag for each in served for op in each.operations}
    components = {
        "schemas": schemas(rules, settings) | stock_schemas(settings) | problems.problem_schemas(),
        "responses": paths.responses | {"MethodNotAllowed": _METHOD_NOT_ALLOWED},
        "headers": headers.RESPONSE,
    }
    if scheme is not None:
        components["securitySchemes"] = {SCHEME: scheme}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": settings.title,
            "version": version("pyramid_bookstore"),
            "description": _TEXT + _currency(settings),
        },
        "servers": [{"url": path or "/"}],
        "tags": [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in used],
        "paths": items,
        "components": components,
    }


def _currency(settings: Settings) -> str:
    code = settings.currency
    return f"\nPrices are in {code} (ISO 4217).\n" if code else ""


_METHOD_NOT_ALLOWED = problems.response(("method_not_allowed",))


def encoded_description(request: Request) -> EncodedDescription:
    """The document of this request's mount, from the cache."""
    cache = Mount.of(request.registry).part(_Cache)
    path = mount_path(request)
    encoded = cache.get(path)
    if encoded is None:
        body = jsontext.dumps(description_of(request))
        encoded = EncodedDescription(body, entity_tag(body))
        if len(cache) < _CACHE_SIZE:
            cache[path] = encoded
    return encoded


def description_of(request: Request) -> Schema:
    """The document of this request's mount."""
    mount = Mount.of(request.registry)
    return document(
        mount.settings,
        mount_path(request),
        [resource for resource in mount.resources if mount.serves(resource)],
        rules=mount.rules,
        scheme=_scheme(request, mount.settings),
    )


def _scheme(request: Request, settings: Settings) -> Schema | None:
    """The security scheme: tokens, or what the host's security policy asks for."""
    if settings.auth == "jwt":
        return BEARER
    if request.registry.queryUtility(ISecurityPolicy) is None:
        return None
    text = "As the application's security policy asks for it."
    given = {name.lower(): str(value) for name, value in reversed([*forget(request)])}
    if challenge := given.get("www-authenticate", ""):
        return {"type": "http", "scheme": challenge.split()[0].lower(), "description": text}
    cookie, _, _ = given.get("set-cookie", "").partition("=")
    place, name = ("cookie", cookie) if cookie else ("header", "Authorization")
    return {"type": "apiKey", "in": place, "name": name, "description": text}
