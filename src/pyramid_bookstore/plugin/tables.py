"""All tables: importing this module fills the metadata with those of every capability."""

from pyramid_bookstore.catalogue import availability, movements
from pyramid_bookstore.catalogue import models as catalogue
from pyramid_bookstore.db.base import Base
from pyramid_bookstore.db.revision import is_current
from pyramid_bookstore.feeds import models as feeds
from pyramid_bookstore.stock import models as stock
from pyramid_bookstore.transactions import models as transactions

__all__ = [
    "Base",
    "availability",
    "catalogue",
    "feeds",
    "is_current",
    "movements",
    "stock",
    "transactions",
]
