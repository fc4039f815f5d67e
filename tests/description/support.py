"""Shared by the tests of the description: get it, and check responses against it strictly."""

from __future__ import annotations

import copy
import json
import re
from collections import deque
from typing import Any

from jsonschema_rs import Draft202012Validator

from pyramid_bookstore.description.paths import names_in
from tests.support.api import API, ask


def description(app: Any, path: str = API, **environ: Any) -> dict[str, Any]:
    """The OpenAPI document that an application serves."""
    answer = ask(app, "GET", f"{path}/openapi.json", **environ)
    assert answer.status_int == 200, answer.text
    document: dict[str, Any] = json.loads(answer.body)
    return document


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document, changed so that objects may have no other members than the described ones."""
    document = copy.deepcopy(document)
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


#: The validators of the last documents, by the schema's text.
_COMPILED: deque[tuple[dict[str, Any], dict[str, Draft202012Validator]]] = deque(maxlen=8)


def faults(document: dict[str, Any], schema: Any, value: Any) -> list[str]:
    """The faults of a value by a schema of the document, which is not changed afterwards."""
    # A copy, as other threads of the same test append at the same time.
    compiled = next((found for known, found in list(_COMPILED) if known is document), None)
    if compiled is None:
        compiled = {}
        _COMPILED.append((document, compiled))
    name = json.dumps(schema)
    if name not in compiled:
        root = {**schema, "components": document["components"]}
        compiled[name] = Draft202012Validator(root, validate_formats=True)
    return [
        f"{error.instance_path}: {error.message}" for error in compiled[name].iter_errors(value)
    ]


def resolved(document: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """What an item is or refers to."""
    if "$ref" not in item:
        return item
    found: Any = document
    for part in item["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def template(document: dict[str, Any], path: str) -> str:
    """The described path that matches a path below the mount; paths without parameters first."""
    parts = path.partition("?")[0].split("/")
    for described in sorted(document["paths"], key=lambda known: len(names_in(known))):
        wanted = described.split("/")
        if len(wanted) == len(parts) and all(
            known == part or known.startswith("{")
            for known, part in zip(wanted, parts, strict=True)
        ):
            return str(described)
    raise AssertionError(f"{path} is not described")


#: What the type of the content says, what browsers and caches read for other origins (CORS), and
#: what a policy of the host adds to a 401.
_UNDESCRIBED = re.compile("content-(type|length)|access-control-|vary|set-cookie", re.IGNORECASE)


def check(document: dict[str, Any], method: str, path: str, answer: Any) -> Any:
    """Assert that an answer is as described: status, headers, media type, body; give it back."""
    operation = document["paths"][template(document, path)][method.lower()]
    status = str(answer.status_int)
    assert status in operation["responses"], (method, path, status, answer.text)
    response = resolved(document, operation["responses"][status])
    headers = {name: resolved(document, item) for name, item in response["headers"].items()}
    sent = {name.lower() for name in answer.headers if not _UNDESCRIBED.match(name)}
    assert sent <= {name.lower() for name in headers}, (method, path, sent)
    missing = {name.lower() for name, header in headers.items() if header.get("required")} - sent
    assert missing == set(), (method, path)
    if method == "HEAD" or status in ("204", "304") or not response.get("content"):
        return answer
    if answer.content_type not in response["content"]:
        assert not answer.body, (method, path)
        return answer
    media = response["content"][answer.content_type]
    if answer.content_type.endswith("json") and "ndjson" not in answer.content_type:
        assert faults(document, media["schema"], json.loads(answer.body)) == [], (method, path)
    return answer
