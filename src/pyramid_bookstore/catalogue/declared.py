"""Declared fields: fields of `extra` that an application checks, filters, sorts and counts.

They are declared in the settings, by `config.add_bookstore_field`, or as the trade's set. What they
are found by is written with the book: `Declared.keys_of`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import cached_property
from typing import Any, Final, NamedTuple

import colander

from pyramid_bookstore.catalogue.field import Field, Filter, Range, parameter
from pyramid_bookstore.catalogue.host_schema import apply_host_schema
from pyramid_bookstore.catalogue.kind import Kind, token_of
from pyramid_bookstore.catalogue.kinds import KINDS
from pyramid_bookstore.search.conditions import Comparison
from pyramid_bookstore.search.words import stored
from pyramid_bookstore.values.parameters import Repeated
from pyramid_bookstore.values.text import trimmed, visible
from pyramid_bookstore.values.types import Refused, StrictType
from pyramid_bookstore.values.types import field as field_node

#: An index has it in its name, of which PostgreSQL takes 63 characters.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
#: Values of one parameter.
MOST: Final = 100


@dataclass(frozen=True)
class DeclaredField(Field):
    """A member of `extra`: a `Field` whose type is a `Kind`."""

    type: Kind
    #: Whether its values are counted.
    facet: bool = False
    #: Whether the search finds its words.
    search: bool = False
    #: A node of the host's, whose rules hold too.
    node: Any = None
    #: The name of the parameter that filters by it.
    parameter: str = ""

    @property
    def tokenized(self) -> bool:
        """Whether it is found by tokens."""
        return self.facet or bool(self.filters)

    @property
    def keyed(self) -> bool:
        """Whether it has a key to sort by, or for ranges."""
        return self.sort or (self.type.ranged and bool(self.filters))

    def deserialize(self, value: Any) -> Any:
        """The value as it is stored; raises :exc:`colander.Invalid`."""
        own = field_node(self.type, name=self.name)
        value = own.deserialize(value)
        rules = () if self.node is None else (self.node, *self.node.children)
        if not any(each.validator or each.preparer for each in rules):
            return value
        schema = colander.SchemaNode(colander.Mapping(), self.node, name=self.name)
        try:
            found = apply_host_schema(schema, {self.name: value}, own)
        except colander.Invalid as invalid:
            raise invalid.children[0] if invalid.children else invalid from None
        # Of a date, colander would make a day.
        return own.deserialize(found[self.name]) if self.type.of_text else value

    def tokens(self, value: Any) -> Iterator[str]:
        """The stored tokens of a valid value."""
        kind = self.type
        if self.filters:
            yield from (token_of(self.name, each) for each in kind.tokens(value))
        if self.facet:
            yield from (token_of(f"{self.name}=", each) for each, _ in kind.facet_values(value))


class Tokens(Repeated):
    """The values of a parameter that may be repeated, as tokens."""

    def __init__(self, field: str, kind: Kind) -> None:
        self.field = field
        self.kind = kind

    def read(self, value: Sequence[str]) -> Any:
        given = [text for each in super().read(value) if (text := trimmed(visible(each)))]
        if len(given) > MOST:
            raise Refused(f"At most {MOST} values may be given.")
        tokens = {token_of(self.field, self.kind.asked(each)) for each in given}
        return tuple(sorted(tokens)) or None


class Bound(StrictType):
    """The first or the last value of a range."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def read(self, value: str) -> Any:
        text = trimmed(visible(value))
        return self.kind.given(text) if text else None


class OneOf(Filter):
    """``publisher=``: one of the values given, whatever the case or accents."""

    def parameters(self, field: Field) -> Iterator[Any]:
        assert isinstance(field, DeclaredField)
        text = f"{field.text} The whole value, in any case; repeated, one of several."
        yield parameter(Tokens(field.name, field.type), text, field.parameter)

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        return iter(())

    def tokens(self, field: Field, values: Mapping[str, Any]) -> Sequence[str] | None:
        assert isinstance(field, DeclaredField)
        found: Sequence[str] | None = values.get(field.parameter)
        return found


class Between(Range):
    """``min_pages=`` and ``max_pages=``; a book without a value is in no range."""

    def parameters(self, field: Field) -> Iterator[Any]:
        low, high = f"min_{field.name}", f"max_{field.name}"
        yield parameter(Bound(field.type), f"`{field.name}` from this; not behind `{high}`.", low)
        yield parameter(Bound(field.type), f"`{field.name}` up to this.", high)

    def check(self, field: Field, values: Mapping[str, Any], error: colander.Invalid) -> None:
        low, high = values.get(f"min_{field.name}"), values.get(f"max_{field.name}")
        if low is None or high is None:
            return
        if field.type.key(low) > field.type.last_key(high):
            error[f"min_{field.name}"] = f"The value must not be behind max_{field.name}."

    def comparisons(self, field: Field, values: Mapping[str, Any]) -> Iterator[Comparison]:
        found = list(super().comparisons(field, values))
        if found and found[0].operator != ">=":
            yield Comparison(field.key, ">")  # "" is no value
        yield from found

    def bound(self, field: Field, value: Any, operator: str) -> Any:
        return field.type.last_key(value) if operator == "<=" else field.type.key(value)


