"""What an application asks for beside the stock itself."""

from typing import NamedTuple


class StockOptions(NamedTuple):
    """``holds``: copies can be kept for a while, ``max_ttl`` seconds at most. ``log``: movements
    are written down, and kept for ``keep_days``, 0 for good."""

    holds: bool = False
    max_ttl: int = 3600
    log: bool = False
    keep_days: int = 0


NO_STOCK_OPTIONS = StockOptions()
