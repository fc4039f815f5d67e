"""``bookstore openapi``"""

import json

import click
from pyramid.request import Request

from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.description.document import BEARER, description_of, document
from pyramid_bookstore.operations import RESOURCES


@click.command("openapi")
@click.option(
    "--load",
    is_flag=True,
    help="Load the application of the INI, and describe the bookstore as it is mounted there: for"
    " an application that includes the bookstore below a route prefix, with a schema for `extra` or"
    " with a security policy of its own. The application starts, as `pserve` would start it.",
)
@click.pass_obj
def command(ini: Ini, load: bool) -> None:
    """Print the API's description (OpenAPI 3.1).

    It is made from the settings only, without the database.
    """
    description = _loaded(ini) if load else _from_settings(ini)
    click.echo(json.dumps(description, indent=2, ensure_ascii=False))


def _from_settings(ini: Ini) -> dict[str, object]:
    settings = ini.settings
    scheme = BEARER if settings.auth == "jwt" else None
    served = [each for each in RESOURCES if each.path != "/" or settings.prefix]
    return document(settings, settings.prefix, served, scheme=scheme)


def _loaded(ini: Ini) -> dict[str, object]:
    request = Request.blank("/")
    with ini.application() as request.registry:
        return description_of(request)
