"""URLs of this mount: whatever prefix, SCRIPT_NAME or proxy lies before it."""

from pyramid.request import Request


def mount_path(request: Request) -> str:
    """The path of the mount as this request has it, placeholders in a `route_prefix` filled in."""
    path: str = request.route_path("bookstore.books", **prefix_of(request))
    return path.removesuffix("/books")


def prefix_of(request: Request) -> dict[str, str]:
    """What stood in the place of placeholders in the host's `route_prefix`, as in ``/{shop}``."""
    return request.matchdict or {}
