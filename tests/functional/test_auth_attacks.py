"""Tokens and headers that must not get in: each is answered with 401, and nothing else happens."""

import json
import socket
import time

import pytest
from jwt.utils import base64url_encode

from pyramid_bookstore.auth.bearer import MAX_TOKEN
from tests.support.guarded import bearer, guarded
from tests.support.tokens import (
    SECRET,
    claims,
    forge,
    jwk,
    private_key,
    public_pem,
    sign,
)

HS = {"alg": "HS256", "typ": "JWT"}


@pytest.fixture(scope="module")
def app():
    # Everybody may view: a bad token must be refused all the same.
    return guarded({"bookstore.anonymous": "view"})


@pytest.fixture(scope="module")
def strict():
    return guarded(
        {
            "bookstore.anonymous": "view",
            "bookstore.jwt.issuer": "https://login.example",
            "bookstore.jwt.audience": "bookstore shop",
        }
    )


@pytest.fixture(scope="module")
def by_rsa():
    settings = {
        "bookstore.anonymous": "view",
        "bookstore.jwt.algorithms": "RS256",
        "bookstore.jwt.key": public_pem(private_key("RSA")),
    }
    return guarded(settings)


def refused(app, token):
    """The description in the challenge for a token that is refused."""
    answer = app.get("/view", headers=bearer(token), status=401)
    assert app.get("/who", headers=bearer(token)).json["userid"] is None
    challenge = answer.headers["WWW-Authenticate"]
    start = 'Bearer realm="bookstore", error="invalid_token", error_description="'
    assert challenge.startswith(start)
    assert challenge.endswith('."')
    return challenge.removeprefix(start).removesuffix('"')


def test_the_tokens_below_would_be_good_without_their_fault(app, strict, by_rsa):
    """Else the tests in this file could pass for another reason than they say."""
    app.get("/add", headers=bearer(forge(HS, claims())), status=200)
    full = claims(iss="https://login.example", aud="shop")
    strict.get("/add", headers=bearer(forge(HS, full)), status=200)
    by_rsa.get("/add", headers=bearer(sign(claims(), private_key("RSA"), "RS256")), status=200)


class TestAlgorithm:
    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
    def test_none(self, app, by_rsa, name):
        parts = [base64url_encode(json.dumps(x).encode()) for x in ({"alg": name}, claims())]
        unsigned = b".".join([*parts, b""]).decode()
        assert refused(app, unsigned) == "The token is signed with an algorithm that is not taken."
        assert refused(by_rsa, unsigned)
        assert refused(app, forge({"alg": name}, claims()))

    @pytest.mark.parametrize("name", ["HS384", "hs256", "RS256", ["HS256"], {}, 5, True, None])
    def test_other(self, app, name):
        assert refused(app, forge({"alg": name}, claims()))

    def test_missing(self, app):
        assert refused(app, forge({"typ": "JWT"}, claims()))

    @pytest.mark.parametrize("secret", ["pem", "stripped", "der"])
    def test_the_public_key_as_shared_secret(self, by_rsa, secret):
        """Key confusion: what the attacker signs with is known to all."""
        pem = public_pem(private_key("RSA"))
        secret = {
            "pem": pem,
            "stripped": pem.strip(),
            "der": "".join(pem.splitlines()[1:-1]),
        }[secret]
        assert refused(by_rsa, forge(HS, claims(), secret))
        assert refused(by_rsa, forge({"alg": "RS256"}, claims(), secret))


class TestSignature:
    def test_of_another(self, app, by_rsa):
        assert refused(app, forge(HS, claims(), "x" * 32)) == "The signature does not hold."
        stranger = sign(claims(), private_key("RSA", "stranger"), "RS256")
        assert refused(by_rsa, stranger) == "The signature does not hold."

    def test_changed_payload(self, app):
        header, _, signature = sign(claims(), SECRET, "HS256").split(".")
        payload = base64url_encode(json.dumps(claims(roles=["clerk"])).encode()).decode()
        assert refused(app, f"{header}.{payload}.{signature}")

    def test_cut_or_changed(self, app):
        good = sign(claims(), SECRET, "HS256")
        for bad in (good[:-1], good[:-5], good.rpartition(".")[0] + ".", good + "A"):
            assert refused(app, bad)
        assert refused(app, good + "=")  # RFC 7515, 2: no padding
        for index in range(0, len(good), 7):
            other = "A" if good[index] != "A" else "B"
            assert refused(app, good[:index] + other + good[index + 1 :])

    @pytest.mark.parametrize("bad", ["x", ".", "..", "a.b", "a.b.c", "e30.e30", "a.b.c.d.e"])
    def test_no_token_at_all(self, app, bad):
        assert refused(app, bad) == "The token is malformed."


