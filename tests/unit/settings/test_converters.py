"""Converters: which values each setting accepts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.settings import converters as c


@pytest.mark.parametrize("value", ["true", "YES", " On ", "1", True, 1])
def test_boolean_accepts_every_word_for_true(value):
    assert c.BOOLEAN(value) is True


@pytest.mark.parametrize("value", ["false", "No", "OFF", "0", False, 0])
def test_boolean_accepts_every_word_for_false(value):
    assert c.BOOLEAN(value) is False


@pytest.mark.parametrize("value", ["", "t", "y", "maybe", "2", 2, 1.0, [], "１"])
def test_boolean_refuses_anything_else(value):
    """Pyramid's asbool reads every unknown word as false; here it is an error."""
    with pytest.raises(ValueError, match="is not true or false"):
        c.BOOLEAN(value)


@given(st.integers(1, 1000), st.booleans())
def test_integer_accepts_every_number_in_its_range_as_int_or_text(number, as_string):
    assert c.integer(1, 1000)(f" {number} " if as_string else number) == number


@given(st.one_of(st.integers(max_value=0), st.integers(min_value=1001)), st.booleans())
def test_integer_refuses_numbers_outside_its_range(number, as_string):
    with pytest.raises(ValueError, match="is not a whole number from 1 to 1000"):
        c.integer(1, 1000)(str(number) if as_string else number)


@pytest.mark.parametrize(
    "value", ["", "+5", "5.0", "1_0", "٥", "５", "0x5", "1e1", True, 5.0, None, "9" * 5000]
)
def test_integer_refuses_other_types_and_anything_but_ascii_digits(value):
    with pytest.raises(ValueError, match="is not a whole number from 1 to 1000 \\(seconds\\)"):
        c.integer(1, 1000, "seconds")(value)


def test_choice_accepts_only_its_words_in_any_case():
    auth = c.choice("host", "jwt")
    assert auth(" JWT ") == "jwt"
    for value in ("", "jwtt", 1):
        with pytest.raises(ValueError, match="is not one of host, jwt"):
            auth(value)


def test_text_is_trimmed_and_only_optional_text_may_be_blank():
    assert c.TEXT(" Books & more ") == "Books & more"
    for value in ("", "  ", "x" * 256, 5):
        with pytest.raises(ValueError, match="1 to 255 characters"):
            c.TEXT(value)
    assert c.OPTIONAL_TEXT(" a ") == "a"
    assert c.OPTIONAL_TEXT(" ") is None
    with pytest.raises(ValueError, match="5 is not a text"):
        c.OPTIONAL_TEXT(5)


def test_secret_is_not_trimmed_and_never_shown_in_an_error():
    assert c.SECRET(" s3cret ") == " s3cret "
    assert c.SECRET(" ") is None
    with pytest.raises(ValueError, match=r"^a bytes is not a text \(never shown\)$"):
        c.SECRET(b"s3cret")


def test_attribute_must_be_a_python_name_or_empty():
    assert c.ATTRIBUTE("dbsession") == "dbsession"
    assert c.ATTRIBUTE("") is None
    for value in ("db-session", "request.db", "class", "1st"):
        with pytest.raises(ValueError, match="name of a request attribute"):
            c.ATTRIBUTE(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", ()),
        (" b  a\nb ", ("b", "a")),
        (["b", " a "], ("b", "a")),
        (("b",), ("b",)),
        ({"b", "a"}, ("a", "b")),
        (frozenset(), ()),
    ],
)
def test_words_keep_their_order_without_duplicates(value, words):
    assert c.WORDS(value) == words


@pytest.mark.parametrize("value", [5, {"a": 1}, ["a", 5], ["a", " "]])
def test_words_refuse_anything_but_text_or_a_list_of_words(value):
    with pytest.raises(ValueError, match="is not a list of words"):
        c.WORDS(value)


def test_an_unknown_permission_or_algorithm_is_refused_with_the_nearest_name():
    for listed in ("view import", "view, import", "view,import,"):
        assert c.PERMISSION_LIST(listed) == ("view", "import")
    with pytest.raises(ValueError, match="unknown permission") as raised:
        c.PERMISSION_LIST("veiw add, stock")
    text = str(raised.value)
    assert "'veiw', did you mean view?" in text
    assert text.endswith("(allowed: view add edit delete stock import changes)")
    with pytest.raises(ValueError, match="'none', did you mean"):
        c.ALGORITHM_LIST("none")
    with pytest.raises(
        ValueError, match="is not a list, separated by spaces or commas, of view add"
    ):
        c.PERMISSION_LIST(5)


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        ("", ""),
        ("/", ""),
        ("//", ""),
        ("/api/v1", "/api/v1"),
        (" /api/v1/ ", "/api/v1"),
        ("/~shop/a.b;c=1,2", "/~shop/a.b;c=1,2"),
    ],
)
def test_prefix_is_trimmed_and_has_no_trailing_slash(value, prefix):
    assert c.PREFIX(value) == prefix


def test_prefix_must_begin_with_a_slash():
    with pytest.raises(ValueError, match=r"'api/v1' must begin with '/', as in '/api/v1'"):
        c.PREFIX("api/v1")


@pytest.mark.parametrize(
    "value",
    ["/{tenant}", "/:tenant", "/*rest", "/a?b=1", "/a#b", "/a//b", "/./a", "/a/..", "/a b", "/%41",
     "/bücher", "/a\\b", "/a\nb"],
)  # fmt: skip
def test_prefix_must_be_a_plain_url_path(value):
    """Refused are placeholders of Pyramid and paths that clients can write in several ways."""
    with pytest.raises(ValueError, match="is not a plain URL path"):
        c.PREFIX(value)


def test_prefix_must_be_a_text():
    with pytest.raises(ValueError, match="5 is not a plain URL path"):
        c.PREFIX(5)


@given(st.text())
def test_an_accepted_prefix_can_be_joined_to_a_route(value):
    try:
        prefix = c.PREFIX(value)
    except ValueError:
        return
    assert re.fullmatch(r"(/[!-~]+)?", prefix)
    assert not prefix.endswith("/")
    assert not set("{}:*?#%\\") & set(prefix)
    assert c.PREFIX(prefix) == prefix


def test_values_in_errors_are_shortened_and_passwords_in_urls_hidden():
    assert c.shown("a" * 60).endswith("aaa…")
    assert len(c.shown("a" * 600)) == 58
    assert c.shown("a") == "'a'"
    assert "pw" not in c.shown("postgresql://u:pw@h/b")


@given(st.text(), st.lists(st.text(), min_size=1))
def test_nearest_is_always_one_of_the_options(word, options):
    assert c.nearest(word, options) in options


def test_engine_settings_are_passed_on_unchanged():
    pool = object()
    assert c.ENGINE(pool) is pool
