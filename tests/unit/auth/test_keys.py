"""Which keys are accepted for which algorithms, and why the others are refused."""

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


class TestKeyFromSetting:
    def test_a_shared_secret_is_used_for_hs_algorithms(self):
        (key,) = from_setting(SECRET, SYMMETRIC).keys
        assert key == Key(SECRET.encode(), SYMMETRIC)

    def test_repr_does_not_show_the_key(self):
        assert SECRET not in repr(from_setting(SECRET, SYMMETRIC))

    @pytest.mark.parametrize("algorithm", ASYMMETRIC)
    def test_a_public_key_is_used_only_for_the_algorithms_of_its_type(self, algorithm):
        kind = KINDS[algorithm]
        (key,) = from_setting(public_pem(private_key(kind)), ASYMMETRIC).keys
        assert key.algorithms == tuple(a for a in ASYMMETRIC if KINDS[a] == kind)

    def test_an_ed448_key_is_used_for_eddsa(self):
        (key,) = from_setting(public_pem(private_key("Ed448")), ASYMMETRIC).keys
        assert key.algorithms == ("EdDSA",)

    def test_pem_line_ends_may_be_written_as_backslash_n(self):
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
    def test_a_weak_or_malformed_secret_is_refused_with_the_reason(self, secret, algorithms, text):
        with pytest.raises(KeyFault) as caught:
            from_setting(secret, algorithms)
        assert str(caught.value) == text

    def test_a_public_key_is_refused_as_an_hs_secret(self):
        """Otherwise anyone could sign tokens with it: key confusion, RFC 8725, 2.1."""
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
    def test_a_key_of_wrong_type_curve_or_size_is_refused_with_the_reason(
        self, kind, algorithms, text
    ):
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
    def test_anything_but_one_public_pem_key_is_refused_with_the_reason(self, pem, text):
        with pytest.raises(KeyFault, match=text) as caught:
            from_setting(pem, ("ES256",))
        assert "AAAA" not in str(caught.value)


def of_file(*entries, algorithms=ASYMMETRIC):
    return from_file(jwks(*entries).encode(), algorithms)


class TestKeysFromFile:
    def test_a_pem_public_key_is_read_even_with_text_before_it(self):
        pem = "Public-Key: (256 bit)\n" + public_pem(private_key("P-256"))
        (key,) = from_file(pem.encode(), ("ES256",)).keys
        assert key.kid is None

    @pytest.mark.parametrize("algorithm", ASYMMETRIC)
    def test_a_jwk_is_used_only_for_the_algorithms_of_its_type(self, algorithm):
        kind = KINDS[algorithm]
        (key,) = of_file(jwk(private_key(kind), kid="a")).keys
        assert key.algorithms == tuple(a for a in ASYMMETRIC if KINDS[a] == kind)

    def test_an_oct_jwk_is_read_as_a_shared_secret(self):
        (key,) = of_file(jwk(SECRET), algorithms=("HS256",)).keys
        assert key.material == SECRET.encode()

    def test_a_single_jwk_outside_a_jwks_is_accepted(self):
        data = json.dumps(jwk(private_key("P-256"), kid="a")).encode()
        assert from_file(data, ("ES256",)).choose("a")

    def test_the_alg_of_a_jwk_limits_the_key_to_that_algorithm(self):
        (key,) = of_file(jwk(private_key("RSA"), alg="PS256")).keys
        assert key.algorithms == ("PS256",)

    def test_a_jwk_with_use_sig_and_key_ops_verify_is_accepted(self):
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
    def test_unusable_keys_of_a_jwks_are_skipped_with_a_note_on_each(self, entry, text):
        """RFC 7517, section 5, says to ignore them; a file without a usable key is refused."""
        found = of_file(entry, jwk(private_key("RSA"), kid="good"))
        assert [key.kid for key in found.keys] == ["good"]
        (note,) = found.ignored
        assert note.startswith(f"keys[0] {text}")
        with pytest.raises(KeyFault, match="no key in the file is for") as caught:
            of_file(entry)
        assert text in str(caught.value)

    def test_error_messages_never_show_the_secret(self):
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
            (b'{"keys": []}', "the list of keys in the file is empty"),
            (b'{"keys": {}}', "the file is no JWKS"),
        ],
    )
    def test_a_file_that_is_neither_pem_nor_jwks_is_refused_with_the_reason(self, data, text):
        with pytest.raises(KeyFault, match=text):
            from_file(data, ("RS256",))

    @pytest.mark.parametrize("kids", [("a", None), (None, None), ("a", "a")])
    def test_several_keys_need_a_unique_kid_each(self, kids):
        entries = [
            jwk(private_key("P-256", str(number)), **({} if kid is None else {"kid": kid}))
            for number, kid in enumerate(kids)
        ]
        with pytest.raises(KeyFault, match="each needs a kid of its own"):
            of_file(*entries)


class TestChoosingTheKeyOfAToken:
    ONE = Key(b"1", ("HS256",), "one")
    TWO = Key(b"2", ("HS256",), "two")
    NAMELESS = Key(b"0", ("HS256",))

    def test_of_several_keys_the_one_with_the_kid_of_the_token_is_chosen(self):
        keys = KeySet((self.ONE, self.TWO))
        assert keys.choose("two") is self.TWO
        assert keys.choose("three") is None
        assert keys.choose(None) is None

    def test_a_token_without_kid_gets_the_only_key(self):
        assert KeySet((self.ONE,)).choose(None) is self.ONE
        assert KeySet((self.ONE,)).choose("two") is None

    def test_a_key_without_kid_is_used_for_every_token(self):
        assert KeySet((self.NAMELESS,)).choose(None) is self.NAMELESS
        assert KeySet((self.NAMELESS,)).choose("two") is self.NAMELESS
