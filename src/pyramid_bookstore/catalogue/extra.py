"""The book's ``extra``: a JSON object of the host's own, bounded, and checked by its own schema."""

import copy
import logging
import math
from decimal import Decimal
from typing import Any, Final

import colander

from pyramid_bookstore.values import jsontext, text
from pyramid_bookstore.values.faults import MAX_FAULTS, graft, leaves
from pyramid_bookstore.values.types import Refused, StrictType, check_characters, kind

MAX_BYTES: Final = 16_384
# Together with the book around it, what is stored can be read back: jsontext.MAX_DEPTH.
_MAX_DEPTH: Final = jsontext.MAX_DEPTH - 1
# Numbers that every JSON reader holds: 64 bits, and the range of a double (RFC 7493, section 2.2).
_MAX_INTEGER: Final = 2**63 - 1
_MAX_DIGITS: Final = 64
_NOT_A_FIELD: Final = "This is not a field of extra."

log = logging.getLogger(__name__)


class Extra(StrictType):
    """An object of at most ``max_bytes`` as compact JSON; missing is ``{}``.

    Names and texts are in NFC and without NUL, numbers of a size that every reader can hold. With
    ``schema``, the host's own, the object is what that makes of it. A ``patch`` (RFC 7396) is not
    yet what will be stored, so size and schema are not looked at.
    """

    wanted = "an object"
    max_bytes = MAX_BYTES

    def __init__(self, schema: colander.SchemaNode | None = None, *, patch: bool = False) -> None:
        self.schema = schema
        self.patch = patch

    def deserialize(self, node: Any, cstruct: Any) -> dict[str, Any]:
        """The object, or :exc:`colander.Invalid` with the place of each fault within it."""
        value = self._checked(node, {} if cstruct is colander.null else cstruct)
        if self.schema is not None and not self.patch:
            # Checked once more: defaults and preparers of the host's can have made it too large.
            value = self._checked(node, through(self.schema, value, node))
        return value

    def _checked(self, node: Any, cstruct: Any) -> dict[str, Any]:
        if not isinstance(cstruct, dict):
            raise colander.Invalid(node, str(self.not_wanted(cstruct)))
        error = colander.Invalid(node)
        try:
            value: dict[str, Any] = _Reader(error).read(cstruct, ())
            if error.children or error.msg is not None:
                raise error
            if not self.patch and len(jsontext.dumps(value)) > self.max_bytes:
                raise _TooLarge
        except _TooLarge:
            raise colander.Invalid(
                node, f"The object must have at most {self.max_bytes} bytes as JSON."
            ) from None
        return value


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """``target`` changed as a JSON merge patch says (RFC 7396, section 2); neither is modified."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply_merge_patch(result.get(name), value)
    return result


def through(schema: colander.SchemaNode, value: dict[str, Any], node: Any) -> Any:
    """What the host's schema makes of ``value``, as JSON values again.

    Raises :exc:`colander.Invalid` on ``node`` with every fault. Colander leaves a mapping at the
    first unknown name, so unknown names are noted, taken out, and the rest is looked at again.
    """
    error = colander.Invalid(node)
    value = copy.deepcopy(value)
    try:
        while True:
            try:
                result = _json_able(schema, schema.deserialize(value))
                break
            except colander.Invalid as refused:
                if not _take_out_unknown(refused, value, error):
                    for path, leaf in leaves(refused):
                        graft(error, path, leaf.msg)
                    break
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # Colander's own Set does it for a list of objects. What a client sends is no reason for a
        # 500; but the schema may have a defect, so the log gets to know.
        log.warning("The schema of extra raised an exception on a client's value", exc_info=True)
        graft(error, (), "The object cannot be read as the schema of extra demands.")
    if error.children or error.msg is not None:
        raise error
    return result


def _take_out_unknown(refused: colander.Invalid, value: Any, error: colander.Invalid) -> bool:
    """Move unknown names from ``value`` into ``error``; whether there were any."""
    found = False
    for path, leaf in leaves(refused):
        if not isinstance(leaf, colander.UnsupportedFields):
            continue
        holder = value
        for name in path:
            holder = holder[int(name)] if isinstance(holder, list) else holder[name]
        for name in leaf.fields:
            graft(error, (*path, name), _NOT_A_FIELD)
            del holder[name]
            found = True
    return found


def _json_able(node: colander.SchemaNode | None, value: Any) -> Any:
    """What a schema deserialized, with what JSON cannot hold written as the schema writes it."""
    if isinstance(value, dict):
        return {
            str(name): _json_able(node.get(name) if node else None, item)
            for name, item in value.items()
            if item is not colander.null and item is not colander.drop
        }
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        # A sequence has one child, for all items; a tuple one for each.
        nodes = list(node.children) if node else []
        nodes += [nodes[-1] if nodes else None] * (len(value) - len(nodes))
        return [_json_able(*pair) for pair in zip(nodes, value, strict=False)]
    if value is None or isinstance(value, (str, int, float, Decimal)):
        return value
    written = node.serialize(value) if node else None
    return written if isinstance(written, str) else str(value)


class _TooLarge(Exception):
    """There is more of the value than will ever be stored."""


class _Reader:
    """Reads a JSON value into its stored form and puts what is wrong with it into ``error``."""

    def __init__(self, error: colander.Invalid) -> None:
        self.error = error
        # Characters and values that are still looked at; NFC makes text up to four times shorter.
        self.left = 4 * MAX_BYTES

    def read(self, value: Any, path: tuple[str, ...]) -> Any:
        """The stored form of ``value``, which is at ``path``."""
        if len(self.error.children) > MAX_FAULTS:  # no more are told, so no more are looked for
            return None
        self._spend(1)
        try:
            if isinstance(value, str):
                return self._text(value)
            if value is None or isinstance(value, bool):
                return value
            if isinstance(value, (int, float, Decimal)):
                return _number(value)
            if isinstance(value, (dict, list, tuple)):
                if len(path) >= _MAX_DEPTH:
                    raise Refused("The value is nested too deeply.")
                if isinstance(value, dict):
                    return self._object(value, path)
                return [self.read(item, (*path, str(i))) for i, item in enumerate(value)]
            raise Refused(f"JSON has no form for {kind(value)}.")
        except Refused as refused:
            graft(self.error, path, str(refused))

    def _object(self, value: dict[Any, Any], path: tuple[str, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, item in value.items():
            if not isinstance(name, str):
                raise Refused("The names within an object must be text.")
            normal = self._text(name)
            if normal in result:
                raise Refused("Two names within the object are the same text (in NFC).")
            result[normal] = self.read(item, (*path, normal))
        return result

    def _text(self, value: str) -> str:
        self._spend(len(value))
        check_characters(value)
        return text.nfc(value)

    def _spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise _TooLarge


def _number(value: int | float | Decimal) -> int | Decimal:
    if isinstance(value, int):
        if not -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER:
            raise Refused("The integer must fit into 64 bits.")
        return value
    # From Python code only: the shortest decimal that is this float is what its writer meant.
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        raise Refused("The number must be finite.")
    double = float(number)
    in_range = math.isfinite(double) and (double != 0 or number == 0)
    if not in_range or len(number.as_tuple().digits) > _MAX_DIGITS:
        raise Refused(
            f"The number must have at most {_MAX_DIGITS} digits and fit into a double's range."
        )
    return number
