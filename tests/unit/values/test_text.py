"""Normalisation of text for storage, search and sorting."""

import unicodedata
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.values import text

# Combining marks in the wrong order, precomposed letters, Hangul, compatibility characters.
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(
        "aA \t\u0301\u0316\u0f73\u0344éßŒŁıİǅ한ᄒ\u1161\u11ab\u115f\u1160\u3164\u2800ﬁ№"
        "ﷺ’“—\u00ad\u200b\u2028\u200d\ufe0f"
    ),
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
def test_fold_replaces_case_accents_ligatures_and_typographic_signs(
    given_text: str, folded: str
) -> None:
    assert fold(given_text) == folded


def test_folding_keeps_hangul_as_whole_syllables() -> None:
    """Decomposed into letters, 가 would be a prefix of 각."""
    assert fold("가") not in fold("각")
    assert fold("\u1100\u1161\u11a8") == "각"


@given(TEXTS)
def test_folded_text_is_one_line_and_folding_it_again_changes_nothing(s: str) -> None:
    folded = fold(s)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())
    assert "\n" not in folded


@given(TEXTS)
def test_canonically_equivalent_texts_fold_to_the_same_text(s: str) -> None:
    assert fold(unicodedata.normalize("NFD", s)) == fold(unicodedata.normalize("NFC", s))


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_the_fast_path_for_ascii_folds_like_the_general_path(s: str) -> None:
    assert fold(s) == fold(f"{s}\u00ad")


def test_folding_a_single_character_twice_equals_folding_it_once() -> None:
    for code in chain(range(0x3400), range(0xA4D0, 0xAC00), range(0xF900, 0x10000)):
        folded = fold(chr(code))
        assert fold(folded) == folded


@pytest.mark.parametrize(
    ("given_text", "seen"),
    [
        ("Du\u200bne\ufeff", "Dune"), ("\u202aDune\u202c", "Dune"), ("\u200fשלום\u200e", "שלום"),
        ("Du\u00adne", "Dune"), ("Du\u2060ne", "Dune"), ("\u3164", ""), ("\u200b\u200e", ""),
        ("\ufe0f", ""), ("\u200d", ""), ("\u034f", ""), ("\U000e0041\U000e0042", ""),
        ("Du\U000e0041ne", "Dune"), ("a \ufe0fb", "a b"), ("a\u200d", "a"), ("1\u200d2", "12"),
        ("Dune \u200d", "Dune "), ("a\u200d💻", "a💻"), ("a\0", "a\0"), ("a\u2028b", "a\u2028b"),
        ("\u115f\u1160", ""), ("Du\u115fne\u1160", "Dune"), ("가\u1160", "가"),
        ("\u115f\u115f\u1161", "\u115f\u1161"), ("a\U000e0fffb", "ab"), ("\u2800\ufe0f", "\u2800"),
    ],
)  # fmt: skip
def test_characters_that_show_nothing_are_taken_out(given_text: str, seen: str) -> None:
    assert text.visible(given_text) == text.visible(given_text, lines=True) == seen


@pytest.mark.parametrize(
    "kept",
    [
        "می\u200cخواهم", "क\u094d\u200dष", "👩\u200d💻", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥",
        "🏴\u200d☠\ufe0f", "🙂\u200d↔\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "1\ufe0f\u20e3", "葛\U000e0100", "日本", "é", "a\u00a0b", "\u1112\u1160",
        "\u115f\u1161", "\u115f\u1160\u11ab",
        "⠓⠊\u2800⠁", "\u0600", "Crème brûlée – “été”",
    ],
)  # fmt: skip
def test_joiners_between_letters_and_the_parts_of_emoji_stay_but_in_a_search(kept: str) -> None:
    assert text.visible(kept) == kept
    assert "\u200c" not in text.searchable(kept)
    assert "\u200d" not in text.searchable(kept)


def test_of_control_characters_line_breaks_and_tabs_stay_in_a_text_of_several_lines() -> None:
    codes = [*range(1, 0x20), *range(0x7F, 0xA0)]
    every = "".join(map(chr, codes))
    assert text.visible(f"a{every}b") == "ab"
    assert text.visible(f"a{every}b", lines=True) == "a\t\n\rb"


@given(TEXTS, st.booleans())
def test_taking_out_what_shows_nothing_again_changes_nothing(s: str, lines: bool) -> None:
    seen = text.visible(s, lines=lines)
    assert text.visible(seen, lines=lines) == seen
    assert {*seen} <= {*s}
    assert text.visible(text.searchable(s), lines=True) == text.searchable(s)


@given(TEXTS)
def test_a_text_that_is_stored_and_sent_again_is_the_same(s: str) -> None:
    stored = text.nfc(text.trimmed(text.visible(s)))
    assert text.nfc(text.trimmed(text.visible(stored))) == stored


def _names_nothing(char: str) -> bool:
    """Whether the Unicode data has the character as one that shows nothing by itself."""
    name = unicodedata.name(char, "")
    # Signs of numbers, and those around hieroglyphs, which are seen.
    seen = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")
    return (
        unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp")
        or (unicodedata.category(char) == "Cf" and not name.startswith(seen))
        or "VARIATION SELECTOR" in name
        or (name.endswith(" FILLER") and "HANGUL" in name)
        or "VOWEL INHERENT" in name
        or name in ("COMBINING GRAPHEME JOINER", "BRAILLE PATTERN BLANK", "ARABIC LETTER MARK")
    )


def test_text_of_characters_that_show_nothing_is_blank_and_of_any_other_not() -> None:
    every = [char for char in map(chr, range(1, 0x110000)) if unicodedata.category(char) != "Cn"]
    alone = {char for char in every if text.is_blank(char)}
    assert alone == {char for char in every if _names_nothing(char)}
    for joined in ("", " ", "\u2800", "\u115f", "\u200d"):
        assert text.is_blank(joined.join(sorted(alone)))
    assert text.trimmed("\u2800 \u3000Du ne\u2800") == "Du ne"


@given(TEXTS, st.integers(1, 300))
def test_nfc_of_long_text_equals_that_of_the_standard_library(s: str, times: int) -> None:
    assert text.nfc(s * times) == unicodedata.normalize("NFC", s * times)


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0316\u0301", "\u0f73", "\u0344\u0316"])
def test_nfc_handles_tens_of_thousands_of_combining_marks_in_a_row(marks: str) -> None:
    """Sorting them by insertion, as the standard library does, would take minutes."""
    s = "a" + marks * 50_000
    assert unicodedata.is_normalized("NFC", text.nfc(s)[:1000])
    assert text.nfc(s[:2001]) == unicodedata.normalize("NFC", s[:2001])
