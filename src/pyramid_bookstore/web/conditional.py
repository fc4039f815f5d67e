"""Conditional requests (RFC 9110, section 13): entity tags and dates."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from pyramid.request import Request

from pyramid_bookstore.values.condition import SECOND, Condition
from pyramid_bookstore.values.moments import is_first_of_second, now
from pyramid_bookstore.web.errors import BadRequest

#: Entity tags in one header; the number of a statement's parameters has a limit too.
MAX_TAGS = 100

# Empty elements of a list are ignored (RFC 9110, 5.6.1.2).
_TAG = re.compile(r'[ \t,]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)')
# As `etag` writes it: tags are compared character by character.
# What is available is no part of what an If-Match asks about.
_VERSION = re.compile(r"(0|[1-9a-f][0-9a-f]{0,14})(?:-[0-9]{1,10})?")
_MALFORMED = "{} must be * or ETags separated by commas, each in quotation marks."
#: Microseconds from 1970 to the end of the year 9999.
_LAST_VERSION = 253_402_300_799_999_999


def etag(version: int, available: int | None = None) -> str:
    """The strong entity tag of a book in this version, with so many copies available."""
    return f'"{version:x}"' if available is None else f'"{version:x}-{available}"'


def entity_tag(body: bytes) -> str:
    """The strong entity tag of an answer that is no single book."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def http_date(moment: datetime) -> str:
    """The datetime as an HTTP date, which has whole seconds."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def write_condition(request: Request) -> Condition:
    """The condition of If-Match, else of If-Unmodified-Since (RFC 9110, 13.2.2).

    Raises `BadRequest` for more tags than `MAX_TAGS`.
    """
    match = request.environ.get("HTTP_IF_MATCH")
    if match is not None:
        if match.strip() == "*":
            return Condition("any")
        # If-Match uses the strong comparison, so weak tags match nothing.
        return Condition(_versions(tag for weak, tag in _tags(match) or () if not weak))
    since = _date(request.environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    # A last change within that second is allowed, if it was the book's first in it.
    return Condition(before=since + SECOND) if since else Condition()


def change_condition(request: Request) -> Condition:
    """As `write_condition`, and the book's version must not be in If-None-Match."""
    condition = write_condition(request)
    header = request.environ.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return condition
    tags = None if header.strip() == "*" else _tags(header)
    if tags is None:  # of a malformed list it is unknown which versions it excludes
        return Condition(frozenset())
    return replace(condition, unless=_versions(tag for _, tag in tags))


def why_not_held(request: Request) -> str | None:
    """Why the condition of a change did not hold, where the version is not that of If-Match."""
    match = request.environ.get("HTTP_IF_MATCH")
    if match is not None and match.strip() != "*":
        tags = _tags(match)
        if not tags:
            return _MALFORMED.format("If-Match")
        if all(weak for weak, _ in tags):
            return "If-Match holds for strong ETags alone, which have no W/ before them."
    other = request.environ.get("HTTP_IF_NONE_MATCH")
    if other is None:
        return None
    if other.strip() != "*" and _tags(other) is None:
        return _MALFORMED.format("If-None-Match")
    alone = match is None and "HTTP_IF_UNMODIFIED_SINCE" not in request.environ
    return "The book is in a version that If-None-Match excludes." if alone else None


def create_only(request: Request) -> bool:
    """Whether the client wants to create, not to replace (If-None-Match: *)."""
    return bool(request.environ.get("HTTP_IF_NONE_MATCH", "").strip() == "*")


def tag_matches(request: Request, tag: str) -> bool:
    """Whether If-None-Match has this entity tag, by the weak comparison."""
    header = request.environ.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    bare = tag.removeprefix("W/").strip('"')
    return header.strip() == "*" or any(bare == given for _, given in _tags(header) or ())


def not_modified(request: Request, tag: str, updated_at: datetime | None) -> bool:
    """Whether the client's copy is current: by If-None-Match, else by If-Modified-Since, unless no
    date says how old it is."""
    if "HTTP_IF_NONE_MATCH" in request.environ:
        return tag_matches(request, tag)
    since = _date(request.environ.get("HTTP_IF_MODIFIED_SINCE"))
    if since is None or updated_at is None:
        return False
    # A date is that of the first version of its second; see `values.moments`.
    dated = is_first_of_second(updated_at) and updated_at.replace(microsecond=0) <= since
    # A date by the client's own clock may, within the second, be of the version before.
    return dated and now() - updated_at > SECOND


def _versions(tags: Iterable[str]) -> frozenset[int]:
    versions = (int(found[1], 16) for found in map(_VERSION.fullmatch, tags) if found)
    return frozenset(version for version in versions if version <= _LAST_VERSION)


def _tags(header: str) -> list[tuple[bool, str]] | None:
    """The entity tags of a list, as (is weak, tag); `None` if the list is malformed."""
    tags: list[tuple[bool, str]] = []
    position = 0
    header = header.rstrip(" \t,")
    while position < len(header):
        found = _TAG.match(header, position)
        if not found:
            return None
        tags.append((bool(found[1]), found[2]))
        if len(tags) > MAX_TAGS:
            raise BadRequest(f"A condition may name at most {MAX_TAGS} entity tags.")
        position = found.end()
    return tags


def _date(header: str | None) -> datetime | None:
    """An HTTP date in UTC; `None` for any other text, which the RFC says to ignore."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A second after the last year would overflow.
    return moment if moment.year < 9999 else None
