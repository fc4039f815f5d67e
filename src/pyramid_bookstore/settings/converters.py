"""Converters from an INI value, or a Python value, to the value in `Settings`.

They raise `ValueError` with a text that completes the sentence "KEY: …". It never shows a value
that could have a password.
"""

import difflib
import keyword
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

#: Permissions as in the INI; views have ``bookstore.<permission>``, see `web.operation`, which
#: unpacks them in this order.
PERMISSIONS = ("view", "add", "edit", "delete", "stock", "import", "changes")

#: Shared-secret algorithms (RFC 7518, section 3.2).
SYMMETRIC = ("HS256", "HS384", "HS512")
#: Key-pair algorithms (RFC 7518, sections 3.3 to 3.5; RFC 8037).
ASYMMETRIC = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
# A segment of a URL path (pchar of RFC 3986) without ':' and '*', which are placeholders in
# Pyramid's route patterns, and '%', which is a literal there.
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~!$&'()+,;=@]+")
# As browsers write it (RFC 6454, 6.2): scheme, host, and a port that is not the scheme's own.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_OWN_PORTS = {("http", ":80"), ("https", ":443")}

#: The codes of ISO 4217 that are money in use.
_CURRENCIES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
    KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
    NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
    WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """


@dataclass(frozen=True, slots=True)
class Converter:
    """``allowed`` says which values a key accepts, for errors and docs; ``parse`` converts them."""

    allowed: str
    parse: Callable[[Any], Any]
    #: Whether the value is never shown, also not in errors.
    hidden: bool = False

    def __call__(self, value: Any) -> Any:
        """The converted value; raises `ValueError`."""
        try:
            return self.parse(value)
        except _RefusedError:
            text = f"a {type(value).__name__}" if self.hidden else shown(value)
            raise ValueError(f"{text} is not {self.allowed}") from None


class _RefusedError(ValueError):
    """The value is not one of those allowed."""


def shown(value: object) -> str:
    """The value for an error text: shortened, and no URL, because it may have a password."""
    text = repr(value)
    if "://" in text:
        return "the URL given (not shown)"
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(word: str, options: Iterable[str]) -> str:
    """The option that is most similar to the word, whatever the case."""
    by_fold = {option.casefold(): option for option in options}
    return by_fold[difflib.get_close_matches(word.casefold(), by_fold, n=1, cutoff=0)[0]]


def similarity(word: str, other: str) -> float:
    """How similar two words are, whatever the case: from 0 to 1."""
    return difflib.SequenceMatcher(None, word.casefold(), other.casefold()).ratio()


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str) and str(value).strip().lower() in _BOOLEANS:
        return _BOOLEANS[str(value).strip().lower()]
    raise _RefusedError


def integer(low: int, high: int, unit: str = "") -> Converter:
    """A whole number, ``low`` and ``high`` included: an `int`, or a string of ASCII digits."""

    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _RefusedError
        return value

    return Converter(f"a whole number from {low} to {high}{unit and f' ({unit})'}", parse)


def choice(*options: str) -> Converter:
    """One of a few words, in any case."""

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value.strip().lower() not in options:
            raise _RefusedError
        return value.strip().lower()

    return Converter(f"one of {', '.join(options)}", parse)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 255:
        raise _RefusedError
    return value.strip()


def _optional_text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise _RefusedError
    return value.strip() or None


def _permission(value: Any) -> str:
    if not isinstance(value, str):
        raise _RefusedError
    return value.strip()


def _callable_or_name(value: Any) -> Any:
    return value if callable(value) else _optional_text(value)


def _currency(value: Any) -> str | None:
    code = _optional_text(value)
    known = _CURRENCIES.split()
    if code is None or code.upper() in known:
        return code and code.upper()
    raise ValueError(
        f"{shown(value)} is not the ISO 4217 code of a currency, such as EUR; did you mean"
        f" {nearest(code, known)}?"
    )


def _origins(value: Any) -> tuple[str, ...]:
    origins = tuple(word if word == "*" else _origin(word) for word in _words(value))
    if "*" in origins and len(origins) > 1:
        raise ValueError("* is every origin: set it alone, or name the origins without it")
    return origins


def _origin(word: str) -> str:
    """The origin as browsers send it; raises `ValueError` for what none of them sends."""
    origin = word.lower()
    if origin == "null":
        raise ValueError("null is what any sandboxed page sends; * lets every origin in")
    found = _ORIGIN.fullmatch(origin)
    if found is not None and (found[1], found[3]) not in _OWN_PORTS:
        return origin
    raise ValueError(
        f"{ascii(word) if '@' not in word else 'what was given'} is not an origin as a browser"
        " sends it, such as https://shop.example or http://localhost:8080: scheme and host"
        " (xn--… for one in other letters), then the port unless it is the scheme's own; no path,"
        " no slash at the end, no pattern"
    )


def _secret(value: Any) -> str | None:
    # Not stripped, because a secret may have blanks at its ends.
    if not isinstance(value, str):
        raise _RefusedError
    return value if value.strip() else None


def _attribute(value: Any) -> str | None:
    name = _optional_text(value)
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise _RefusedError
    return name


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if not isinstance(value, list | tuple | set | frozenset):
        raise _RefusedError
    if not all(isinstance(word, str) and word.strip() for word in value):
        raise _RefusedError
    ordered = sorted(value) if isinstance(value, set | frozenset) else value
    return tuple(dict.fromkeys(word.strip() for word in ordered))


def _words_of(kind: str, options: tuple[str, ...]) -> Converter:
    def parse(value: Any) -> tuple[str, ...]:
        words = _words(value)
        faults = [
            f"unknown {kind} {shown(word)}, did you mean {nearest(word, options)}?"
            for word in words
            if word not in options
        ]
        if faults:
            raise ValueError(f"{' '.join(faults)} (allowed: {' '.join(options)})")
        return words

    return Converter(f"a list, separated by spaces or commas, of {' '.join(options)}", parse)


def _prefix(value: Any) -> str:
    if not isinstance(value, str):
        raise _RefusedError
    path = value.strip().rstrip("/")
    if path and not path.startswith("/"):
        raise ValueError(f"{shown(value)} must begin with '/', as in '/api/v1'")
    for segment in path.split("/")[1:]:
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise ValueError(
                f"{shown(value)} is not {PREFIX.allowed}: no empty or dot segments, no"
                " placeholders ({}, :name, *name), no query, no fragment, no percent-encoding"
            )
    return path


BOOLEAN = Converter("true or false (or yes, no, on, off, 1, 0)", _boolean)
TEXT = Converter("a text of 1 to 255 characters", _text)
OPTIONAL_TEXT = Converter("a text", _optional_text)
SECRET = Converter("a text (never shown)", _secret, hidden=True)
ATTRIBUTE = Converter("the name of a request attribute, such as dbsession", _attribute)
WORDS = Converter("a list of words, separated by spaces or commas", _words)
PERMISSION = Converter("a permission of the host's, or nothing", _permission)
FACTORY = Converter("the dotted name of a function or class, such as shop.Root", _callable_or_name)
CURRENCY = Converter("the ISO 4217 code of a currency, such as EUR", _currency)
ORIGINS = Converter(
    "a list of origins, separated by spaces or commas, such as https://shop.example; or * alone",
    _origins,
)
PERMISSION_LIST = _words_of("permission", PERMISSIONS)
#: Checked further by `catalogue.declared.declare`.
FIELD = Converter("a type, then what the field is for, as in: text filter facet", _words)
ALGORITHM_LIST = _words_of("algorithm", (*SYMMETRIC, *ASYMMETRIC))
PREFIX = Converter("a plain URL path such as /api/v1, or / for the root", _prefix)
#: `pyramid_bookstore.settings.engine_options` converts them by their names.
ENGINE = Converter("what sqlalchemy.engine_from_config takes; url is required", lambda value: value)
