"""ISBN in any writing, to the 13 digits that are stored (ISBN Users' Manual, 7th edition)."""

import re
import unicodedata

from stdnum import exceptions
from stdnum import isbn as stdnum_isbn

MAX_LENGTH = 64
"""Characters of an ISBN as written, generously: 13 digits with a separator around each are 27."""

# Every hyphen, dash and space of Unicode, the minus sign, and the hyphens nobody sees.
_SEPARATORS = dict.fromkeys(
    [ord(c) for c in "\t\u00ad\u2212\u200b\ufeff"]
    + [c for c in range(0x10000) if unicodedata.category(chr(c)) in ("Pd", "Zs")]
)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_PART = re.compile(r"[0-9]+[Xx]?", re.ASCII)

# A term of fewer digits is a number in a title ("Catch-22", "1-2-3") sooner than part of an ISBN.
_MIN_PART = 4
# The shortest of what is left of an ISBN-10 without its leading zeros: no registrant has four.
_MIN_REPAIR = 7


def canonical(value: str) -> str:
    """The 13 digits of an ISBN-13 or ISBN-10, written with any hyphens or spaces.

    Raises :exc:`ValueError`, with a sentence that says what is wrong, for anything else: other
    characters (digits that are not ASCII too), other lengths, a wrong check digit, a prefix other
    than 978 and 979, and 979-0, which numbers printed music (ISMN).
    """
    if len(value) == 13 and value.isascii() and value.isdigit():  # as import and clients send it
        return _check_13(value)
    if len(value) > MAX_LENGTH:
        raise ValueError("An ISBN has 10 or 13 digits.")
    compact = value.strip().translate(_SEPARATORS).upper()
    body = compact[:-1] if len(compact) == 10 and compact[-1] == "X" else compact
    if not _DIGITS.fullmatch(body):
        raise ValueError(
            "An ISBN is written with the digits 0 to 9, hyphens and spaces; "
            "only an ISBN-10 can end in X."
        )
    if len(compact) == 13:
        return _check_13(compact)
    if len(compact) != 10:
        raise ValueError(f"An ISBN has 10 or 13 digits; this one has {len(compact)}.")
    try:
        return stdnum_isbn.validate(compact, convert=True)
    except exceptions.ValidationError:
        raise ValueError(_wrong_check_digit(compact)) from None


def repair(value: str) -> str | None:
    """The 13 digits of an ISBN that may have lost its leading zeros to a spreadsheet, or None.

    Zeros are put back up to ten digits, and count only where the checksum then holds. What was
    turned into a float (``9.78043902348e+12``) has lost more than zeros and gives None.
    """
    compact = value[:MAX_LENGTH].strip().translate(_SEPARATORS)
    if _MIN_REPAIR <= len(compact) < 10:
        value = compact.rjust(10, "0")
    try:
        return canonical(value)
    except ValueError:
        return None


def search_forms(term: str) -> tuple[str, ...]:
    """The digits under which a search term may be found within the stored ISBN.

    A term that looks like an ISBN or a part of one gives its digits without hyphens and spaces; a
    whole ISBN-10 its ISBN-13 too. Without the term itself, so often nothing: ``()``.
    """
    compact = term[:MAX_LENGTH].strip().translate(_SEPARATORS)
    if len(term) > MAX_LENGTH or len(compact) < _MIN_PART or not _PART.fullmatch(compact):
        return ()
    forms = [compact] if compact.isdigit() else []
    if len(compact) == 10:
        whole = repair(compact)
        if whole is not None:
            forms.append(whole)
    return tuple(form for form in forms if form != term)


def _check_13(digits: str) -> str:
    """``digits``, thirteen of them, if they are an ISBN-13."""
    # The arithmetic of EAN-13: the standard number library takes four times as long for it.
    if (sum(map(int, digits[::2])) + 3 * sum(map(int, digits[1::2]))) % 10:
        raise ValueError(_wrong_check_digit(digits))
    if not digits.startswith(("978", "979")):
        raise ValueError("An ISBN of 13 digits begins with 978 or 979.")
    if digits.startswith("9790"):
        raise ValueError("979-0 is the prefix of printed music (ISMN), not of books.")
    return digits


def _wrong_check_digit(compact: str) -> str:
    return f"The check digit of the ISBN {compact} is wrong: a digit is mistaken or out of place."
