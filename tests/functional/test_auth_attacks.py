"""Bad tokens and Authorization headers: each is answered with 401 and gives no permission."""

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


def test_the_base_tokens_of_this_file_are_accepted_without_a_fault(app, strict, by_rsa):
    """Otherwise the tests in this file could pass for a reason other than the one they name."""
    app.get("/add", headers=bearer(forge(HS, claims())), status=200)
    full = claims(iss="https://login.example", aud="shop")
    strict.get("/add", headers=bearer(forge(HS, full)), status=200)
    by_rsa.get("/add", headers=bearer(sign(claims(), private_key("RSA"), "RS256")), status=200)


class TestAlgorithm:
    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
    def test_an_unsigned_token_with_alg_none_is_refused(self, app, by_rsa, name):
        parts = [base64url_encode(json.dumps(x).encode()) for x in ({"alg": name}, claims())]
        unsigned = b".".join([*parts, b""]).decode()
        assert refused(app, unsigned) == "The token is signed with an algorithm that is not taken."
        assert refused(by_rsa, unsigned)
        assert refused(app, forge({"alg": name}, claims()))

    @pytest.mark.parametrize("name", ["HS384", "hs256", "RS256", ["HS256"], {}, 5, True, None])
    def test_an_algorithm_that_is_not_configured_is_refused(self, app, name):
        assert refused(app, forge({"alg": name}, claims()))

    def test_a_token_without_alg_is_refused(self, app):
        assert refused(app, forge({"typ": "JWT"}, claims()))

    @pytest.mark.parametrize("secret", ["pem", "stripped", "der"])
    def test_a_token_signed_with_the_public_key_as_secret_is_refused(self, by_rsa, secret):
        """Key confusion: the attacker signs with the public key, which everybody can read."""
        pem = public_pem(private_key("RSA"))
        secret = {
            "pem": pem,
            "stripped": pem.strip(),
            "der": "".join(pem.splitlines()[1:-1]),
        }[secret]
        assert refused(by_rsa, forge(HS, claims(), secret))
        assert refused(by_rsa, forge({"alg": "RS256"}, claims(), secret))


class TestSignature:
    def test_a_signature_made_with_another_key_is_refused(self, app, by_rsa):
        assert refused(app, forge(HS, claims(), "x" * 32)) == "The signature does not hold."
        stranger = sign(claims(), private_key("RSA", "stranger"), "RS256")
        assert refused(by_rsa, stranger) == "The signature does not hold."

    def test_a_token_with_a_changed_payload_is_refused(self, app):
        header, _, signature = sign(claims(), SECRET, "HS256").split(".")
        payload = base64url_encode(json.dumps(claims(roles=["clerk"])).encode()).decode()
        assert refused(app, f"{header}.{payload}.{signature}")

    def test_a_token_that_was_cut_or_changed_is_refused(self, app):
        good = sign(claims(), SECRET, "HS256")
        for bad in (good[:-1], good[:-5], good.rpartition(".")[0] + ".", good + "A"):
            assert refused(app, bad)
        assert refused(app, good + "=")  # RFC 7515, 2: no padding
        for index in range(0, len(good), 7):
            other = "A" if good[index] != "A" else "B"
            assert refused(app, good[:index] + other + good[index + 1 :])

    @pytest.mark.parametrize("bad", ["x", ".", "..", "a.b", "a.b.c", "e30.e30", "a.b.c.d.e"])
    def test_a_value_that_is_not_a_token_is_refused_as_malformed(self, app, bad):
        assert refused(app, bad) == "The token is malformed."


class TestHeader:
    def test_a_key_inside_the_token_or_at_its_url_is_never_used(self, app, by_rsa):
        """The verifier opens no connection to the attacker's server."""
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
            with pytest.raises(BlockingIOError):  # no connection is waiting
                server.accept()

    @pytest.mark.parametrize("crit", [["exp"], ["b64"], ["unheard-of"], [], "exp", None])
    def test_a_token_with_the_header_crit_is_refused(self, app, crit):
        """RFC 7515, 4.1.11."""
        assert refused(app, forge(HS | {"crit": crit, "b64": True, "unheard-of": 1}, claims()))

    def test_a_token_with_an_unencoded_payload_is_refused(self, app):
        """RFC 7797."""
        assert refused(app, forge(HS | {"b64": False, "crit": ["b64"]}, claims()))

    @pytest.mark.parametrize("kid", [7, None, ["a"], {}, True])
    def test_a_kid_that_is_not_text_is_refused(self, app, kid):
        assert refused(app, forge(HS | {"kid": kid}, claims()))

    @pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", None, 7, []])
    def test_a_token_whose_typ_is_not_an_access_token_is_refused(self, app, typ):
        """RFC 8725, 3.11."""
        assert refused(app, forge(HS | {"typ": typ}, claims())) == (
            "The token is not an access token."
        )

    @pytest.mark.parametrize("typ", ["jwt", "at+jwt", "application/at+JWT"])
    def test_each_typ_of_an_access_token_is_accepted(self, app, typ):
        app.get("/add", headers=bearer(forge(HS | {"typ": typ}, claims())), status=200)

    @pytest.mark.parametrize(
        "header", [[], "HS256", 1, None, b"", b"{", b"\xff", b'{"alg": "HS256"', b"[" * 4000]
    )
    def test_a_token_header_that_is_not_a_json_object_is_refused(self, app, header):
        assert refused(app, forge(header, claims())) == "The token is malformed."


