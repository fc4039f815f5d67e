"""Reads an ISBN in any notation into 13 digits (ISBN Users' Manual, 7th edition)."""

import re
import unicodedata

from stdnum import exceptions
from stdnum import isbn as stdnum_isbn

from pyramid_bookstore.values.text import searchable

MAX_LENGTH = 64
"""Characters of an ISBN with its separators; 13 digits with one around each are 27."""

#: All hyphens and dashes of Unicode, and the minus sign.
HYPHENS = [0x2212, *(c for c in range(0x11000) if unicodedata.category(chr(c)) == "Pd")]
_SEPARATORS = dict.fromkeys(HYPHENS)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
# What stands before an ISBN, where hyphens and blanks are gone: "URN:ISBN:", "ISBN13:", "SBN". Of
# "ISBN1034567890" the digits are an ISBN by themselves.
_NAME = re.compile(r"\A(?:URN:)?I?SBN:?(?:1[03](?=:|.{9,10}\Z|.{13}\Z))?:?")

# An ISBN-10 begins with three zeros at most.
_MIN_REPAIR = 7


def canonical(value: str) -> str:
    """The 13 digits of an ISBN-13, an ISBN-10 or an SBN, the nine digits before these.

    There may be hyphens and spaces of any kind, characters that show nothing, and ``ISBN``,
    ``ISBN-13:`` or ``urn:isbn:`` before it. Raises :exc:`ValueError`, whose text is a sentence for
    clients, for other characters (such as digits that are not ASCII), other lengths, a wrong check
    digit, a prefix other than 978 and 979, and 979-0, the prefix of printed music (ISMN).
    """
    if len(value) == 13 and value.isascii() and value.isdigit():  # the usual notation
        return _check_13(value)
    if len(value) > MAX_LENGTH:
        raise ValueError("An ISBN has 10 or 13 digits.")
    compact = _NAME.sub("", _compact(value))
    body = compact[:-1] if len(compact) in (9, 10) and compact[-1] == "X" else compact
    if not _DIGITS.fullmatch(body):
        raise ValueError(
            "An ISBN is written with the digits 0 to 9, hyphens and spaces, with or without `ISBN`"
            " before it; only an ISBN-10 can end in X."
        )
    if len(compact) == 13:
        return _check_13(compact)
    if len(compact) not in (9, 10):
        raise ValueError(f"An ISBN has 10 or 13 digits; this one has {len(compact)}.")
    try:
        # An SBN, of nine digits, is an ISBN-10 without its leading 0.
        return stdnum_isbn.validate(compact.rjust(10, "0"), convert=True)
    except exceptions.ValidationError:
        if len(compact) == 9:
            raise ValueError(
                f"An ISBN has 10 or 13 digits; {compact} has 9, and its check digit is not that of"
                " an SBN."
            ) from None
        raise ValueError(_wrong_check_digit(compact)) from None


def repair(value: str) -> str | None:
    """The 13 digits of an ISBN from which a spreadsheet may have removed leading zeros, or None.

    Zeros are added up to ten digits, and the checksum must then be right. A float
    (``9.78043902348e+12``) has lost more than zeros and gives None.
    """
    compact = _compact(value[:MAX_LENGTH])
    if _MIN_REPAIR <= len(compact) < 10:
        value = compact.rjust(10, "0")
    try:
        return canonical(value)
    except ValueError:
        return None


def _check_13(digits: str) -> str:
    """The 13 digits, if they are an ISBN-13; else raises `ValueError`."""
    # The checksum of EAN-13; stdnum takes four times as long.
    if (sum(map(int, digits[::2])) + 3 * sum(map(int, digits[1::2]))) % 10:
        raise ValueError(_wrong_check_digit(digits))
    if not digits.startswith(("978", "979")):
        raise ValueError("An ISBN of 13 digits begins with 978 or 979.")
    if digits.startswith("9790"):
        raise ValueError("979-0 is the prefix of printed music (ISMN), not of books.")
    return digits


def _compact(value: str) -> str:
    """What is left without hyphens, blanks and characters that show nothing."""
    return "".join(searchable(value).translate(_SEPARATORS).split()).upper()


def _wrong_check_digit(compact: str) -> str:
    return f"The check digit of the ISBN {compact} is wrong: a digit is mistaken or out of place."
