"""URLs of this mount, with the prefix, SCRIPT_NAME and proxy of the request."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote_plus

from pyramid.request import Request

from pyramid_bookstore.web.mount import Mount


def mount_path(request: Request) -> str:
    """The path of the mount; placeholders in a `route_prefix` have the request's values."""
    path: str = request.route_path("bookstore.books", **prefix_of(request))
    return path.removesuffix("/books")


def resource_paths(request: Request) -> dict[str, str]:
    """The path of every resource that is mounted here, by name; parameters are in braces."""
    mount, base = Mount.of(request.registry), mount_path(request)
    return {
        resource.name: base + resource.path
        for resource in mount.resources
        if resource.path != "/" and mount.serves(resource)
    }


def link(base: str, relation: str, pairs: Iterable[tuple[str, str]]) -> str:
    """An element of ``Link`` (RFC 8288): the path with these parameters."""
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    return f'<{base}{"?" + query if query else ""}>; rel="{relation}"'


def cursor_links(
    request: Request, pairs: Sequence[tuple[str, str]], next_cursor: str | None
) -> str:
    """The ``Link`` header of a list at this path, by cursor: first, and next if it goes on."""
    kept = [pair for pair in pairs if pair[0] != "cursor"]
    base = request.route_path(request.matched_route.name, **prefix_of(request))
    links = [link(base, "first", kept)]
    if next_cursor:
        links.append(link(base, "next", [*kept, ("cursor", next_cursor)]))
    return ", ".join(links)


def prefix_of(request: Request) -> dict[str, str]:
    """The values of placeholders in the host's `route_prefix`, such as ``/{shop}``."""
    return request.matchdict or {}
