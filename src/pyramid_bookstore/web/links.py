"""URLs of this mount, with the prefix, SCRIPT_NAME and proxy of the request."""

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


def prefix_of(request: Request) -> dict[str, str]:
    """The values of placeholders in the host's `route_prefix`, such as ``/{shop}``."""
    return request.matchdict or {}