class Keys(NamedTuple):
    """What is stored beside `extra`, to find a book by declared fields."""

    attributes: list[str] | None = None
    sort_keys: Mapping[str, str] | None = None
    #: `Declared.fingerprint`, where `extra` has members.
    declared: str | None = None
    extra_words: str = ""


@dataclass(eq=False)
class Declared:
    """The declared fields of one application, by name."""

    fields: Mapping[str, DeclaredField] = attribute(default_factory=dict)
    #: Whether their indexes have been seen.
    indexed: bool = False

    def __bool__(self) -> bool:
        return bool(self.fields)

    @cached_property
    def fingerprint(self) -> str:
        """Differs where other keys would be stored."""
        parts = [
            (each.name, each.type.name, each.facet, each.search, each.keyed, bool(each.filters))
            for _, each in sorted(self.fields.items())
        ]
        return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()

    @cached_property
    def tokenized(self) -> bool:
        """Whether a field is found by tokens."""
        return any(each.tokenized for each in self.fields.values())

    @cached_property
    def keyed(self) -> tuple[str, ...]:
        """The fields with a key to sort by."""
        return tuple(each.name for each in self.fields.values() if each.keyed)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of the list's parameters."""
        return frozenset(
            node.name
            for field in self.fields.values()
            for each in field.filters
            for node in each.parameters(field)
        )

    @cached_property
    def facets(self) -> tuple[str, ...]:
        """The fields whose values are counted."""
        return tuple(each.name for each in self.fields.values() if each.facet)

    def keys_of(self, extra: Mapping[str, Any], invalid: Callable[[str], Any] = len) -> Keys:
        """What is stored for a book with this `extra`.

        Values that are not valid, from before the declaration, are left out: ``invalid`` is called
        with the name of their field.
        """
        if not self.fields or not extra:
            return Keys()
        tokens: dict[str, None] = {}
        keys: dict[str, str] = {}
        words: list[str] = []
        for name in self.fields.keys() & extra.keys():
            field = self.fields[name]
            try:
                value = field.deserialize(extra[name])
            except colander.Invalid:
                invalid(name)
                continue
            tokens |= dict.fromkeys(field.tokens(value))
            if field.keyed:
                keys[name] = field.type.key(value)
            if field.search:
                words.append(field.type.words(value))
        return Keys(
            sorted(tokens) or None,
            dict(sorted(keys.items())) or None,
            self.fingerprint,
            stored("\n".join(sorted(words))) if words else "",
        )


def kind_of(node: Any) -> str:
    """The type of a field that a colander node describes; raises `ValueError`."""
    typ = getattr(node, "typ", None)  # of a node, not of a class of nodes
    for known, kind in _KINDS_OF_COLANDER.items():
        if isinstance(typ, known):
            return kind
    if isinstance(typ, colander.Sequence) and kind_of(node.children[0]) == "text":
        return "texts"
    raise ValueError(
        f"{node!r} is no node of a type that can be declared: String, Integer, Float, Decimal,"
        " Date, Boolean, or a Sequence of String, of colander"
    )


_KINDS_OF_COLANDER: Final = {
    colander.String: "text",
    colander.Integer: "integer",
    colander.Float: "number",
    colander.Decimal: "number",
    colander.Date: "date",
    colander.Boolean: "boolean",
}

NOTHING_DECLARED: Final = Declared()


def declare(
    name: str,
    kind: str | Kind,
    purposes: Sequence[str],
    *,
    text: str = "",
    parameter: str = "",
    node: Any = None,
) -> DeclaredField:
    """A declared field; raises `ValueError` with what is wrong about the declaration."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a field: a lower-case letter, then up to 39 letters, digits"
            " or underscores"
        )
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no type: take {', '.join(KINDS)}")
        kind = KINDS[kind]
    for purpose in purposes:
        if purpose not in kind.purposes:
            raise ValueError(
                f"a field of the type {kind.name} cannot be for {purpose!r}, only for"
                f" {', '.join(kind.purposes)}"
            )
    filters: tuple[Filter, ...] = ()
    if "filter" in purposes:
        filters = (OneOf(), Between()) if kind.ranged else (OneOf(),)
    return DeclaredField(
        type=kind,
        text=text or f"The {name.replace('_', ' ')}.",
        example=kind.example,
        default=colander.drop,
        name=name,
        filters=filters,
        sort="sort" in purposes,
        facet="facet" in purposes,
        search="search" in purposes,
        parameter=parameter or name,
        node=node,
    )
