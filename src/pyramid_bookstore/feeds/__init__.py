"""Books in bulk: import of CSV and NDJSON, and export as the same.

An import goes through these modules in order: ``lines`` splits the byte stream into lines;
``csv_feed`` and ``ndjson_feed`` parse them into rows, with the columns that ``layout`` finds in the
header; ``validator`` converts each row (by ``fast_path``, ``cells`` and the schema) or lists its
faults; ``intake`` keeps valid and rejected rows in temporary files (``spool``). Only then the
database is used: ``importer`` stages the rows in a temporary table and merges them into the books,
with the SQL of ``bulk``, ``bulk_postgresql`` and ``bulk_sqlite``. ``exporter`` writes what an
import reads; ``formulas`` escapes cells in both directions. Only ``views`` knows HTTP.
"""
