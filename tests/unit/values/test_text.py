"""Text in one form: what is stored, what is searched, what is sorted."""

import unicodedata
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.values import text

# Marks in disorder, precomposed letters, Hangul and compatibility characters, often adjacent.
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("aA \t\u0301\u0316\u0f73\u0344éßŒŁıİǅ한ᄒ\u1161\u11abﬁ№ﷺ’“—\u00ad\u200b\u2028"),
)
TEXTS = st.text(CHARACTERS)


@pytest.mark.parametrize(
    ("given_text", "folded"),
    [
        ("Große  “Œuvre”", 'grosse "oeuvre"'),
        ("ŁÓDŹ\tØrsted\nđ", "lodz orsted d"),
        ("Þórr, Æsir & ıİ", "thorr, aesir & ii"),
        ("l’été – ‹demain›", "l'ete - 'demain'"),
        ("O´Brien", "o'brien"),
        ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
        ("Достоевский", "достоевскии"),
        ("ﬁn de siècle ①", "fin de siecle 1"),
        ("Ｆｕｌｌ　width", "full width"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("  Plain  ASCII \x1f TEXT ", "plain ascii text"),
        ("\u0301", ""),
        ("", ""),
    ],
)
def test_fold_gives_what_people_type(given_text: str, folded: str) -> None:
    assert fold(given_text) == folded


def test_hangul_is_found_by_syllables_only() -> None:
    """Taken apart, 가 would be the beginning of 각."""
    assert fold("가") not in fold("각")
    assert fold("\u1100\u1161\u11a8") == "각"


@given(TEXTS)
def test_folding_twice_changes_nothing_and_leaves_one_line(s: str) -> None:
    folded = fold(s)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())
    assert "\n" not in folded


@given(TEXTS)
def test_canonically_equal_texts_fold_alike(s: str) -> None:
    assert fold(unicodedata.normalize("NFD", s)) == fold(unicodedata.normalize("NFC", s))


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_the_short_way_for_ascii_gives_what_the_long_way_gives(s: str) -> None:
    assert fold(s) == fold(f"{s}\u00ad")


def test_every_character_of_an_alphabet_folds_to_what_folds_no_further() -> None:
    for code in chain(range(0x3400), range(0xA4D0, 0xAC00), range(0xF900, 0x10000)):
        folded = fold(chr(code))
        assert fold(folded) == folded


@given(TEXTS)
def test_clean_is_nfc_without_white_space_around(s: str) -> None:
    cleaned = text.clean(s)
    assert cleaned == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == unicodedata.normalize("NFC", s.strip())


@given(TEXTS, st.integers(1, 300))
def test_nfc_of_long_text_is_that_of_the_standard_library(s: str, times: int) -> None:
    assert text.nfc(s * times) == unicodedata.normalize("NFC", s * times)


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0316\u0301", "\u0f73", "\u0344\u0316"])
def test_nfc_survives_half_a_million_marks(marks: str) -> None:
    """Sorting them by insertion, as the standard library does, would take minutes."""
    s = "a" + marks * 50_000
    assert unicodedata.is_normalized("NFC", text.nfc(s)[:1000])
    assert text.nfc(s[:2001]) == unicodedata.normalize("NFC", s[:2001])
