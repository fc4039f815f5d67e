"""ISBNs in every common notation, and the reasons why others are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import isbn as stdnum_isbn

from pyramid_bookstore.values import isbn


def with_check_digit(body: str) -> str:
    total = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(body))
    return body + str(-total % 10)


ISBN_13 = st.builds(
    lambda prefix, rest: with_check_digit(f"{prefix}{rest:08d}"),
    st.sampled_from(["9780", "9781", "9789", "9791", "9798"]),
    st.integers(0, 10**8 - 1),
)


@pytest.mark.parametrize(
    "written",
    [
        "9781718500440", "978-1-7185-0044-0", " 978 1 7185 0044 0\n", "978‑1–7185—0044−0",
        "978\u00a01\u20097185\u202f0044\u30000", "1718500440", "1-7185-0044-0",
        "\u200e978\u200b171\u200d85\ufeff00\u00ad440\u202c", "978\t1718\n500440",
        "978〜1718500440",
        "ISBN 1718500440", "isbn 978-1-7185-0044-0", "ISBN-13: 9781718500440", "ISBN10 1718500440",
        "ISBN-10 : 1-7185-0044-0", "ISBN13 978 1 7185 0044 0", "ISBN:1718500440",
        "urn:isbn:978-1-7185-0044-0", "URN:ISBN:1718500440", "IS\u200bBN 1718500440",
    ],
)  # fmt: skip
def test_every_notation_of_an_isbn_becomes_the_same_13_digits(written: str) -> None:
    assert isbn.canonical(written) == "9781718500440"


@pytest.mark.parametrize(
    "written",
    ["425040461", "425-04046-1", "SBN 425 04046 1", "ISBN 425040461", "ISBN-10: 425040461"],
)
def test_an_sbn_of_nine_digits_is_the_isbn_with_a_zero_before_it(written: str) -> None:
    assert isbn.canonical(written) == "9780425040461"


def test_the_check_digit_x_may_be_lower_case() -> None:
    assert isbn.canonical("0-8044-2957-x") == isbn.canonical("080442957X") == "9780804429573"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("9781718500441", "check digit"), ("9780000000000", "check digit"),
        ("1718500441", "check digit"), ("0000000000000", "978 or 979"),
        ("4006381333931", "978 or 979"), ("979-0-060-11561-5", "ISMN"),
        ("97817185٠٠440", "0 to 9"), ("９７８１７１８５００４４０", "0 to 9"), ("", "0 to 9"),
        ("----", "0 to 9"), ("978171850044X", "0 to 9"), ("X", "0 to 9"),
        ("ISBN ISBN 1718500440", "0 to 9"), ("1718500440 ISBN", "0 to 9"), ("ISBN", "0 to 9"),
        ("１２３４５６７８９", "0 to 9"), ("ISBN 1034567890", "check digit"), ("ISBN-13", "has 2"),
        ("425040462", "SBN"),
        ("1718\x00500440", "0 to 9"), ("9781718500440\udc00", "0 to 9"), ("171850044", "has 9"),
        ("97817185004400", "has 14"), ("-" * 1_000_000, "10 or 13"),
    ],
)  # fmt: skip
def test_an_invalid_isbn_is_refused_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        isbn.canonical(written)
    assert str(caught.value).endswith(".")


@given(st.from_regex(r"97[0-9]{11}|[0-9]{9}[0-9X]", fullmatch=True))
def test_validation_agrees_with_the_stdnum_library_except_for_ismn(written: str) -> None:
    valid = stdnum_isbn.is_valid(written) and not written.startswith("9790")
    if valid:
        assert isbn.canonical(written) == stdnum_isbn.to_isbn13(written)
    else:
        with pytest.raises(ValueError, match=r"ISBN|ISMN"):
            isbn.canonical(written)


@given(ISBN_13)
def test_canonical_and_repair_keep_a_valid_isbn_13_as_it_is(written: str) -> None:
    assert isbn.canonical(written) == written
    assert isbn.canonical(" - ".join(written)[:64]) == written
    assert isbn.repair(written) == written


@pytest.mark.parametrize(
    ("found", "repaired"),
    [
        ("439023483", "9780439023481"), ("7203116", None), ("43902348-3", "9780439023481"),
        ("7120273", "9780007120277"),
        ("9781718500440", "9781718500440"), ("080442957X", "9780804429573"),
        ("80442957X", "9780804429573"), ("439023484", None), ("9.78043902348e+12", None),
        ("", None), ("0", None), ("000000", None), ("1" * 100, None), ("97893806587.0", None),
    ],
)  # fmt: skip
def test_repair_adds_lost_leading_zeros_only_if_the_checksum_is_then_right(
    found: str, repaired: str | None
) -> None:
    assert isbn.repair(found) == repaired


@given(st.text())
def test_repair_never_raises_and_returns_none_or_a_valid_isbn(found: str) -> None:
    repaired = isbn.repair(found)
    assert repaired is None or isbn.canonical(repaired) == repaired
