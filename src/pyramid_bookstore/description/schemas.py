"""The JSON Schemas of requests and answers: ``#/components/schemas`` without those of `stock`, and
the errors."""

from typing import Any

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.catalogue.extra import Extra, ExtraRules
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.kind import Kind
from pyramid_bookstore.catalogue.lookup import MOST, LookupBody
from pyramid_bookstore.catalogue.schema import book_schemas
from pyramid_bookstore.catalogue.suggestions import COUNTED
from pyramid_bookstore.db.replica import ReplicaState
from pyramid_bookstore.description import examples
from pyramid_bookstore.description.colander_types import mapping_schema
from pyramid_bookstore.description.own_types import Schema, default_value, stored_schema
from pyramid_bookstore.description.schema_parts import (
    AVAILABLE,
    COUNT,
    input_schema,
    object_schema,
    properties_of,
    property_schema,
    ref,
)
from pyramid_bookstore.errors import AbsentBook
from pyramid_bookstore.feeds.report import MAX_LISTED
from pyramid_bookstore.settings import Settings

_LINE: Schema = {"type": "integer", "minimum": 1, "description": "The line the row begins in."}
_AS_READ = (
    "A book may come as it was read: what the server sets is passed over, but for another `id`."
)


def schemas(rules: ExtraRules, settings: Settings) -> dict[str, Schema]:
    """The schemas by name; ``rules`` are those for ``extra``."""
    holds = settings.holds
    forms = book_schemas(rules)
    writable = properties_of(forms.whole) | {"extra": ref("Extra")}
    changes = _read_only() | writable
    new = writable | {
        node.name: writable[node.name]
        | {"description": f"{node.description} {_said(default_value(node))} by default."}
        for node in forms.whole
        if not node.required and node.name != "extra"
    }
    required = [node.name for node in forms.whole if node.required]
    if rules.schema is not None and mapping_schema(rules.schema).get("required"):
        # The default {} is not valid by the host's schema.
        required.append("extra")
    return {
        "Book": _book(holds),
        "SparseBook": object_schema(_book(holds)["properties"], description="A book by `fields`."),
        "Page": _page(rules.declared),
        "Suggestions": _suggestions(),
        "NewBook": input_schema(new, "A whole book.", _example(rules), required),
        "NewBookByIsbn": input_schema(
            _read_only() | new,
            f"A whole book; the path has its ISBN. {_AS_READ}",
            _example(rules),
            [name for name in required if name != "isbn"],
        ),
        "BookChanges": input_schema(
            changes,
            f"Any subset of a book's fields; what is left out stays. {_AS_READ}",
            examples.CHANGES,
        ),
        "BookPatch": input_schema(
            _patched(changes, forms.whole),
            "A JSON merge patch (RFC 7396) of a book: null takes a field back to its default, and"
            f" within `extra` takes a name out. {_AS_READ}",
            examples.PATCH,
        ),
        "LookupRequest": input_schema(
            properties_of(LookupBody()),
            f"ISBNs and ids, up to {MOST:,} in all.",
            examples.LOOKUP_REQUEST,
        ),
        "Lookup": _lookup(),
        "Extra": _extra(rules, stored=False),
        "StoredExtra": _extra(rules, stored=True),
        "ImportReport": report(),
        "Reject": object_schema(
            {"line": _LINE, "faults": {"type": "array", "items": ref("Fault")}},
            ["line", "faults"],
        ),
        "Fault": _fault(),
        "RowFault": _fault(line=_LINE),
        "Health": object_schema({"status": {"const": "ok"}}, ["status"]),
        "Index": object_schema(
            {
                "version": {"type": "string", "description": "Of the software."},
                "currency": {"type": "string", "description": "Of every price (ISO 4217)."},
                "links": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "description": "The path of every resource; parameters are in braces.",
                },
            },
            ["version", "links"],
        ),
        "Ready": object_schema(
            {
                "status": {"const": "ready"},
                "revision": {"type": "string"},
                "replica": {"type": "string", "enum": [state.value for state in ReplicaState]},
            },
            ["status", "revision"],
        ),
    }


def _book(holds: bool) -> Schema:
    """A book in an answer."""
    fields = {
        name: ref("StoredExtra")
        if type(field.type) is Extra
        else stored_schema(field.type) | {"description": field.text}
        for name, field in FIELDS.items()
    }
    example = examples.BOOK
    if holds:
        fields["available"] = AVAILABLE
        example = example | {"available": 10}
    return object_schema(fields, list(fields), description="A book.", examples=[example])


def _read_only() -> dict[str, Schema]:
    """What the server sets, in a change."""
    return {
        name: stored_schema(field.type) | {"description": field.text}
        for name, field in FIELDS.items()
        if not field.writable
    }


def _said(default: Any) -> str:
    return "Null" if default is None else str(default)


def _lookup() -> Schema:
    texts: Schema = {"type": "array", "items": {"type": "string"}}
    properties: dict[str, Schema] = {
        "data": {
            "type": "array",
            "items": ref("Book"),
            "description": "The books in the order asked, each once: those by ISBN first.",
        },
        "missing": texts | {"description": "ISBNs and ids that no book has, as they were sent."},
        "invalid": texts | {"description": "What is neither an ISBN nor an id."},
    }
    return object_schema(properties, list(properties), examples=[examples.LOOKUP])


