"""``bookstore token``"""

import click

from pyramid_bookstore.auth import check_token_key
from pyramid_bookstore.auth.bearer import BadToken
from pyramid_bookstore.cli.ini import Ini
from pyramid_bookstore.settings import Settings


@click.command("token")
@click.option(
    "--role",
    "roles",
    metavar="NAME",
    multiple=True,
    required=True,
    help="A role of the caller, as in bookstore.roles.NAME; may be repeated.",
)
@click.option("--subject", metavar="NAME", help="Who the caller is, as the log names it.")
@click.option(
    "--ttl",
    type=click.IntRange(1, 366 * 24 * 60 * 60),
    metavar="SECONDS",
    default=3600,
    show_default=True,
    help="How long it is valid.",
)
@click.pass_obj
def command(ini: Ini, roles: tuple[str, ...], subject: str | None, ttl: int) -> None:
    """Print a bearer token, where the key is a shared secret (HS256, HS384, HS512).

    curl -H "Authorization: Bearer $(bookstore token --role editor)" ...
    """
    settings = Settings.from_mapping(ini.values, [check_token_key])
    if settings.jwt is None:
        raise click.ClickException(
            "Nobody asks for tokens here: bookstore.auth is not jwt. Set bookstore.auth = jwt,"
            " bookstore.jwt.algorithms = HS256, bookstore.jwt.key to what bookstore jwt-key prints,"
            " and bookstore.roles.NAME."
        )
    unknown = [role for role in roles if role not in settings.roles]
    if unknown:
        known = " ".join(settings.roles) or "none"
        raise click.ClickException(
            f"There is no role {unknown[0]}: bookstore.roles.NAME declares one; there are: {known}."
        )
    from pyramid_bookstore.auth.issue import make_token  # needs the jwt extra
    from pyramid_bookstore.auth.keys import KeyFault

    try:
        click.echo(make_token(settings.jwt, roles, subject, ttl))
    except KeyFault as fault:
        key = "bookstore.jwt.key_file" if settings.jwt.key_file else "bookstore.jwt.key"
        raise click.ClickException(f"{key} {fault}.") from None
    except BadToken as refused:
        raise click.ClickException(refused.description) from None
