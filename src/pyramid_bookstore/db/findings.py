"""What `bookstore check` finds."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """The result of one check. ``advice`` says what to do, and is empty if all is well."""

    verdict: Literal["ok", "warning", "fault"]
    subject: str
    message: str
    advice: str = ""
