"""Which keys are taken, for which algorithms, and what is said about the others."""

import json

import pytest

from pyramid_bookstore.auth.keys import Key, KeyFault, KeySet, from_file, from_setting
from pyramid_bookstore.settings.converters import ASYMMETRIC, SYMMETRIC
from tests.support.tokens import (
    KINDS,
    SECRET,
    jwk,
    jwks,
    private_key,
    private_pem,
    public_pem,
)


class TestSetting:
    def test_a_secret_serves_hs(self):
        (key,) = from_setting(SECRET, SYMMETRIC).keys
        assert key == Key(SECRET.encode(), SYMMETRIC)

    def test_a_key_is_not_shown(self):
        assert SECRET not in repr(from_setting(SECRET, SYMMETRIC))

    @pytest.mark.parametrize("algorithm", ASYMMETRIC)
    def test_a_public_key_serves_its_algorithms_and_no_other(self, algorithm):
        kind = KINDS[algorithm]
        (key,) = from_setting(public_pem(private_key(kind)), ASYMMETRIC).keys
        assert key.algorithms == tuple(a for a in ASYMMETRIC if KINDS[a] == kind)

    def test_ed448_is_for_eddsa_too(self):
        (key,) = from_setting(public_pem(private_key("Ed448")), ASYMMETRIC).keys
        assert key.algorithms == ("EdDSA",)

    def test_line_ends_may_be_written_as_in_an_environment_variable(self):
        pem = public_pem(private_key("P-256"))
        assert from_setting(pem.replace("\n", "\\n"), ("ES256",)).keys

    @pytest.mark.parametrize(
        ("secret", "algorithms", "text"),
        [
            ("x" * 31, ("HS256",), "has 31 bytes; HS256 needs at least 32"),
            ("x" * 47, ("HS256", "HS384"), "has 47 bytes; HS384 needs at least 48"),
            ("x" * 63, ("HS512",), "has 63 bytes; HS512 needs at least 64"),
            ("ß" * 15, ("HS256",), "has 30 bytes; HS256 needs at least 32"),
            ("\udcff" * 64, ("HS256",), "is not UTF-8"),
            (
                json.dumps(jwk(SECRET)),
                ("HS256",),
                "is a public key, certificate or JWK; HS* needs a secret",
            ),
        ],
    )
    def test_bad_secrets(self, secret, algorithms, text):
        with pytest.raises(KeyFault) as caught:
            from_setting(secret, algorithms)
        assert str(caught.value) == text

    def test_a_public_key_is_no_secret(self):
        """Else everybody could sign: the key confusion of RFC 8725, 2.1."""
        with pytest.raises(KeyFault, match="is a public key, certificate or JWK"):
            from_setting(public_pem(private_key("RSA")), ("HS256",))

    @pytest.mark.parametrize(
        ("kind", "algorithms", "text"),
        [
            ("RSA", ("ES256", "EdDSA"), "is of type RSA, not for ES256 EdDSA"),
            ("P-256", ("RS256",), "is an EC key on secp256r1, not for RS256"),
            ("P-384", ("ES256",), "is an EC key on secp384r1, not for ES256"),
            ("secp256k1", ("ES256",), "is an EC key on secp256k1, not for ES256"),
            ("Ed25519", ("ES256",), "is of type Ed25519, not for ES256"),
            ("DSA", ASYMMETRIC, f"is of type DSA, not for {' '.join(ASYMMETRIC)}"),
            ("RSA-1024", ("RS256",), "has 1024 bits; RSA needs at least 2048"),
        ],
    )
    def test_keys_of_the_wrong_kind(self, kind, algorithms, text):
        with pytest.raises(KeyFault) as caught:
            from_setting(public_pem(private_key(kind)), algorithms)
        assert str(caught.value) == text

    @pytest.mark.parametrize(
        ("pem", "text"),
        [
            ("nonsense", "is no PEM public key"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "openssl x509"),
            (private_pem(private_key("P-256")), "is a private key; give the public one"),
            (public_pem(private_key("P-256")) * 2, "has several PEM keys; put them into a JWKS"),
        ],
    )
    def test_pem_that_is_none(self, pem, text):
        with pytest.raises(KeyFault, match=text) as caught:
            from_setting(pem, ("ES256",))
        assert "AAAA" not in str(caught.value)


def of_file(*entries, algorithms=ASYMMETRIC):
    return from_file(jwks(*entries).encode(), algorithms)


