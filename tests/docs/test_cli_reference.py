"""docs/reference/cli.md has the exact ``--help`` text of every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from pyramid_bookstore.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def said(*words):
    """The help text as printed on a terminal of 90 columns."""
    result = CliRunner().invoke(main, [*words, "--help"], prog_name="bookstore", terminal_width=90)
    assert result.exit_code == 0
    return result.output


def test_the_cli_page_has_the_help_of_the_whole_command():
    expected = f"```text\n{said()}```\n"
    assert expected in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", main.commands)
def test_the_cli_page_has_the_help_of_each_command(name):
    """On a difference, the failure shows the section to paste."""
    expected = f"## `bookstore {name}`\n\n```text\n{said(name)}```\n"
    assert expected in PAGE.read_text(encoding="utf-8")


def test_the_sections_of_the_cli_page_are_the_commands():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    sections = [line for line in lines if line.startswith("## `bookstore ")]
    assert sections == [f"## `bookstore {name}`" for name in sorted(main.commands)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_works_as_the_cli_page_says(shell):
    """With the variable that the page names."""
    assert f"_BOOKSTORE_COMPLETE={shell}_source bookstore" in PAGE.read_text(encoding="utf-8")
    completion = get_completion_class(shell)
    assert completion is not None
    found = completion(main, {}, "bookstore", "_BOOKSTORE_COMPLETE")
    assert [item.value for item in found.get_completions([], "im")] == ["import"]
    assert "--repair-isbn" in [i.value for i in found.get_completions(["import"], "--re")]
    assert "_BOOKSTORE_COMPLETE" in found.source()