class TestHeader:
    def test_keys_that_the_token_brings_or_points_at(self, app, by_rsa):
        """None is used, and none fetched: nobody connects to the attacker's server."""
        attacker = private_key("RSA", "attacker")
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            url = f"http://127.0.0.1:{server.getsockname()[1]}/jwks.json"
            for members in (
                {"jku": url},
                {"jku": url, "kid": "attacker"},
                {"x5u": url},
                {"jwk": jwk(attacker)},
                {"x5c": ["MIIB"]},
                {"jku": None},
            ):
                forged = sign(claims(), attacker, "RS256", **members)
                assert refused(by_rsa, forged) == "The token brings its own key."
                # A good signature does not help.
                assert refused(app, forge(HS | members, claims()))
            assert refused(by_rsa, sign(claims(iss=url), attacker, "RS256", kid=url))
            with pytest.raises(BlockingIOError):  # nobody waits to be accepted
                server.accept()

    @pytest.mark.parametrize("crit", [["exp"], ["b64"], ["unheard-of"], [], "exp", None])
    def test_critical_extensions(self, app, crit):
        """RFC 7515, 4.1.11."""
        assert refused(app, forge(HS | {"crit": crit, "b64": True, "unheard-of": 1}, claims()))

    def test_unencoded_payload(self, app):
        """RFC 7797."""
        assert refused(app, forge(HS | {"b64": False, "crit": ["b64"]}, claims()))

    @pytest.mark.parametrize("kid", [7, None, ["a"], {}, True])
    def test_kid_that_is_no_text(self, app, kid):
        assert refused(app, forge(HS | {"kid": kid}, claims()))

    @pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", None, 7, []])
    def test_tokens_for_something_else(self, app, typ):
        """RFC 8725, 3.11."""
        assert refused(app, forge(HS | {"typ": typ}, claims())) == (
            "The token is not an access token."
        )

    @pytest.mark.parametrize("typ", ["jwt", "at+jwt", "application/at+JWT"])
    def test_types_of_access_tokens(self, app, typ):
        app.get("/add", headers=bearer(forge(HS | {"typ": typ}, claims())), status=200)

    @pytest.mark.parametrize(
        "header", [[], "HS256", 1, None, b"", b"{", b"\xff", b'{"alg": "HS256"', b"[" * 4000]
    )
    def test_headers_that_are_none(self, app, header):
        assert refused(app, forge(header, claims())) == "The token is malformed."


