"""Bearer tokens through a real Configurator: who is permitted, and how others are refused."""

import configparser
import logging
import os
import re
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from zope.interface.verify import verifyObject

from pyramid_bookstore.auth import key_file, make_policy
from pyramid_bookstore.cli import main
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.settings.converters import ASYMMETRIC, PERMISSIONS, SYMMETRIC
from tests.support.guarded import SETTINGS, bearer, guarded
from tests.support.tokens import (
    KINDS,
    SECRET,
    claims,
    forge,
    jwk,
    jwks,
    private_key,
    public_pem,
    sign,
)

CHALLENGE = 'Bearer realm="bookstore"'


def token(**members):
    return sign(claims(**members), SECRET, "HS256")


@pytest.fixture(scope="module")
def app():
    return guarded()


@pytest.fixture(scope="module")
def open_app():
    """Everybody may view."""
    return guarded({"bookstore.anonymous": "view"})


class TestPermissions:
    def test_a_request_without_a_token_gets_401_with_a_challenge(self, app):
        answer = app.get("/view", status=401)
        assert answer.headers["WWW-Authenticate"] == CHALLENGE
        assert app.get("/who").json == {
            "userid": None,
            "authenticated": False,
            "roles": None,
            "permissions": None,
        }

    def test_a_role_gives_exactly_its_configured_permissions(self, app):
        staff, clerk = bearer(token()), bearer(token(roles=["clerk"]))
        both = bearer(token(roles=["clerk", "staff"]))
        expected = {
            "view": (200, 403, 200),
            "add": (200, 403, 200),
            "edit": (200, 403, 200),
            "delete": (403, 403, 403),
            "stock": (403, 200, 200),
            "import": (403, 200, 200),
            "changes": (403, 403, 403),
        }
        assert set(expected) == set(PERMISSIONS)
        for name, statuses in expected.items():
            got = [
                app.get(f"/{name}", headers=headers, expect_errors=True).status_int
                for headers in (staff, clerk, both)
            ]
            assert (name, *got) == (name, *statuses)

    def test_a_token_without_the_permission_gets_403_insufficient_scope(self, app):
        answer = app.get("/delete", headers=bearer(token()), status=403)
        assert answer.headers["WWW-Authenticate"] == f'{CHALLENGE}, error="insufficient_scope"'

    def test_the_identity_has_userid_roles_and_permissions_of_the_token(self, app):
        assert app.get("/who", headers=bearer(token(roles="clerk"))).json == {
            "userid": "ada",
            "authenticated": True,
            "roles": ["clerk"],
            "permissions": ["bookstore.import", "bookstore.stock"],
        }

    def test_a_request_without_a_token_has_only_the_anonymous_permissions(self, open_app):
        open_app.get("/view", status=200)
        open_app.get("/add", status=401)

    def test_a_valid_token_without_roles_keeps_the_anonymous_permissions(self, open_app):
        open_app.get("/view", headers=bearer(token(roles=[])), status=200)

    def test_a_bad_token_is_refused_even_where_anonymous_is_permitted(self, open_app):
        """RFC 6750, 3.1: the challenge says why the token is refused."""
        answer = open_app.get("/view", headers=bearer(token(exp=1)), status=401)
        assert answer.headers["WWW-Authenticate"] == (
            f'{CHALLENGE}, error="invalid_token", error_description="The token has expired."'
        )

    @pytest.mark.parametrize(
        ("roles", "found"),
        [
            ("staff", ["staff"]),
            ("staff clerk", ["staff", "clerk"]),
            (["staff", "baker"], ["staff", "baker"]),
            ([], []),
            (None, []),
        ],
    )
    def test_roles_are_read_from_a_list_or_a_space_separated_text(self, app, roles, found):
        assert app.get("/who", headers=bearer(token(roles=roles))).json["roles"] == found

    def test_roles_are_read_from_the_configured_claim(self):
        app = guarded({"bookstore.jwt.roles_claim": "scope"})
        app.get("/stock", headers=bearer(token(scope="clerk openid")), status=200)
        app.get("/view", headers=bearer(token(scope="clerk openid")), status=403)

    def test_tokens_without_sub_have_a_stable_userid_of_their_own(self, app):
        first, second = (token(sub=None, jti=jti) for jti in "ab")
        names = [
            app.get("/who", headers=bearer(one)).json["userid"] for one in (first, first, second)
        ]
        assert names[0] == names[1] != names[2]
        assert names[0].startswith("token:")

    def test_a_permission_that_is_not_of_the_bookstore_is_denied(self):
        policy = make_policy(Settings.from_mapping(SETTINGS | {"bookstore.anonymous": "view"}))
        anonymous = Request.blank("/")
        ada = Request.blank("/", headers=bearer(token()))
        for request in (anonymous, ada):
            assert not policy.permits(request, None, "view")
            assert not policy.permits(request, None, "edit 100%s of it")
            assert policy.permits(request, None, "bookstore.view")


