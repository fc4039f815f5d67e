"""Holds, in one unit of work."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pyramid_bookstore.catalogue.movements import Reason
from pyramid_bookstore.errors import HoldNotFound
from pyramid_bookstore.stock.events import HoldCommitted, HoldPlaced, HoldReleased
from pyramid_bookstore.stock.holds import FIND, Hold, Holds, hold_of
from pyramid_bookstore.stock.schema import USUAL_TTL, validate_hold, validate_prolonging
from pyramid_bookstore.stock.service import StockService


class HoldService(StockService):
    """Copies that are kept for customers who pay; needs `bookstore.holds`, and raises
    `RuntimeError` without. To place or prolong a hold needs the application's settings."""

    def hold(
        self,
        lines: Sequence[Mapping[str, Any]],
        *,
        ttl: int | None = None,
        reference: str | None = None,
    ) -> Hold:
        """Keep copies of several books for ``ttl`` seconds: all lines, or none.

        A line has ``isbn`` or ``id``, and ``quantity``; there may be 500. Lines of one book are
        added up first. ``ttl`` is 1 to the setting `bookstore.holds.max_ttl`; 900, or that setting
        where it is less, if it is not given. Raises `ValidationFailed` and `InsufficientStock` as
        `change_stocks`.
        """
        given: dict[str, Any] = {"lines": lines, "reference": reference}
        longest = self._longest()
        asked = validate_hold(
            given | {"ttl": min(USUAL_TTL, longest) if ttl is None else ttl}, longest
        )
        with self._unit.event_savepoint():
            shelf = self._shelf()
            hold = Holds(shelf).place(shelf.find(asked.lines), asked.ttl, asked.reference)
            self._unit.announce(HoldPlaced, hold=hold)
        return hold

    def get_hold(self, hold_id: UUID | str) -> Hold:
        """A hold that has not ended; raises `HoldNotFound`, `HoldOver`."""
        self._require_holds()
        uuid = _parse(hold_id)
        return hold_of(uuid, self._unit.reader().rows(FIND, {"id": uuid}))

    def prolong_hold(self, hold_id: UUID | str, ttl: int) -> Hold:
        """Keep the copies of a hold for ``ttl`` seconds from now.

        Raises `HoldNotFound`, `HoldOver`, `ValidationFailed`.
        """
        ttl = validate_prolonging({"ttl": ttl}, self._longest())
        return self._holds().prolong(_parse(hold_id), ttl)

    def release_hold(self, hold_id: UUID | str) -> Hold:
        """Give the copies of a hold back; raises `HoldNotFound`, `HoldOver`."""
        self._require_holds()
        with self._unit.event_savepoint():
            hold = self._holds().release(_parse(hold_id))
            self._unit.announce(HoldReleased, hold=hold)
        return hold

    def commit_hold(self, hold_id: UUID | str) -> Hold:
        """Take the copies of a hold out of stock, once.

        Raises `HoldNotFound`, `HoldOver`, and `InsufficientStock` where the stock was set below
        what is held, or a book was deleted; the hold then stays as it is.
        """
        self._require_holds()
        with self._unit.event_savepoint():
            hold, changed = self._holds().commit(_parse(hold_id))
            deltas = {line.id: -line.quantity for line in hold.lines}
            self._tell_moves(changed, deltas, Reason("hold", hold.reference))
            self._unit.announce(HoldCommitted, hold=hold)
        return hold

    def _longest(self) -> int:
        """The longest time that copies may be held; raises `RuntimeError` where they may not."""
        self._require_holds()
        if self._options is None:
            raise RuntimeError(
                "How long copies may be held is a setting: Bookstore.on(session, registry=…)."
            )
        return self._options.max_ttl

    def _require_holds(self) -> None:
        if not self._guarded:
            raise RuntimeError("Copies can be held only with the setting bookstore.holds = true.")

    def _holds(self) -> Holds:
        return Holds(self._shelf())


def _parse(hold_id: UUID | str) -> UUID:
    try:
        return hold_id if isinstance(hold_id, UUID) else UUID(hold_id)
    except (ValueError, TypeError, AttributeError):
        raise HoldNotFound from None
