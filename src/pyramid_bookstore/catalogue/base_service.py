"""What the services of all capabilities have in common."""

from collections.abc import Sequence
from uuid import UUID

from pyramid_bookstore.catalogue.availability import with_available
from pyramid_bookstore.catalogue.extra import NO_RULES, ExtraRules
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.movements import MovementLog
from pyramid_bookstore.catalogue.query import MAX_OFFSET
from pyramid_bookstore.catalogue.stock_options import StockOptions, found_stock_options
from pyramid_bookstore.errors import BookNotFound
from pyramid_bookstore.transactions.unit_of_work import UnitOfWork


class Service:
    """The base of each capability's operations."""

    def __init__(
        self,
        unit: UnitOfWork,
        *,
        rules: ExtraRules = NO_RULES,
        max_offset: int = MAX_OFFSET,
        stock: StockOptions | None = None,
    ) -> None:
        """``rules`` are those for the members of ``extra``; pages of lists end at ``max_offset``
        books. Without ``stock`` each operation looks at what the database has."""
        self._unit = unit
        self._rules = rules
        self._max_offset = max_offset
        self._options = stock

    @property
    def _stock(self) -> StockOptions:
        return self._options or found_stock_options(self._unit.reader())

    @property
    def _guarded(self) -> bool:
        """Whether a sale leaves copies that are held: also where nobody has the settings, because a
        hold may be placed after a look."""
        return self._options is None or self._options.holds

    def _log(self) -> MovementLog | None:
        """The log of the stock, if movements are written down."""
        if not self._stock.log:
            return None
        return MovementLog(*self._unit.origin, keep_days=self._stock.keep_days)

    def _complete(self, book: BookData) -> BookData:
        """The book with what is available of it, if there are holds."""
        return self._complete_all([book])[0] if self._stock.holds else book

    def _complete_all(self, books: Sequence[BookData]) -> Sequence[BookData]:
        return with_available(self._unit.reader(), books) if self._stock.holds else books


def parse_book_id(book_id: UUID | str) -> UUID:
    """The id as a UUID; raises `BookNotFound` for a text that is none."""
    if isinstance(book_id, UUID):
        return book_id
    try:
        return UUID(book_id)
    except (ValueError, TypeError, AttributeError):
        raise BookNotFound from None
