"""Random Authorization headers never raise an exception and never give a permission."""

import time

from hypothesis import example, given
from hypothesis import strategies as st
from jwt.utils import base64url_encode
from pyramid.request import Request

from pyramid_bookstore.auth import make_policy
from pyramid_bookstore.settings import Settings
from tests.support.guarded import SETTINGS, bearer
from tests.support.tokens import claims, forge, jwk, jwks, private_key

HS = {"alg": "HS256", "typ": "JWT"}
POLICY = make_policy(Settings.from_mapping(SETTINGS | {"bookstore.anonymous": "view"}))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def permitted(header):
    """Whether a request with this header may do what takes a token; raises nothing."""
    request = Request.blank("/", environ={"HTTP_AUTHORIZATION": header})
    challenge = POLICY.challenge(request)
    assert challenge.isascii()
    assert challenge.isprintable()
    known = POLICY.authenticated_userid(request) is not None
    assert known == (POLICY.identity(request) is not None)
    # Bad credentials are refused even where an anonymous request is permitted.
    assert bool(POLICY.permits(request, None, "bookstore.view")) == known
    return bool(POLICY.permits(request, None, "bookstore.add"))


@given(st.text(st.characters(max_codepoint=255)))
@example("Bearer ../..=.=")
def test_a_random_authorization_header_is_refused_without_an_exception(text):
    assert not permitted(text)
    assert not permitted("Bearer " + text)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_random_bytes_in_the_form_of_a_token_are_refused(parts):
    assert not permitted("Bearer " + ".".join(base64url_encode(part).decode() for part in parts))


@given(
    st.dictionaries(
        st.sampled_from(("alg", "typ", "kid", "crit", "b64", "jku", "zip", "cty")) | st.text(),
        st.just("HS256") | json_values,
        max_size=5,
    )
)
def test_a_signed_token_with_a_random_header_needs_the_right_alg(header):
    """The token is signed with the right key, so that the checks after the signature run too."""
    if permitted("Bearer " + forge(header, claims())):
        assert header["alg"] == "HS256"


@given(
    st.dictionaries(
        st.sampled_from(("exp", "nbf", "iat", "iss", "aud", "sub", "jti", "roles")),
        st.just(9_999_999_999) | st.just(["staff"]) | json_values,
        max_size=8,
    )
)
@example({"exp": 9_999_999_999, "roles": ["staff"]})
def test_a_signed_token_with_random_claims_needs_a_future_exp_and_the_role(payload):
    if permitted("Bearer " + forge(HS, payload)):
        assert payload["exp"] > time.time()
        assert "staff" in payload["roles"]


@given(kid=json_values, key=st.sampled_from(("a", "b")))
def test_a_token_is_valid_only_for_the_key_that_its_kid_names(kid, key, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "auth_attacks.json"
    if not path.exists():
        path.write_text(jwks(*(jwk(private_key("P-256", n), kid=n) for n in "ab")))
    settings = {"bookstore.jwt.algorithms": "ES256", "bookstore.jwt.key_file": str(path)}
    policy = make_policy(Settings.from_mapping(SETTINGS | settings | {"bookstore.jwt.key": None}))
    token = forge({"alg": "ES256", "kid": kid}, claims(), private_key("P-256", key), "ES256")
    request = Request.blank("/", headers=bearer(token))
    assert (policy.identity(request) is not None) == (kid == key)
