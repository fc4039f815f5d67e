"""Options that are repeated, each with a name and a value."""

from collections.abc import Sequence

import click

from pyramid_bookstore.feeds.options import pairs


def pairs_of(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """The values of a repeated option NAME=VALUE as a mapping."""
    return pairs(parameter.opts[0].lstrip("-"), values)
