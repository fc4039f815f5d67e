"""What an application asks for beside the stock itself."""

from typing import Final, NamedTuple

import sqlalchemy as sa

from pyramid_bookstore.catalogue.availability import HOLD_LINES
from pyramid_bookstore.catalogue.movements import MOVEMENTS
from pyramid_bookstore.db.query import Query, Reader


class StockOptions(NamedTuple):
    """``holds``: copies can be kept for a while, ``max_ttl`` seconds at most. ``log``: movements
    are written down, and kept for ``keep_days``, 0 for good."""

    holds: bool = False
    max_ttl: int = 3600
    log: bool = False
    keep_days: int = 0


_USED: Final = Query(
    sa.select(
        sa.exists(sa.select(HOLD_LINES.c.book_id)).label("holds"),
        sa.exists(sa.select(MOVEMENTS.c.seq)).label("log"),
    )
)


def found_stock_options(reader: Reader) -> StockOptions:
    """Where nobody has the settings: there are holds, and a log, if the database has some now."""
    holds, log = reader.rows(_USED, {})[0]
    return StockOptions(holds=bool(holds), log=bool(log))
