"""Prices and other numbers as people write them, read only where they can mean one amount."""

import re
from decimal import Decimal
from typing import Final

from pyramid_bookstore.feeds.options import option
from pyramid_bookstore.values.types import REQUIRED

_SIGNS = "$¢£¤¥֏؋৲৳฿៛₠-⃀﷼﹩＄￠￡￥￦"
#: A currency's sign, its ISO 4217 code, or both, as ``US$``.
_CURRENCY = rf"(?:[A-Z]{{3}}|[A-Z]{{0,3}}[{_SIGNS}])"
_AMOUNT = r"(?P<amount>[0-9.,'’\s]*[0-9][.,]?)"
_PRICE = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:{_CURRENCY}\s*)?(?P<sign2>[+-]?)\s*{_AMOUNT}\s*(?:{_CURRENCY})?",
    re.ASCII,
)
_NUMBER = re.compile(rf"(?P<sign>[+-]?)\s*{_AMOUNT}", re.ASCII)
#: Blanks and apostrophes between groups of three; they are never a decimal sign.
_GROUPED = re.compile(r"[0-9]{1,3}(?:([ '’])[0-9]{3})(?:\1[0-9]{3})*(?![0-9])", re.ASCII)
_PLAIN = re.compile(r"[0-9]{1,40}(?:[.,][0-9]{0,40})?|[.,][0-9]{1,40}", re.ASCII)
#: What could be thousands, or a fraction of three digits.
_UNCLEAR = re.compile(r"-?[1-9][0-9]{0,2}([.,])[0-9]{3}", re.ASCII)

_MARKS: Final = {"point": ".", "comma": ","}


def read_price(cell: str, decimal: str | None) -> Decimal:
    """The amount of a price; raises `ValueError` with a sentence where it is none or unclear.

    Without ``decimal`` the decimal sign is a point, and what could also be thousands is refused.
    """
    text = " ".join(cell.split())
    if not text:
        raise ValueError(REQUIRED)
    found = _PRICE.fullmatch(text)
    if found is None or (found["sign"] and found["sign2"]):
        raise ValueError(_not_a_number(text, "price"))
    return _read(found["sign"] + found["sign2"], found["amount"].strip(), decimal, "price")


def read_number(cell: str, decimal: str | None) -> Decimal:
    """The same for a number of a declared field, which has no currency."""
    text = " ".join(cell.split())
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(_not_a_number(text, "number"))
    return _read(found["sign"], found["amount"].strip(), decimal, "number")


def plain_number(text: str, decimal: str | None) -> str:
    """A plain number with a decimal point as the readers above take it, with this ``decimal``."""
    if decimal is None and _UNCLEAR.fullmatch(text):
        return f"{text}0"  # four decimals are clear
    return text.replace(".", _MARKS[decimal or "point"])


def _read(sign: str, amount: str, decimal: str | None, what: str) -> Decimal:
    unclear = _UNCLEAR.fullmatch(amount)
    if unclear is not None and decimal is None:
        both = f"{option('decimal', 'comma')} or {option('decimal', 'point')}"
        raise ValueError(
            f"The {what} has a “{unclear[1]}” that could be the decimal sign or stand between"
            f" thousands; say which is the decimal sign: {both}."
        )
    mark = _MARKS[decimal or "point"]
    plain = _without_thousands(amount, "," if mark == "." else ".")
    if _PLAIN.fullmatch(plain) is None or (set(",.") - {mark}) & set(plain):
        raise ValueError(_wrong_mark(amount, mark, what))
    return Decimal(sign + plain.replace(",", "."))


def _without_thousands(amount: str, mark: str) -> str:
    """The amount without the signs between thousands, if they are where these stand."""
    grouped = re.match(rf"[0-9]{{1,3}}(?:{re.escape(mark)}[0-9]{{3}})+(?![0-9])", amount)
    grouped = grouped or _GROUPED.match(amount)
    if grouped is None:
        return amount
    return re.sub(r"[^0-9]", "", grouped[0]) + amount[grouped.end() :]


def _wrong_mark(amount: str, mark: str, what: str) -> str:
    other = "," if mark == "." else "."
    if other not in amount:
        return _not_a_number(amount, what)
    name = "comma" if other == "," else "point"
    return (
        f"The {what} has a “{other}” where no thousands end. If it is the decimal {name}, say"
        f" {option('decimal', name)}; else write the {what} as 12{mark}50."
    )


def _not_a_number(text: str, what: str) -> str:
    strange = re.search(r"[^0-9.,+\-\s]", text, re.ASCII)
    found = f" There is a “{strange[0]}” in it." if strange is not None else ""
    sign = " A currency's sign or code may stand beside it." if what == "price" else ""
    return (
        f"The {what} must be a plain number such as 12.50.{found}{sign} For a decimal comma say"
        f" {option('decimal', 'comma')}."
    )
