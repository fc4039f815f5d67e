"""Bearer tokens on the bookstore's routes, the host's own policy on all others.

``bookstore.auth = jwt`` does this in a host, whose users may have cookies while programs use the
bookstore with tokens.
"""

from typing import Any

from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import ISecurityPolicy
from pyramid.registry import Registry
from pyramid.security import Allowed, Denied, LegacySecurityPolicy
from zope.interface import implementer

from pyramid_bookstore.auth import make_policy
from pyramid_bookstore.auth.policy import JWTSecurityPolicy
from pyramid_bookstore.settings import Settings


def protect(registry: Registry, settings: Settings) -> None:
    """Make `JWTSecurityPolicy` decide on our routes, the application's policy on all others.

    To be called when the host's policy is registered and before views read it: between Pyramid's
    phases 2 and 3. Does nothing if the application uses `JWTSecurityPolicy` for all routes.
    Raises `ConfigurationError` for a host with an authentication policy of Pyramid 1.
    """
    host = registry.queryUtility(ISecurityPolicy)
    if isinstance(host, JWTSecurityPolicy):
        return
    if isinstance(host, LegacySecurityPolicy):
        # Pyramid uses more of this class than the interface has, so it cannot be wrapped.
        raise ConfigurationError(
            "bookstore.auth = jwt does not go with set_authentication_policy: give the host a"
            " security policy (Pyramid 2), or leave bookstore.auth = host"
        )
    registry.registerUtility(OwnRoutesPolicy(make_policy(settings), host), ISecurityPolicy)


@implementer(ISecurityPolicy)
class OwnRoutesPolicy:
    """Uses one policy on the bookstore's routes, and another, or none, elsewhere."""

    def __init__(self, own: JWTSecurityPolicy, host: Any) -> None:
        """``host`` is an ISecurityPolicy or `None`."""
        self._own = own
        self._host = host

    def __getattr__(self, name: str) -> Any:
        # A host may use attributes of its policy that are not in Pyramid's interface.
        return getattr(self._host, name)

    def _policy(self, request: Any) -> Any:
        route = getattr(request, "matched_route", None)
        ours = route is not None and route.name.partition(".")[0] == "bookstore"
        return self._own if ours else self._host

    def identity(self, request: Any) -> Any:
        policy = self._policy(request)
        return None if policy is None else policy.identity(request)

    def authenticated_userid(self, request: Any) -> Any:
        policy = self._policy(request)
        return None if policy is None else policy.authenticated_userid(request)

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        """The answer of the route's policy; without one all is allowed, as in Pyramid."""
        policy = self._policy(request)
        if policy is None:
            return Allowed("No security policy in use.")
        return policy.permits(request, context, permission)

    def challenge(self, request: Any) -> str:
        """The value of WWW-Authenticate for a request to the bookstore."""
        return self._own.challenge(request)

    def reason(self, request: Any) -> str:
        """Why a request to the bookstore has no identity."""
        return self._own.reason(request)

    def remember(self, request: Any, userid: str, **options: Any) -> Any:
        policy = self._policy(request)
        return [] if policy is None else policy.remember(request, userid, **options)

    def forget(self, request: Any, **options: Any) -> Any:
        policy = self._policy(request)
        return [] if policy is None else policy.forget(request, **options)
