"""docs/reference/python.md and what is exported: every name, every signature, nothing else."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Self, TextIO
from uuid import UUID

import pytest
from msgspec import Raw, UnsetType
from pyramid.interfaces import IRouter
from pyramid.request import Request
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

import pyramid_bookstore
from pyramid_bookstore import Book, Bookstore, errors, events
from pyramid_bookstore.catalogue.query import Count, Filters
from pyramid_bookstore.feeds.intake import ExportFormat, Format
from pyramid_bookstore.feeds.lines import Stream
from pyramid_bookstore.feeds.snapshot import Absent
from pyramid_bookstore.plugin import configuration
from pyramid_bookstore.transactions.events import Change

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")
MODULES = ("", ".events", ".errors", ".testing")
#: Public by its name only: for the bookstore's own views and services.
INTERNAL = {"Bookstore": {"page", "export"}, "Condition": {"check", "given"}}
#: Classes that nobody but the bookstore calls.
NOT_CALLED = {
    *("Suggestion", "Suggestions", "Bookstore", "BookData", "Lookup", "Page"),
    *("FacetValue", "Hold", "HoldLineData", "MovementData", "MovementPage", "StockLevel"),
}
#: What annotations and defaults on the page stand for.
NAMES = {
    each.__name__: each
    for each in (
        *(Collection, Connection, Decimal, Engine, IRouter, Mapping, Raw, Request, Sequence),
        *(Session, TextIO, UUID, datetime, errors.Fault, errors.Reject, errors.Report),
        *(errors.AbsentBook, errors.ShortLine, UnsetType, events.BookEvent, Change),
    )
} | {"Any": Any, "Callable": Callable, "Iterator": Iterator, "Literal": Literal, "Self": Self,
     "Count": Count, "Filters": Filters, "Stream": Stream,
     "ExportFormat": ExportFormat, "Format": Format, "Absent": Absent,
     **{name: getattr(pyramid_bookstore, name) for name in pyramid_bookstore.__all__}}  # fmt: skip


def entries(section):
    """Name of each entry below a heading, and its blocks of Python."""
    for part in re.split(r"^### ", section, flags=re.MULTILINE)[1:]:
        name = re.match(r"`([^`(]+)", part)[1]
        yield name, re.findall(r"^```py\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def section(title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)[1]


PAGES = {
    f"pyramid_bookstore{name}": dict(entries(section(f"`pyramid_bookstore{name}`")))
    for name in MODULES
}
ENTRIES = [
    pytest.param(import_module(module), name, blocks, id=f"{module}.{name}")
    for module, found in PAGES.items()
    for name, blocks in found.items()
]


def shown(annotation):
    """The type that an annotation means, whether it is a text or the type itself."""
    text = getattr(annotation, "__forward_arg__", annotation)
    return eval(text, dict(NAMES)) if isinstance(text, str) else text


def parameters(signature):
    return [
        (found.name, found.kind, found.default, shown(found.annotation))
        for found in signature.parameters.values()
        if found.name not in ("self", "config")
    ]


def written(block):
    """The name and the signature of a block."""
    name = block[: block.index("(")]
    made = {}
    exec(f"from __future__ import annotations\ndef {block.strip()}: ...", dict(NAMES), made)
    return name, inspect.signature(made[name])


def is_attributes(block):
    return "(" not in block


def members(found):
    """The names of its own that a class offers."""
    own = {name for base in found.__mro__[:-1] if base.__module__.startswith("pyramid_bookstore.")
           for name in vars(base)}  # fmt: skip
    return {name for name in own if not name.startswith("_")} - INTERNAL.get(found.__name__, set())


@pytest.mark.parametrize("module", PAGES)
def test_every_exported_name_has_an_entry_and_nothing_else_has(module):
    exported = import_module(module).__all__
    assert sorted(PAGES[module]) == sorted(exported)
    assert [*exported] == sorted(exported), "exported in alphabetical order"


@pytest.mark.parametrize(("module", "name", "blocks"), ENTRIES)
def test_every_signature_is_the_one_of_the_code(module, name, blocks):
    found = getattr(module, name)
    documented = set()
    for block in blocks:
        if is_attributes(block):
            documented |= check_attributes(found, block)
            continue
        word, signature = written(block)
        if word == name:
            actual = inspect.signature(found)
        else:
            documented.add(word)
            actual = inspect.signature(getattr(found, word))
        if found is Book:  # SQLAlchemy's constructor has no annotations
            assert [*actual.parameters] == [*signature.parameters]
        else:
            assert parameters(signature) == parameters(actual)
        if word != name or not isinstance(found, type):
            assert shown(signature.return_annotation) == shown(actual.return_annotation)
    if name in NOT_CALLED:
        assert documented == members(found)
    else:
        assert blocks[0].startswith(f"{name}(")


def check_attributes(found, block):
    names = set()
    for line in ast.parse(block).body:
        name = line.target.id
        names.add(name)
        member = inspect.getattr_static(found, name)
        if isinstance(member, property):
            hint = shown(member.fget.__annotations__["return"])
            assert shown(ast.unparse(line.annotation)) == hint, name
        else:
            hint = typing.get_type_hints(found)[name]
            assert eval(ast.unparse(line.annotation), dict(NAMES)) == hint, name
    return names


def test_the_tree_of_errors():
    def tree(base, indent=""):
        below = sorted(
            (each for each in base.__subclasses__() if each.__name__ in errors.__all__),
            key=lambda each: each.__name__,
        )
        for each in below:
            last = each is below[-1]
            yield f"{indent}{'└' if last else '├'}── {each.__name__}\n"
            yield from tree(each, indent + ("    " if last else "│   "))

    assert f"```text\nBookstoreError\n{''.join(tree(errors.BookstoreError))}```" in TEXT


def test_every_code_is_the_one_of_the_class():
    for name, blocks in PAGES["pyramid_bookstore.errors"].items():
        kind = getattr(errors, name)
        if issubclass(kind, errors.BookstoreError) and kind is not errors.BookstoreError:
            entry = TEXT[TEXT.index(blocks[0]) :].split("###")[0]
            assert re.findall(r"Code\s`(\w+)`", entry) == [kind.code], name


def test_what_is_exported_is_there():
    """The names of the package are loaded when they are first asked for."""
    for name in pyramid_bookstore.__all__:
        assert getattr(pyramid_bookstore, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        pyramid_bookstore.Nothing  # noqa: B018  # it is the access that fails
    assert Bookstore.on(SimpleNamespace()) is not None


def test_every_directive():
    *directives, _auth = entries(section("Directives"))
    assert len(directives) == 3
    for name, (block,) in directives:
        word, signature = written(block)
        assert name == f"config.{word}"
        directive = getattr(configuration, word)
        assert parameters(signature) == parameters(inspect.signature(directive))


def test_every_name_for_an_ini_is_there():
    names = re.findall(r"`(pyramid_bookstore[\w.]*)[:.](\w+)`", section("Named in an INI"))
    assert [word for _, word in names] == ["TextFormatter", "JSONFormatter", "make_app"]
    for module, word in names:
        assert callable(getattr(import_module(module), word))
