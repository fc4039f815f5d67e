"""Formatters for an INI's log handlers, as text or JSON: each record has the request's id.

::

    [formatter_plain]
    class = pyramid_bookstore.observability.formatters.TextFormatter
    format = %(asctime)s %(levelname)-7s [%(name)s] %(request_id)s %(message)s
"""

import json
import logging
from datetime import UTC, datetime

from pyramid_bookstore.web.request_id import current


class TextFormatter(logging.Formatter):
    """Like `logging.Formatter`, with ``%(request_id)s``, which is "-" outside of requests."""

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = current.get()
        return super().format(record)


class JSONFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (RFC 3339), ``level``, ``logger``, ``message``,
    ``request_id``; for a request ``method``, ``route``, ``status``, ``duration_ms``, ``sql``, and
    why a caller was refused as ``reason``; and ``exception`` if there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current.get(),
            **getattr(record, "bookstore", {}),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False)