class TestFile:
    def test_pem(self):
        pem = "Public-Key: (256 bit)\n" + public_pem(private_key("P-256"))
        (key,) = from_file(pem.encode(), ("ES256",)).keys
        assert key.kid is None

    @pytest.mark.parametrize("algorithm", ASYMMETRIC)
    def test_a_jwk_serves_its_algorithms_and_no_other(self, algorithm):
        kind = KINDS[algorithm]
        (key,) = of_file(jwk(private_key(kind), kid="a")).keys
        assert key.algorithms == tuple(a for a in ASYMMETRIC if KINDS[a] == kind)

    def test_a_secret(self):
        (key,) = of_file(jwk(SECRET), algorithms=("HS256",)).keys
        assert key.material == SECRET.encode()

    def test_one_jwk_without_a_set(self):
        data = json.dumps(jwk(private_key("P-256"), kid="a")).encode()
        assert from_file(data, ("ES256",)).choose("a")

    def test_alg_of_the_key_narrows(self):
        (key,) = of_file(jwk(private_key("RSA"), alg="PS256")).keys
        assert key.algorithms == ("PS256",)

    def test_use_and_operations_for_checking(self):
        assert of_file(jwk(private_key("P-256"), use="sig", key_ops=["verify"])).keys

    @pytest.mark.parametrize(
        ("entry", "text"),
        [
            (7, "is no object"),
            (jwk(private_key("P-256"), kid=7), "has a kid that is no string"),
            (jwk(private_key("P-256"), use="enc"), "is not for checking signatures"),
            (jwk(private_key("P-256"), key_ops=["sign"]), "is not for checking signatures"),
            (jwk(private_key("P-256"), key_ops="verify"), "is not for checking signatures"),
            (jwk(private_key("P-256"), d="AAAA"), "is a private key"),
            (jwk(private_key("P-256"), alg="ES384"), "is an EC key on secp256r1"),
            (jwk(private_key("P-256"), alg="none"), "is for another alg"),
            (jwk(private_key("P-256"), alg=["ES256"]), "is for another alg"),
            ({"kid": "a"}, "has no kty that is known"),
            ({"kty": ["EC"]}, "has no kty that is known"),
            ({"kty": "AKP"}, "has no kty that is known"),
            ({"kty": "RSA", "n": "AQAB"}, "is malformed for kty RSA"),
            ({"kty": "RSA", "n": 5, "e": 5}, "is malformed for kty RSA"),
            (jwk(private_key("P-256"), x="AAAA"), "is malformed for kty EC"),
            (
                jwk(private_key("P-256"), x=jwk(private_key("P-256"))["y"]),
                "is malformed for kty EC",
            ),
            (jwk(private_key("Ed25519"), crv="X25519"), "is malformed for kty OKP"),
            ({"kty": "oct"}, "is malformed for kty oct"),
            (jwk(SECRET), "is a shared secret, not for RS256"),
            (jwk(private_key("RSA-1024")), "has 1024 bits"),
        ],
    )
    def test_keys_that_cannot_be_used_are_passed_over_and_named(self, entry, text):
        """RFC 7517, section 5; but with no key left, the start stops."""
        found = of_file(entry, jwk(private_key("RSA"), kid="good"))
        assert [key.kid for key in found.keys] == ["good"]
        (note,) = found.ignored
        assert note.startswith(f"keys[0] {text}")
        with pytest.raises(KeyFault, match="no key in the file is for") as caught:
            of_file(entry)
        assert text in str(caught.value)

    def test_a_secret_is_never_shown(self):
        weak = jwk("tr0ub4dor", alg="HS256")
        with pytest.raises(KeyFault, match="has 9 bytes; HS256") as caught:
            of_file(weak, {"k": weak["k"]}, algorithms=("HS256",))
        assert "tr0ub4dor" not in str(caught.value)
        assert weak["k"] not in str(caught.value)

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"", "the file is empty"),
            (b" \n", "the file is empty"),
            (SECRET.encode(), "the file is neither PEM nor JWKS"),
            (b"{", "the file is not JSON"),
            (b'{"\xff": 1}', "the file is not JSON"),
            (b'{"keys": ' + b"[" * 100_000, "the file is not JSON"),
            (b"{}", "the file is no JWKS"),
            (b'{"keys": []}', "the file is no JWKS"),
            (b'{"keys": {}}', "the file is no JWKS"),
        ],
    )
    def test_files_that_are_none(self, data, text):
        with pytest.raises(KeyFault, match=text):
            from_file(data, ("RS256",))

    @pytest.mark.parametrize("kids", [("a", None), (None, None), ("a", "a")])
    def test_several_keys_each_need_a_kid(self, kids):
        entries = [
            jwk(private_key("P-256", str(number)), **({} if kid is None else {"kid": kid}))
            for number, kid in enumerate(kids)
        ]
        with pytest.raises(KeyFault, match="each needs a kid of its own"):
            of_file(*entries)


class TestChoice:
    ONE = Key(b"1", ("HS256",), "one")
    TWO = Key(b"2", ("HS256",), "two")
    NAMELESS = Key(b"0", ("HS256",))

    def test_by_kid(self):
        keys = KeySet((self.ONE, self.TWO))
        assert keys.choose("two") is self.TWO
        assert keys.choose("three") is None
        assert keys.choose(None) is None

    def test_the_only_key_needs_no_kid_in_the_token(self):
        assert KeySet((self.ONE,)).choose(None) is self.ONE
        assert KeySet((self.ONE,)).choose("two") is None

    def test_a_key_without_kid_serves_every_token(self):
        assert KeySet((self.NAMELESS,)).choose(None) is self.NAMELESS
        assert KeySet((self.NAMELESS,)).choose("two") is self.NAMELESS
