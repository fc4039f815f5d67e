"""docs/reference/http.md lists the same operations and errors as the OpenAPI document."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.web.problems import PROBLEMS
from tests.description.support import description

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"
#: Every path may give these responses.
ALWAYS = {"400", "500", "503"}


@pytest.fixture
def operations(make_app):
    """Method and path to what the description says."""
    settings = {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.metrics": "true"}
    settings |= {"bookstore.holds": "true", "bookstore.stock_log": "true"}
    paths = description(make_app(settings))["paths"]
    return {
        (method.upper(), path): operation
        for path, item in paths.items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    }


def rows(operations):
    yield "| request | does | permission | answers | parameters, headers |"
    yield "|---|---|---|---|---|"
    permissions = {
        (operation.method, resource.path): operation.permissions
        for resource in RESOURCES
        for operation in resource.operations
    }
    for (method, path), operation in operations.items():
        answers = [status for status in operation["responses"] if status not in ALWAYS]
        given = [f"`{parameter['name']}`" for parameter in operation.get("parameters", ())
                 if parameter["name"] != "X-Request-ID"]  # fmt: skip
        cells = (
            f"`{method} {path}`",
            operation["summary"],
            " or ".join(f"`{each}`" for each in permissions[method, path]) or "–",
            ", ".join(answers),
            ", ".join(given) or "–",
        )
        yield f"| {' | '.join(cells)} |"


def test_the_http_page_has_the_table_of_every_operation(operations):
    """On a difference, the failure shows the table to paste."""
    expected = "\n".join(rows(operations))
    assert expected in PAGE.read_text(encoding="utf-8")


def test_the_http_page_has_the_table_of_every_error():
    lines = ["| status | `error` | title |", "|---|---|---|"]
    lines += [f"| {found.status} | `{code}` | {found.title} |" for code, found in PROBLEMS.items()]
    expected = "\n".join(lines)
    assert expected in PAGE.read_text(encoding="utf-8")
