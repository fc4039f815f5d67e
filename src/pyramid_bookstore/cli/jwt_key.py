"""``bookstore jwt-key``"""

import os
from pathlib import Path

import click

from pyramid_bookstore.auth import missing_packages
from pyramid_bookstore.cli.new_files import write_new
from pyramid_bookstore.settings.converters import ASYMMETRIC, SYMMETRIC


@click.command("jwt-key")
@click.option(
    "--algorithm",
    type=click.Choice([*SYMMETRIC, *ASYMMETRIC]),
    metavar="NAME",
    default="HS256",
    show_default=True,
    help="What tokens are signed with: HS256, HS384, HS512 have a shared secret; RS256, ES256,"
    " EdDSA and others a key pair.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="NAME",
    default="tokens",
    show_default=True,
    help="A key pair is written to NAME.pem (public, for the bookstore) and NAME-private.pem (for"
    " who issues tokens). Existing files stay as they are.",
)
def command(algorithm: str, output: Path) -> None:
    """Make a key for tokens: print a shared secret, or write a key pair to two files."""
    missing = missing_packages()
    if missing:
        raise click.ClickException(f"jwt-key {missing}")
    from pyramid_bookstore.auth.issue import make_pair, make_secret  # needs the extra

    if algorithm in SYMMETRIC:
        click.echo(make_secret(algorithm))
        click.echo(f"For bookstore.jwt.key, with bookstore.jwt.algorithms = {algorithm}.", err=True)
        return
    if output.is_dir():
        raise click.ClickException(
            f"{output} is a folder; --output takes the name of the files, such as"
            f" {output / 'tokens'}."
        )
    public_file, private_file = Path(f"{output}.pem"), Path(f"{output}-private.pem")
    there = [path for path in (public_file, private_file) if os.path.lexists(path)]
    if there:
        raise click.ClickException(f"{there[0]} is there already; --output takes another name.")
    private, public = make_pair(algorithm)
    write_new({private_file: private, public_file: public}, private=private_file)
    click.echo(f"{private_file}: for who issues tokens; nobody else may read it.")
    click.echo(f"{public_file}: for the bookstore, with these settings:")
    click.echo(f"bookstore.jwt.key_file = {public_file}\nbookstore.jwt.algorithms = {algorithm}")
