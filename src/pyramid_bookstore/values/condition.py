"""In which state a book must be to be changed, whoever asks: HTTP's headers, or Python."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pyramid_bookstore.errors import VersionMismatch


@dataclass(frozen=True, slots=True)
class Condition:
    """In which state a book must be to be changed; by default in any.

    ``versions`` are those a caller saw (`BookData.version`), or "any" that exists; ``before`` is
    the moment from which on it must not have changed (If-Unmodified-Since); ``unless`` are
    versions in which it must not be (If-None-Match).
    """

    versions: Collection[int] | Literal["any"] | None = None
    before: datetime | None = None
    unless: Collection[int] = ()

    @property
    def given(self) -> bool:
        """Whether anything is asked of the book; with it, the book must exist."""
        return self.versions is not None or self.before is not None

    def check(self, version: int, updated_at: datetime) -> None:
        """Raises `VersionMismatch` for a book in another state."""
        versions = self.versions
        stale = versions is not None and versions != "any" and version not in versions
        late = self.before is not None and updated_at >= self.before
        if stale or late or version in self.unless:
            raise VersionMismatch(version)


ANY_STATE = Condition()
