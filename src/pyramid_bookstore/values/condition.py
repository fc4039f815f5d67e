"""The condition under which a book may be changed, from HTTP headers or Python."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pyramid_bookstore.errors import VersionMismatch
from pyramid_bookstore.values.moments import is_first_of_second

#: The precision of HTTP dates.
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Condition:
    """Which version the book must have to be changed; by default any.

    ``versions``: it has one of these (`BookData.version`), or "any" if it exists (If-Match).
    ``before``: its last change was before this time (If-Unmodified-Since), and if in the second
    before it, the book's first in a second: a date in whole seconds cannot tell others apart.
    ``unless``: it has none of these versions (If-None-Match).
    """

    versions: Collection[int] | Literal["any"] | None = None
    before: datetime | None = None
    unless: Collection[int] = ()

    @property
    def given(self) -> bool:
        """Whether there is a condition for which the book must exist."""
        return self.versions is not None or self.before is not None

    def check(self, version: int, updated_at: datetime) -> None:
        """Raises `VersionMismatch` if the book does not meet the condition."""
        versions = self.versions
        other_version = versions is not None and versions != "any" and version not in versions
        changed = False
        if self.before is not None:
            limit = self.before if is_first_of_second(updated_at) else self.before - SECOND
            changed = updated_at >= limit
        if other_version or changed or version in self.unless:
            raise VersionMismatch(version)


ANY_STATE = Condition()