def _page(declared: Declared) -> Schema:
    properties: dict[str, Schema] = {
        "data": {
            "type": "array",
            "items": {"anyOf": [ref("Book"), ref("SparseBook")]},
            "description": "The books of the page; with `fields`, only these of each.",
        },
        "total": COUNT | {"description": "Books in the whole list."},
        "page": {"type": "integer", "minimum": 1},
        "limit": {"type": "integer", "minimum": 1},
        "total_pages": COUNT | {"description": "Pages that may be asked for; a cursor may go on."},
        "next_cursor": {
            "type": ["string", "null"],
            "description": "`cursor` for the next page; null on the last one.",
        },
        "suggestion": {
            "type": "string",
            "description": "The nearest spelling of a `search` that finds nothing, if any.",
        },
    }
    if declared.facets:
        properties["facets"] = {
            "type": "object",
            "description": "By field, its most frequent values among the books of the list.",
            "properties": {
                name: {"type": "array", "items": _facet(declared.fields[name].type)}
                for name in declared.facets
            },
            "additionalProperties": False,
        }
    return object_schema(properties, ["data", "limit", "next_cursor"], examples=[examples.PAGE])


def _facet(kind: Kind) -> Schema:
    estimated = {"type": "boolean", "const": True, "description": "Counted in a sample."}
    properties = {"value": {"type": kind.facet_type}, "books": COUNT, "estimated": estimated}
    return object_schema(properties, ["value", "books"])


def _suggestions() -> Schema:
    suggestion: dict[str, Schema] = {
        "text": {"type": "string"},
        "field": {"type": "string", "enum": ["author", "title"]},
        "books": COUNT
        | {"description": f"Of an author: the number of books; {COUNTED:,} stands for more, too."},
        "isbn": {"type": "string", "description": "Of a title: the ISBN of its book."},
    }
    properties: dict[str, Schema] = {
        "data": {"type": "array", "items": object_schema(suggestion, ["text", "field"])},
        "corrected": {
            "type": "boolean",
            "description": "Whether only the nearest spelling of `q` was found.",
        },
    }
    return object_schema(properties, ["data", "corrected"], examples=[examples.SUGGESTIONS])


def _patched(properties: dict[str, Schema], whole: Any) -> dict[str, Schema]:
    """The properties of a merge patch: null is the default if there is one."""
    patched = dict(properties)
    for node in whole:
        if not node.required and node.name != "extra":
            schema = properties[node.name]
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            patched[node.name] = schema | {"type": list(dict.fromkeys([*kinds, "null"]))}
    patched["extra"] = {
        "type": ["object", "null"],
        "description": "A merge patch of `extra`.",
        "additionalProperties": True,
    }
    return patched


def _extra(rules: ExtraRules, *, stored: bool) -> Schema:
    """The host's schema for `extra`, or any object, with the declared fields."""
    node = book_schemas(rules).whole["extra"]
    if rules.schema is None:
        schema = property_schema(node, with_default=False)
    else:
        found = mapping_schema(rules.schema, stored=stored)
        schema = {"description": node.description, **found}
    declared = {
        field.name: {"description": field.text, **field.type.schema}
        for field in rules.declared.fields.values()
    }
    if declared:
        schema["properties"] = schema.get("properties", {}) | declared
    return schema


def report() -> Schema:
    """The report of an import."""
    numbers = ("rows", "created", "updated", "unchanged", "rejected")
    properties: dict[str, Schema] = {name: dict(COUNT) for name in numbers}
    properties["dry_run"] = {"type": "boolean"}
    properties["rejects"] = {
        "type": "array",
        "items": ref("Reject"),
        "description": f"The first {MAX_LISTED} of the rejected rows.",
    }
    properties["repeated"] = COUNT | {"description": "Rows that equal an earlier one."}
    properties["blank"] = COUNT | {"description": "Rows without anything in them; not in `rows`."}
    properties["absent"] = COUNT | {
        "description": "Books that came with the source before and are not in the file."
    }
    book: dict[str, Schema] = {name: {"type": "string"} for name in AbsentBook._fields}
    properties["absent_books"] = {
        "type": "array",
        "items": object_schema(book, list(book)),
        "description": f"The first {MAX_LISTED} of them, by ISBN, as they were.",
    }
    return object_schema(properties, list(properties), examples=[examples.REPORT])


def _fault(**more: Schema) -> Schema:
    properties: dict[str, Schema] = {
        **more,
        "field": {
            "type": "string",
            "description": "Field or parameter, dotted below the first level.",
        },
        "pointer": {"type": "string", "description": "The same as a JSON pointer (RFC 6901)."},
        "message": {"type": "string", "description": "What is wrong, for people."},
    }
    return object_schema(properties, list(properties))


def _example(rules: ExtraRules) -> Schema:
    """An example of a new book; empty if the host's schema has required fields."""
    if rules.schema is not None and mapping_schema(rules.schema).get("required"):
        return {}
    return examples.NEW_BOOK
