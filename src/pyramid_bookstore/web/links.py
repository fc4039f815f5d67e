"""URLs of this mount, with the prefix, SCRIPT_NAME and proxy of the request."""

from pyramid.request import Request


def mount_path(request: Request) -> str:
    """The path of the mount; placeholders in a `route_prefix` have the request's values."""
    path: str = request.route_path("bookstore.books", **prefix_of(request))
    return path.removesuffix("/books")


def prefix_of(request: Request) -> dict[str, str]:
    """The values of placeholders in the host's `route_prefix`, such as ``/{shop}``."""
    return request.matchdict or {}