class TestAlgorithms:
    @pytest.mark.parametrize("algorithm", SYMMETRIC)
    def test_a_token_signed_with_the_shared_secret_is_accepted(self, algorithm):
        app = guarded({"bookstore.jwt.algorithms": algorithm})
        app.get("/view", headers=bearer(sign(claims(), SECRET, algorithm)), status=200)
        app.get("/view", headers=bearer(sign(claims(), "x" * 64, algorithm)), status=401)

    @pytest.mark.parametrize("algorithm", ASYMMETRIC)
    def test_a_token_signed_with_the_private_key_is_accepted_by_the_public_one(self, algorithm):
        key, other = (private_key(KINDS[algorithm], name) for name in ("", "other"))
        app = guarded({"bookstore.jwt.algorithms": algorithm, "bookstore.jwt.key": public_pem(key)})
        app.get("/view", headers=bearer(sign(claims(), key, algorithm)), status=200)
        # A PEM key has no kid, so the token's kid does not matter.
        app.get("/view", headers=bearer(sign(claims(), key, algorithm, kid="a")), status=200)
        app.get("/view", headers=bearer(sign(claims(), other, algorithm)), status=401)

    @pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
    def test_an_algorithm_that_fits_the_key_but_is_not_configured_is_refused(self, algorithm):
        key = private_key("RSA")
        app = guarded({"bookstore.jwt.algorithms": "RS256", "bookstore.jwt.key": public_pem(key)})
        answer = app.get("/view", headers=bearer(sign(claims(), key, algorithm)), status=401)
        assert "an algorithm that is not taken" in answer.headers["WWW-Authenticate"]


