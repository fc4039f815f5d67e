"""Bearer tokens on the bookstore's routes, the host's own policy on all others.

That is what ``bookstore.auth = jwt`` does in a host: it may have users of its own, by cookie say,
and programs that use the bookstore with tokens.
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
    """Put `JWTSecurityPolicy` before the application's security policy, on our routes only.

    To be called when the host's policy is known and before views take hold of it, that is between
    Pyramid's phases 2 and 3. Where the application has chosen `JWTSecurityPolicy` for all its
    routes, that is left as it is. Raises `ConfigurationError` as `make_policy` does.
    """
    host = registry.queryUtility(ISecurityPolicy)
    if isinstance(host, JWTSecurityPolicy):
        return
    if isinstance(host, LegacySecurityPolicy):
        # Pyramid asks this class for more than the interface has, so it cannot be wrapped.
        raise ConfigurationError(
            "bookstore.auth = jwt does not go with set_authentication_policy: give the host a"
            " security policy (Pyramid 2), or leave bookstore.auth = host"
        )
    registry.registerUtility(OwnRoutesPolicy(make_policy(settings), host), ISecurityPolicy)


@implementer(ISecurityPolicy)
class OwnRoutesPolicy:
    """Asks one policy on the bookstore's routes, and another, or none, everywhere else."""

    def __init__(self, own: JWTSecurityPolicy, host: Any) -> None:
        """``host`` is an ISecurityPolicy or `None`."""
        self._own = own
        self._host = host

    def __getattr__(self, name: str) -> Any:
        # A host may ask the registry for its policy, and that for more than Pyramid's interface.
        return getattr(self._host, name)

    def _policy(self, request: Any) -> Any:
        route = getattr(request, "matched_route", None)
        ours = route is not None and route.name.partition(".")[0] == "bookstore"
        return self._own if ours else self._host

    def identity(self, request: Any) -> Any:
        """As the policy in charge has it."""
        policy = self._policy(request)
        return None if policy is None else policy.identity(request)

    def authenticated_userid(self, request: Any) -> Any:
        """As the policy in charge has it."""
        policy = self._policy(request)
        return None if policy is None else policy.authenticated_userid(request)

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        """As the policy in charge has it; all is allowed where there is none, as in Pyramid."""
        policy = self._policy(request)
        if policy is None:
            return Allowed("No security policy in use.")
        return policy.permits(request, context, permission)

    def challenge(self, request: Any) -> str:
        """The value of WWW-Authenticate for a request to the bookstore."""
        return self._own.challenge(request)

    def remember(self, request: Any, userid: str, **options: Any) -> Any:
        """As the policy in charge has it."""
        policy = self._policy(request)
        return [] if policy is None else policy.remember(request, userid, **options)

    def forget(self, request: Any, **options: Any) -> Any:
        """As the policy in charge has it."""
        policy = self._policy(request)
        return [] if policy is None else policy.forget(request, **options)
