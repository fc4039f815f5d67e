"""docs/reference/settings.md agrees with the code: it has one row for every key."""

from pathlib import Path

import pytest
from pyramid.exceptions import ConfigurationError

from pyramid_bookstore.settings import KEYS, Settings, as_text
from pyramid_bookstore.settings.reader import variable

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def rows():
    """Three columns, so that what a setting means is seen without scrolling."""
    yield "| key | default | meaning, and what it takes |"
    yield "|---|---|---|"
    for key in KEYS:
        default = as_text(key.default)
        shown = "–" if default == "-" else f"`{default}`"
        yield f"| `{key.name}` | {shown} | {key.meaning}<br>*{key.convert.allowed}* |"


def test_the_settings_page_has_the_table_of_all_keys():
    """On a difference, the failure shows the table to paste."""
    expected = "\n".join(rows())
    text = PAGE.read_text(encoding="utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `bookstore."))
    assert table == "\n".join(expected.splitlines()[2:])
    assert expected in text


def test_every_variable_named_on_the_page_exists():
    names = {variable(key.example) for key in KEYS}
    words = PAGE.read_text(encoding="utf-8").replace("`", " ").split()
    mentioned = {word.strip(".,;:()=") for word in words if word.startswith("BOOKSTORE_")}
    others = {"BOOKSTORE_INI", "BOOKSTORE_SQLALCHEMY_POOL_SIZE", "BOOKSTORE_ROLES_STAFF"}
    others |= {"BOOKSTORE_FIELD_PUBLISHER", "BOOKSTORE_LIMTI_MAX", "BOOKSTORE_ADMIN_EMAIL"}
    assert mentioned <= names | others
    assert "BOOKSTORE_SQLALCHEMY_URL" in mentioned


def test_the_example_error_on_the_page_is_the_one_raised():
    mapping = {
        "bookstore.sqlalchemy.url": "sqlite://",
        "bookstore.migrate": "maybe",
        "bookstore.limits.max": "5",
    }
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_mapping(mapping)
    assert f"```text\n{raised.value}\n```" in PAGE.read_text(encoding="utf-8")