@pytest.fixture
def key_path(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(
        jwks(
            jwk(private_key("P-256"), kid="ec"),
            jwk(private_key("RSA"), kid="rsa", alg="PS256", use="sig"),
            jwk(private_key("Ed25519"), kid="ed"),
            jwk(private_key("RSA", "enc"), kid="enc", use="enc"),
        )
    )
    return path


@pytest.fixture
def many(key_path):
    return guarded(
        {
            "bookstore.jwt.key": None,
            "bookstore.jwt.key_file": str(key_path),
            "bookstore.jwt.algorithms": "ES256 RS256 PS256 EdDSA",
        }
    )


class TestKeyFile:
    @pytest.mark.parametrize(
        ("kind", "algorithm", "kid", "status"),
        [
            ("P-256", "ES256", "ec", 200),
            ("RSA", "PS256", "rsa", 200),
            ("Ed25519", "EdDSA", "ed", 200),
            ("RSA", "RS256", "rsa", 401),  # the key says PS256
            ("RSA", "PS256", "ec", 401),  # another key's kid
            ("P-256", "ES256", "unknown", 401),
            ("P-256", "ES256", "../ec", 401),
            ("P-256", "ES256", "", 401),
        ],
    )
    def test_the_kid_of_a_token_chooses_the_key_of_the_file(
        self, many, kind, algorithm, kid, status
    ):
        headers = bearer(sign(claims(), private_key(kind), algorithm, kid=kid))
        many.get("/view", headers=headers, status=status)

    def test_a_key_for_encryption_does_not_verify_signatures(self, many):
        headers = bearer(sign(claims(), private_key("RSA", "enc"), "PS256", kid="enc"))
        many.get("/view", headers=headers, status=401)

    def test_a_token_without_kid_is_refused_if_the_file_has_several_keys(self, many):
        many.get("/view", headers=bearer(sign(claims(), private_key("P-256"), "ES256")), status=401)

    def test_keys_are_rotated_by_replacing_the_key_file_without_a_restart(
        self, many, key_path, monkeypatch
    ):
        """The file has the old key, then both, then only the new one; no restart is needed."""
        now = time.monotonic()
        monkeypatch.setattr(key_file, "monotonic", lambda: now)
        old, new = private_key("P-256"), private_key("P-256", "new")
        with_old = bearer(sign(claims(), old, "ES256", kid="ec"))
        with_new = bearer(sign(claims(), new, "ES256", kid="new"))
        steps = [
            (jwks(jwk(old, kid="ec")), 200, 401),
            (jwks(jwk(old, kid="ec"), jwk(new, kid="new")), 200, 200),
            ("{ broken", 200, 200),
            (jwks(jwk(new, kid="new")), 401, 200),
            (jwks(), 401, 401),  # nothing is left to believe
        ]
        for text, *expected in steps:
            fresh = key_path.with_suffix(".new")
            fresh.write_text(text)
            os.replace(fresh, key_path)
            now += 2
            got = [many.get("/view", headers=h, expect_errors=True) for h in (with_old, with_new)]
            assert [answer.status_int for answer in got] == expected


ONE = "Invalid bookstore settings (1):\n  "


class TestConfigurationFaults:
    def fault(self, settings):
        with pytest.raises(ConfigurationError) as caught:
            guarded(settings)
        return str(caught.value)

    def test_including_auth_without_the_setting_jwt_stops_the_start(self):
        assert self.fault({"bookstore.auth": "host"}) == (
            "pyramid_bookstore.auth needs bookstore.auth = jwt"
        )

    @pytest.mark.parametrize("name", ["jwt", "cryptography"])
    def test_a_missing_jwt_library_stops_the_start_and_is_named(self, monkeypatch, name):
        monkeypatch.setitem(sys.modules, name, None)
        assert self.fault({}) == (
            f"{ONE}bookstore.auth: jwt needs {name}, which is not installed:"
            ' pip install "pyramid_bookstore[jwt]"'
        )

    def test_a_key_that_is_too_short_stops_the_start(self):
        assert self.fault({"bookstore.jwt.key": "hunter2"}) == (
            f"{ONE}bookstore.jwt.key: has 7 bytes; HS256 needs at least 32"
        )

    def test_a_key_file_that_cannot_be_read_stops_the_start(self, tmp_path):
        settings = {"bookstore.jwt.key": None, "bookstore.jwt.key_file": str(tmp_path / "none")}
        assert self.fault(settings) == (
            f"{ONE}bookstore.jwt.key_file: the file cannot be read (No such file or directory)"
        )

    @pytest.mark.parametrize(
        ("settings", "named"),
        [
            ({"bookstore.jwt.key": "hunter2"}, "bookstore.jwt.key: has 7 bytes"),
            (
                {"bookstore.jwt.key": None, "bookstore.jwt.key_file": "/no/such/key"},
                "bookstore.jwt.key_file: the file cannot be read",
            ),
        ],
    )
    def test_a_fault_of_the_key_is_listed_with_all_other_faults(self, settings, named):
        said = self.fault({**settings, "bookstore.foo": "1"})
        assert "settings (2)" in said
        assert "bookstore.foo: no such setting" in said
        assert named in said

    def test_no_configuration_error_contains_the_key(self):
        # The wrong one of the two: a secret where a public key belongs.
        assert SECRET not in self.fault({"bookstore.jwt.algorithms": "RS256"})


class TestPolicy:
    def test_the_policy_implements_isecuritypolicy(self):
        assert verifyObject(ISecurityPolicy, make_policy(Settings.from_mapping(SETTINGS)))

    def test_remember_sends_no_header_and_forget_sends_the_challenge(self):
        policy = make_policy(Settings.from_mapping(SETTINGS))
        request = Request.blank("/")
        assert policy.remember(request, "ada", max_age=1) == []
        assert policy.forget(request) == [("WWW-Authenticate", CHALLENGE)]

    def test_the_token_of_a_request_is_verified_only_once(self, monkeypatch):
        policy = make_policy(Settings.from_mapping(SETTINGS))
        checked = []
        claims_of = policy._verifier.claims
        monkeypatch.setattr(
            policy._verifier, "claims", lambda text: checked.append(text) or claims_of(text)
        )
        for headers in (bearer(token()), bearer("bad")):
            request = Request.blank("/", headers=headers)
            for permission in PERMISSIONS:
                policy.permits(request, None, f"bookstore.{permission}")
            policy.identity(request)
            policy.challenge(request)
        assert len(checked) == 2

    def test_permits_says_why_it_allows_or_denies(self):
        policy = make_policy(Settings.from_mapping(SETTINGS | {"bookstore.anonymous": "view"}))

        def reason(permission, headers):
            return policy.permits(Request.blank("/", headers=headers), None, permission).msg

        assert reason("bookstore.view", {}) == "bookstore.view needs no token."
        assert reason("bookstore.add", {}) == "bookstore.add needs a token."
        assert reason("bookstore.add", bearer(token())) == "The token gives bookstore.add."
        assert reason("bookstore.stock", bearer(token())) == (
            "The token does not give bookstore.stock."
        )
        assert reason("bookstore.view", bearer("x")) == "The token is bad: The token is malformed."

    def test_no_part_of_a_token_is_logged_or_shown(self, app, caplog):
        """This holds for good tokens, bad tokens and the claims in them."""
        caplog.set_level(logging.DEBUG)
        good = token(sub="ada", email="ada@example.org")
        bad = forge({"alg": "HS256", "kid": "s3cret"}, claims(email="ada@example.org"), "x" * 32)
        app.get("/who", headers=bearer(good), status=200)
        answer = app.get("/view", headers=bearer(bad), status=401)
        assert re.search(
            r"Token refused, request [0-9a-f]{32}: The signature does not hold", caplog.text
        )
        policy = make_policy(Settings.from_mapping(SETTINGS))
        shown = repr(policy.identity(Request.blank("/", headers=bearer(good))))
        for text in (caplog.text, shown, str(answer)):
            for part in (*good.split("."), *bad.split("."), "example.org", "s3cret"):
                assert part not in text

    def test_identities_are_equal_if_they_have_the_same_userid(self):
        policy = make_policy(Settings.from_mapping(SETTINGS))
        one, two = (
            policy.identity(Request.blank("/", headers=bearer(token(jti=jti)))) for jti in "ab"
        )
        assert {one} == {two}
        assert one.claims["jti"] == "a"
        with pytest.raises(TypeError):
            one.claims["jti"] = "b"


def test_including_auth_reads_settings_that_were_added_before():
    config = Configurator()
    config.add_settings(SETTINGS)
    config.include("pyramid_bookstore.auth")
    config.commit()
    assert config.registry.queryUtility(ISecurityPolicy) is not None


HOWTO = (Path(__file__).parents[2] / "docs" / "howto" / "auth.md").read_text(encoding="utf-8")


class TestHowto:
    #: Where the secret stands; it is too short to be one.
    placeholder = "what bookstore jwt-key prints"

    def blocks(self, language):
        filled = HOWTO.replace(self.placeholder, "a secret of at least thirty-two bytes")
        return re.findall(rf"```{language}\n(.*?)```", filled, re.DOTALL)

    def test_the_secret_in_the_howto_is_not_accepted_as_it_stands(self):
        assert f"bookstore.jwt.key = {self.placeholder}\n" in HOWTO
        with pytest.raises(ConfigurationError, match="needs at least 32"):
            guarded({"bookstore.jwt.key": self.placeholder})

    def test_the_settings_in_the_howto_are_valid(self):
        blocks = self.blocks("ini")
        assert len(blocks) == 2
        for text in blocks:
            parser = configparser.ConfigParser({"here": "/srv"})
            parser.read_string(f"[app:main]\n{text}")
            settings = dict(parser["app:main"]) | {"bookstore.sqlalchemy.url": "sqlite://"}
            found = Settings.from_mapping(settings)
            assert found.auth == "jwt"
            assert found.roles["staff"] == ("view", "add", "edit")

    def test_the_token_made_in_the_howto_is_accepted(self, tmp_path):
        text = "[app:main]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = sqlite://\n"
        ini = tmp_path / "production.ini"
        ini.write_text(text + self.blocks("ini")[1])
        command = re.search(r"\$\(bookstore -c production.ini (.*)\)", self.blocks("sh")[0])[1]
        printed = CliRunner().invoke(main, ["-c", str(ini), *command.split()])
        parser = configparser.ConfigParser()
        parser.read(ini)
        headers = bearer(printed.stdout.strip())
        guarded(dict(parser["app:main"])).get("/add", headers=headers, status=200)
