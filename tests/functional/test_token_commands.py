"""``bookstore token`` and ``bookstore jwt-key``: what they print is taken by the bookstore."""

from __future__ import annotations

import json
import stat

import jwt
import pytest
from click.testing import CliRunner
from webtest import TestApp

from pyramid_bookstore import auth
from pyramid_bookstore.cli import main
from pyramid_bookstore.settings.converters import ASYMMETRIC, SYMMETRIC
from pyramid_bookstore.standalone import main as make_app
from tests.support.apps import close_app
from tests.support.tokens import SECRET as PADDED

SECRET = PADDED.strip()  # as an INI has it
BOOK = {"title": "T", "author": "A", "isbn": "9781718500440", "price": 1}


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Writes an INI with these settings; returns a function that runs commands with it."""
    monkeypatch.chdir(tmp_path)
    settings = {
        "bookstore.sqlalchemy.url": f"sqlite:///{tmp_path}/shop.sqlite",
        "bookstore.migrate": "true",
        "bookstore.auth": "jwt",
        "bookstore.jwt.algorithms": "HS256",
        "bookstore.roles.editor": "view add",
    }

    def run(*words, **more):
        values = settings | {f"bookstore.{name.replace('__', '.')}": v for name, v in more.items()}
        lines = (f"{name} = {value}\n" for name, value in values.items())
        (tmp_path / "shop.ini").write_text(
            f"[app:main]\nuse = egg:pyramid_bookstore\n{''.join(lines)}"
        )
        run.settings = values
        return CliRunner().invoke(main, ["-c", "shop.ini", *words])

    return run


def created(settings, token):
    """The status of a create with this token."""
    app = make_app({}, **settings)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        return TestApp(app).post_json("/api/v1/books", BOOK, headers=headers, status="*").status_int
    finally:
        close_app(app)


@pytest.mark.parametrize("algorithm", SYMMETRIC)
def test_a_token_of_a_made_secret_creates_a_book(shop, algorithm):
    made = CliRunner().invoke(main, ["jwt-key", "--algorithm", algorithm])
    secret = made.stdout.strip()
    assert made.stderr == f"For bookstore.jwt.key, with bookstore.jwt.algorithms = {algorithm}.\n"
    settings = {"jwt__key": secret, "jwt__algorithms": algorithm}
    printed = shop("token", "--role", "editor", **settings)
    assert created(shop.settings, printed.stdout.strip()) == 201


def test_a_token_says_what_the_settings_ask_for(shop):
    printed = shop(
        *("token", "--role", "editor", "--subject", "ada", "--ttl", "60"),
        jwt__key=SECRET,
        jwt__issuer="https://login.example.com/",
        jwt__audience="shop other",
        jwt__roles_claim="groups",
    )
    token = printed.stdout.strip()
    claims = jwt.decode(token, SECRET, ["HS256"], audience="shop")
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["sub"], claims["groups"]) == ("ada", ["editor"])
    assert claims["iss"] == "https://login.example.com/"
    assert created(shop.settings, token) == 201


def test_a_token_is_made_with_the_shared_secret_of_a_jwks(shop, tmp_path):
    secret = jwt.utils.base64url_encode(SECRET.encode()).decode()
    (tmp_path / "keys.json").write_text(json.dumps({"kty": "oct", "k": secret, "kid": "one"}))
    printed = shop("token", "--role", "editor", jwt__key_file="keys.json")
    token = printed.stdout.strip()
    assert jwt.get_unverified_header(token)["kid"] == "one"
    assert created(shop.settings, token) == 201


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (["--role", "boss"], {}, "There is no role boss: bookstore.roles.NAME declares one"),
        (["--role", "editor", "--subject", "a\nb"], {}, "The claim sub must be a plain text"),
        (["--role", "editor", "--ttl", "0"], {}, "Invalid value for '--ttl'"),
        ([], {}, "Missing option '--role'"),
        (["--role", "editor"], {"auth": "host"}, "Set bookstore.auth = jwt, bookstore.jwt.alg"),
        (["--role", "editor"], {"jwt__key": "short"}, "HS256 needs at least 32"),
    ],
)
def test_what_gets_no_token_is_named_in_one_sentence(shop, words, settings, message):
    refused = shop("token", *words, **({"jwt__key": SECRET} | settings))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert message in refused.stderr
    assert SECRET not in refused.stderr


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_made_pair_is_taken_by_the_bookstore_and_signs_tokens(shop, tmp_path, algorithm):
    made = CliRunner().invoke(main, ["jwt-key", "--algorithm", algorithm, "--output", "keys"])
    assert f"bookstore.jwt.key_file = keys.pem\nbookstore.jwt.algorithms = {algorithm}" in (
        made.stdout
    )
    private = tmp_path / "keys-private.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    refused = shop("token", "--role", "editor", jwt__key_file="keys.pem", jwt__algorithms=algorithm)
    assert "bookstore.jwt.key_file is a public key; tokens are made where" in refused.stderr
    assert "needs a shared secret: bookstore.jwt.algorithms = HS256" in refused.stderr
    issued = jwt.encode(
        {"exp": 4_000_000_000, "roles": ["editor"]}, private.read_bytes(), algorithm
    )
    assert created(shop.settings, issued) == 201


@pytest.mark.parametrize("name", ["tokens.pem", "tokens-private.pem"])
def test_existing_keys_are_never_overwritten(shop, tmp_path, name):
    (tmp_path / name).write_text("mine")
    refused = CliRunner().invoke(main, ["jwt-key", "--algorithm", "EdDSA"])
    assert refused.stderr == f"Error: {name} is there already; --output takes another name.\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_missing_extra_is_named_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(auth.importlib.util, "find_spec", lambda name: None)
    refused = CliRunner().invoke(main, ["jwt-key"])
    assert refused.stderr.startswith("Error: jwt-key needs jwt and cryptography, which is not")
