"""The book's ``extra``: a JSON object of limited size that the host's schema validates."""

import logging
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import colander

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.host_schema import apply_host_schema
from pyramid_bookstore.values import jsontext, text
from pyramid_bookstore.values.faults import MAX_FAULTS, add_fault
from pyramid_bookstore.values.types import Refused, StrictType, check_characters, kind

MAX_BYTES: Final = 16_384
_MAX_DEPTH: Final = jsontext.MAX_DEPTH - 1  # one level is the book around it
# Numbers that every JSON reader can hold: 64 bits, and the range of a double (RFC 7493, 2.2).
_MAX_INTEGER: Final = 2**63 - 1
_MAX_DIGITS: Final = 64
TOO_LARGE: Final = f"The object must have at most {MAX_BYTES} bytes as JSON."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtraRules:
    """What an application demands of ``extra``: a bound colander mapping of the host's, for the
    members that are not ``declared``."""

    schema: colander.SchemaNode | None = None
    declared: Declared = NOTHING_DECLARED


NO_RULES: Final = ExtraRules()


class Extra(StrictType):
    """An object of at most `MAX_BYTES` as compact JSON; missing is ``{}``.

    Names and texts become NFC and must not have NUL; numbers must fit into 64 bits or a double.
    A ``patch`` (RFC 7396) is not what will be stored, so its size is not limited and the ``rules``
    not applied.
    """

    wanted = "an object"

    def __init__(self, rules: ExtraRules = NO_RULES, *, patch: bool = False) -> None:
        self.rules = rules
        self.patch = patch

    def deserialize(self, node: Any, cstruct: Any) -> dict[str, Any]:
        """The object; raises :exc:`colander.Invalid` with the path of each fault."""
        value = self._limited(node, {} if cstruct is colander.null else cstruct)
        if self.rules != NO_RULES and not self.patch:
            # Again, because defaults and preparers of the host can make it too large.
            value = self._limited(node, self._checked(node, value))
        return value

    def _checked(self, node: Any, value: dict[str, Any]) -> dict[str, Any]:
        """``value`` by the declared fields and the host's schema, which sees all the others."""
        schema, declared = self.rules.schema, self.rules.declared.fields
        error = colander.Invalid(node)
        checked = dict(value)
        for name in (name for name in declared if name in value):
            try:
                checked[name] = declared[name].deserialize(value[name])
            except colander.Invalid as invalid:
                error.add(invalid)
        if schema is not None:
            others = {name: each for name, each in value.items() if name not in declared}
            try:
                found = apply_host_schema(schema, others, node)
            except colander.Invalid as invalid:
                error.msg = invalid.msg
                for child in invalid.children:
                    error.add(child)
            else:
                # Members stay in the order in which they came.
                checked = {
                    name: each
                    for name, each in checked.items()
                    if name in declared or name in found
                }
                checked |= {name: each for name, each in found.items() if name not in declared}
        if error.children or error.msg is not None:
            raise error
        return checked

    def _limited(self, node: Any, cstruct: Any) -> dict[str, Any]:
        if not isinstance(cstruct, dict):
            raise colander.Invalid(node, str(self.not_wanted(cstruct)))
        error = colander.Invalid(node)
        try:
            value: dict[str, Any] = _Reader(error).read(cstruct, ())
            if error.children or error.msg is not None:
                raise error
            if not self.patch and len(jsontext.dumps(value)) > MAX_BYTES:
                raise _TooLarge
        except _TooLarge:
            raise colander.Invalid(node, TOO_LARGE) from None
        return value


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """``target`` with a JSON merge patch applied (RFC 7396, section 2); neither is modified."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply_merge_patch(result.get(name), value)
    return result


class _TooLarge(Exception):
    """The value is larger than ``extra`` may be."""


class _Reader:
    """Converts a JSON value to its stored form and adds its faults to ``error``."""

    def __init__(self, error: colander.Invalid) -> None:
        self.error = error
        # Characters and values that may still be read; NFC makes text up to four times shorter.
        self.budget = 4 * MAX_BYTES

    def read(self, value: Any, path: tuple[str, ...]) -> Any:
        """The stored form of ``value``, which is at ``path``."""
        if len(self.error.children) > MAX_FAULTS:  # more are not reported
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
        except Refused as fault:
            add_fault(self.error, path, str(fault))

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
        self.budget -= amount
        if self.budget < 0:
            raise _TooLarge


def _number(value: int | float | Decimal) -> int | Decimal:
    if isinstance(value, int):
        if not -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER:
            raise Refused("The integer must fit into 64 bits.")
        return value
    # Floats come only from Python code; repr is the shortest decimal that is the same float.
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