class TestClaims:
    @pytest.mark.parametrize(
        "payload", [[], "ada", 1, None, b"", b"{", b"\xff", b"[" * 4000, b"NaN", b"9" * 5000]
    )
    def test_a_token_payload_that_is_not_a_json_object_is_refused(self, app, payload):
        assert refused(app, forge(HS, payload)) == "The token is malformed."

    def test_an_expired_token_is_refused(self, app):
        for age in (0, 1, 10**9):
            assert refused(app, forge(HS, claims(exp=int(time.time()) - age))) == (
                "The token has expired."
            )

    def test_a_token_without_exp_is_refused(self, app):
        assert refused(app, forge(HS, claims(exp=None))) == "The token lacks exp."
        assert refused(app, forge(HS, claims() | {"exp": None})) == "The token lacks exp."

    def test_a_token_before_its_nbf_is_refused(self, app):
        assert refused(app, forge(HS, claims(nbf=int(time.time()) + 60))) == (
            "The token is not valid yet."
        )

    def test_exp_and_nbf_are_checked_with_the_configured_leeway(self):
        app = guarded({"bookstore.jwt.leeway": "60"})
        now = int(time.time())
        app.get("/add", headers=bearer(forge(HS, claims(exp=now - 30))), status=200)
        app.get("/add", headers=bearer(forge(HS, claims(nbf=now + 30))), status=200)
        app.get("/add", headers=bearer(forge(HS, claims(exp=now - 90))), status=401)
        app.get("/add", headers=bearer(forge(HS, claims(nbf=now + 90))), status=401)

    def test_a_token_with_iat_in_the_future_is_accepted(self, app):
        """RFC 7519, 4.1.6: `iat` is the age only. An issuer's clock may be a little ahead."""
        app.get("/add", headers=bearer(forge(HS, claims(iat=int(time.time()) + 5))), status=200)

    @pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize(
        "value",
        [*(b'"9999999999"', b"true", b"[]", b"{}", b"NaN", b"Infinity", b"1e999"), b'"soon"'],
    )
    def test_exp_and_nbf_must_be_finite_numbers_and_iat_must_be_a_number(self, app, name, value):
        good = claims()
        good.pop(name, None)
        payload = json.dumps(good)[:-1].encode() + b', "' + name.encode() + b'": ' + value + b"}"
        if name == "iat" and value in (b"NaN", b"Infinity", b"1e999"):
            app.get("/add", headers=bearer(forge(HS, payload)), status=200)  # `iat` is not compared
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
    def test_a_wrong_or_missing_issuer_or_audience_is_refused(self, strict, members):
        assert refused(strict, forge(HS, claims(**members)))

    def test_a_token_with_our_audience_among_several_is_accepted(self, strict):
        full = claims(iss="https://login.example", aud=["till", "bookstore"])
        strict.get("/add", headers=bearer(forge(HS, full)), status=200)

    def test_the_challenge_says_what_is_wrong_with_issuer_or_audience(self, strict):
        iss, aud = {"iss": "https://login.example"}, {"aud": "shop"}
        for members, text in (
            (aud, "The token lacks iss."),
            (iss, "The token lacks aud."),
            (iss | {"aud": "till"}, "The token is for another audience."),
            (aud | {"iss": "x"}, "The token is from another issuer."),
        ):
            assert refused(strict, forge(HS, claims(**members))) == text

    def test_a_token_with_aud_is_refused_if_no_audience_is_configured(self, app):
        """RFC 7519, 4.1.3: a service that is not named in `aud` must refuse the token."""
        assert refused(app, forge(HS, claims(aud="till"))) == "The token is for another audience."

    @pytest.mark.parametrize(
        "subject", [7, True, ["ada"], {"id": 1}, "", "x" * 256, "a\0b", "a\nb", "\ud800", "\x7f"]
    )
    def test_a_subject_that_is_not_a_short_printable_text_is_refused(self, app, subject):
        assert refused(app, forge(HS, claims(sub=subject)))

    def test_a_subject_of_null_is_refused(self, app):
        assert refused(app, forge(HS, claims() | {"sub": None}))

    @pytest.mark.parametrize("roles", [7, True, {"staff": True}, ["staff", 7], [["staff"]]])
    def test_roles_that_are_not_a_list_of_texts_are_refused(self, app, roles):
        assert refused(app, forge(HS, claims(roles=roles))) == (
            "The roles in the token must be a list of texts."
        )

    def test_roles_of_null_are_refused(self, app):
        assert refused(app, forge(HS, claims() | {"roles": None}))

    def test_a_jti_that_is_not_text_is_refused(self, app):
        assert refused(app, forge(HS, claims(jti=7)))


class TestAuthorizationHeader:
    def test_a_token_longer_than_the_limit_is_refused(self, app):
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
    def test_the_scheme_bearer_is_accepted_in_any_case_and_spacing(self, app, form):
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
    def test_any_other_form_of_the_authorization_header_is_refused(self, app, form):
        """A WSGI server joins repeated headers with a comma."""
        value = form.format(forge(HS, claims()))
        answer = app.get("/view", extra_environ={"HTTP_AUTHORIZATION": value}, status=401)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    def test_a_token_in_the_query_or_in_a_cookie_is_ignored(self, app):
        """RFC 6750, 2.2 and 2.3: tokens in these places end up in logs."""
        good = forge(HS, claims())
        app.get("/add", {"access_token": good}, status=401)
        app.get("/add", headers={"Cookie": f"access_token={good}"}, status=401)
