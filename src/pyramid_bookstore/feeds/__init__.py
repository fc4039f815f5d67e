"""Books in bulk: import of CSV and NDJSON, and export as the same.

An import walks one way: a byte stream becomes lines (``lines``), these become rows (``csv_feed``,
``ndjson_feed``) with the header's sense put into them (``layout``, ``cells``); ``judge`` makes rows
of the table out of them or says what is wrong; ``intake`` keeps both in temporary files. Only then
the database is asked: ``importer`` stages the rows in a temporary table and merges them, by the
statements of ``bulk`` and what is special in ``bulk_postgresql`` and ``bulk_sqlite``; ``report``
says what became of them. ``exporter`` goes the other way; ``shield`` is what both know about
spreadsheets. Nothing here knows HTTP or a terminal.
"""
