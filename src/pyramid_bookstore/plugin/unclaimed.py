"""The mount point itself is ours only where the host has no page of its own there."""

from typing import Any

from pyramid.config import Configurator
from pyramid.interfaces import IRequest, IRootFactory, ITraverser, IView, IViewClassifier
from pyramid.request import Request
from pyramid.traversal import DefaultRootFactory, ResourceTreeTraverser
from zope.interface import providedBy


class Unclaimed:
    """Route predicate ``bookstore_unclaimed``: by traversal the host has no view for the path.

    Routes go before traversal, so that without it our route would take the host's page.
    """

    def __init__(self, value: bool, config: Configurator) -> None:
        pass

    def text(self) -> str:
        return "bookstore_unclaimed = True"

    phash = text

    def __call__(self, info: Any, request: Request) -> bool:
        registry = request.registry
        root = registry.queryUtility(IRootFactory, default=DefaultRootFactory)(request)
        traverser = registry.queryAdapter(root, ITraverser) or ResourceTreeTraverser(root)
        found = traverser(request)
        kinds = (IViewClassifier, IRequest, providedBy(found["context"]))
        return registry.adapters.lookup(kinds, IView, name=found["view_name"]) is None
