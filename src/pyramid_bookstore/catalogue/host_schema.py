"""Values by a colander schema of the host's: every fault at once, and no exception of its own."""

import copy
import logging
from decimal import Decimal
from typing import Any, Final

import colander

from pyramid_bookstore.values.faults import add_fault, leaves

_NOT_A_FIELD: Final = "This is not a field of extra."

log = logging.getLogger(__name__)


def apply_host_schema(schema: colander.SchemaNode, value: dict[str, Any], node: Any) -> Any:
    """``value`` deserialized by the host's schema, as JSON values.

    Raises :exc:`colander.Invalid` on ``node`` with every fault. Colander stops at the first mapping
    with unknown names, so these are moved to the error and the rest is deserialized again.
    """
    error = colander.Invalid(node)
    value = copy.deepcopy(value)
    _move_ignored(schema, value, (), error)
    try:
        while True:
            try:
                result = _json_values(schema, schema.deserialize(value))
                break
            except colander.Invalid as invalid:
                if not _move_unknown(invalid, value, error):
                    for path, leaf in leaves(invalid):
                        add_fault(error, path, leaf.msg)
                    break
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # Input of a client must not be a 500: colander.Set raises TypeError for a list of objects,
        # for example. Logged, because it may be a defect of the schema.
        log.warning("The schema of extra raised an exception on a client's value", exc_info=True)
        add_fault(error, (), "The object cannot be read as the schema of extra demands.")
    if error.children or error.msg is not None:
        raise error
    return result


def _move_ignored(
    schema: colander.SchemaNode, value: Any, path: tuple[str, ...], error: colander.Invalid
) -> None:
    """Remove what a mapping of the schema would drop without a word, and add it to ``error``."""
    if isinstance(schema.typ, colander.Sequence) and isinstance(value, list):
        for number, item in enumerate(value):
            _move_ignored(schema.children[0], item, (*path, str(number)), error)
    if not isinstance(schema.typ, colander.Mapping) or not isinstance(value, dict):
        return
    known = {child.name: child for child in schema.children}
    for name in [*value]:
        if name in known:
            _move_ignored(known[name], value[name], (*path, name), error)
        elif schema.typ.unknown == "ignore":
            add_fault(error, (*path, name), _NOT_A_FIELD)
            del value[name]


def _move_unknown(invalid: colander.Invalid, value: Any, error: colander.Invalid) -> bool:
    """Remove unknown names from ``value`` and add them to ``error``; returns if there were any."""
    moved = False
    for path, leaf in leaves(invalid):
        if not isinstance(leaf, colander.UnsupportedFields):
            continue
        holder = value
        for name in path:
            holder = holder[int(name)] if isinstance(holder, list) else holder[name]
        for name in leaf.fields:
            add_fault(error, (*path, name), _NOT_A_FIELD)
            del holder[name]
            moved = True
    return moved


def _json_values(node: colander.SchemaNode | None, value: Any) -> Any:
    """A deserialized value as JSON values; dates and the like are serialized by their node."""
    if isinstance(value, dict):
        return {
            str(name): _json_values(node.get(name) if node else None, item)
            for name, item in value.items()
            if item is not colander.null and item is not colander.drop
        }
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        # A sequence has one child, for all items; a tuple has one for each.
        nodes = list(node.children) if node else []
        nodes += [nodes[-1] if nodes else None] * (len(value) - len(nodes))
        return [_json_values(*pair) for pair in zip(nodes, value, strict=False)]
    if value is None or isinstance(value, (str, int, float, Decimal)):
        return value
    serialized = node.serialize(value) if node else None
    return serialized if isinstance(serialized, str) else str(value)