class TestClaims:
    @pytest.mark.parametrize(
        "payload", [[], "ada", 1, None, b"", b"{", b"\xff", b"[" * 4000, b"NaN", b"9" * 5000]
    )
    def test_payloads_that_are_none(self, app, payload):
        assert refused(app, forge(HS, payload)) == "The token is malformed."

    def test_expired(self, app):
        for age in (0, 1, 10**9):
            assert refused(app, forge(HS, claims(exp=int(time.time()) - age))) == (
                "The token has expired."
            )

    def test_without_exp(self, app):
        assert refused(app, forge(HS, claims(exp=None))) == "The token lacks exp."
        assert refused(app, forge(HS, claims() | {"exp": None})) == "The token lacks exp."

    def test_not_yet(self, app):
        assert refused(app, forge(HS, claims(nbf=int(time.time()) + 60))) == (
            "The token is not valid yet."
        )

    def test_leeway(self):
        app = guarded({"bookstore.jwt.leeway": "60"})
        now = int(time.time())
        app.get("/add", headers=bearer(forge(HS, claims(exp=now - 30))), status=200)
        app.get("/add", headers=bearer(forge(HS, claims(nbf=now + 30))), status=200)
        app.get("/add", headers=bearer(forge(HS, claims(exp=now - 90))), status=401)
        app.get("/add", headers=bearer(forge(HS, claims(nbf=now + 90))), status=401)

    def test_iat_limits_nothing(self, app):
        """RFC 7519, 4.1.6: it tells the age. An issuer's clock may be a little ahead."""
        app.get("/add", headers=bearer(forge(HS, claims(iat=int(time.time()) + 5))), status=200)

    @pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize(
        "value",
        [*(b'"9999999999"', b"true", b"[]", b"{}", b"NaN", b"Infinity", b"1e999"), b'"soon"'],
    )
    def test_times_that_are_none(self, app, name, value):
        good = claims()
        good.pop(name, None)
        payload = json.dumps(good)[:-1].encode() + b', "' + name.encode() + b'": ' + value + b"}"
        if name == "iat" and value in (b"NaN", b"Infinity", b"1e999"):
            app.get("/add", headers=bearer(forge(HS, payload)), status=200)  # looked at by nobody
        else:
            assert refused(app, forge(HS, payload))

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"iss": "https://login.example"},
            {"aud": "bookstore"},
            {"iss": "https://evil.example", "aud": "bookstore"},
            {"iss": "https://login.example/", "aud": "bookstore"},
            {"iss": ["https://login.example"], "aud": "bookstore"},
            {"iss": "https://login.example", "aud": "till"},
            {"iss": "https://login.example", "aud": "Bookstore"},
            {"iss": "https://login.example", "aud": "bookstore shop"},
            {"iss": "https://login.example", "aud": []},
            {"iss": "https://login.example", "aud": ["bookstore", 7]},
            {"iss": "https://login.example", "aud": {"bookstore": 1}},
            {"iss": 7, "aud": "bookstore"},
        ],
    )
    def test_issuer_and_audience(self, strict, members):
        assert refused(strict, forge(HS, claims(**members)))

    def test_one_audience_of_several_will_do(self, strict):
        full = claims(iss="https://login.example", aud=["till", "bookstore"])
        strict.get("/add", headers=bearer(forge(HS, full)), status=200)

    def test_descriptions(self, strict):
        iss, aud = {"iss": "https://login.example"}, {"aud": "shop"}
        for members, text in (
            (aud, "The token lacks iss."),
            (iss, "The token lacks aud."),
            (iss | {"aud": "till"}, "The token is for another audience."),
            (aud | {"iss": "x"}, "The token is from another issuer."),
        ):
            assert refused(strict, forge(HS, claims(**members))) == text

    def test_a_token_for_somebody_else_where_we_have_no_name(self, app):
        """RFC 7519, 4.1.3: who does not find itself in aud must refuse."""
        assert refused(app, forge(HS, claims(aud="till"))) == "The token is for another audience."

    @pytest.mark.parametrize(
        "subject", [7, True, ["ada"], {"id": 1}, "", "x" * 256, "a\0b", "a\nb", "\ud800", "\x7f"]
    )
    def test_subjects_that_are_none(self, app, subject):
        assert refused(app, forge(HS, claims(sub=subject)))

    def test_subject_null(self, app):
        assert refused(app, forge(HS, claims() | {"sub": None}))

    @pytest.mark.parametrize("roles", [7, True, {"staff": True}, ["staff", 7], [["staff"]]])
    def test_roles_that_are_none(self, app, roles):
        assert refused(app, forge(HS, claims(roles=roles))) == (
            "The roles in the token must be a list of texts."
        )

    def test_roles_null(self, app):
        assert refused(app, forge(HS, claims() | {"roles": None}))

    def test_id_that_is_no_text(self, app):
        assert refused(app, forge(HS, claims(jti=7)))


class TestAuthorizationHeader:
    def test_size(self, app):
        def sized(length):
            padding = 0
            while True:
                text = forge(HS, claims(pad="x" * padding))
                if len(text) >= length:
                    return text
                padding += max((length - len(text)) * 3 // 4, 1)

        fits, too_long = sized(MAX_TOKEN - 4), sized(MAX_TOKEN + 1)
        assert len(fits) <= MAX_TOKEN
        app.get("/add", headers=bearer(fits), status=200)
        assert refused(app, too_long) == "The token is longer than 8192 characters."
        assert refused(app, "x" * 1_000_000)

    @pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer   {}", "\tBearer {} "])
    def test_forms(self, app, form):
        value = form.format(forge(HS, claims()))
        app.get("/add", headers={"Authorization": value}, status=200)

    @pytest.mark.parametrize(
        "form",
        [
            *("", " ", "Bearer", "Bearer ", "{0}", "Bearer{0}", "Bearer\t{0}", "Bearer: {0}"),
            *("Token {0}", "JWT {0}", "Basic YWRhOmFkYQ==", "Digest a=b", "Negotiate abc"),
            *("Bearer {0} {0}", "Bearer {0}, Bearer {0}", "Bearer {0},Bearer {0}", "Bearer {0},"),
            *("Bearer {0}, Basic YWRhOmFkYQ==", "Basic YWRhOmFkYQ==, Bearer {0}", "Bearer Bearer"),
            *('Bearer "{0}"', "Bearer token={0}", "Bearer {0};", "Bearer {0}\x00", "Bearer é"),
        ],
    )
    def test_everything_else(self, app, form):
        """Repeated headers come joined by a comma, from every WSGI server."""
        value = form.format(forge(HS, claims()))
        answer = app.get("/view", extra_environ={"HTTP_AUTHORIZATION": value}, status=401)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    def test_tokens_elsewhere_are_not_looked_for(self, app):
        """RFC 6750, 2.2 and 2.3: they end up in logs."""
        good = forge(HS, claims())
        app.get("/add", {"access_token": good}, status=401)
        app.get("/add", headers={"Cookie": f"access_token={good}"}, status=401)
