"""Workbooks for tests."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from xlsxwriter import Workbook  # type: ignore[import-untyped]  # it ships no types

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"

_CELL = (
    '<table:table-cell office:value-type="{kind}" {value}><text:p>{text}</text:p>'
    "</table:table-cell>"
)
_MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
</manifest:manifest>"""
_ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">
<office:body><office:spreadsheet><table:table table:name="books">{rows}</table:table>
</office:spreadsheet></office:body></office:document-content>"""


def xlsx(*rows: Any, **sheets: Any) -> bytes:
    """A workbook whose first sheet has these rows; the others by name. None is an empty cell."""
    file = io.BytesIO()
    with Workbook(
        file, {"strings_to_formulas": False, "default_date_format": "yyyy-mm-dd"}
    ) as book:
        for name, content in {"books": rows, **sheets}.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(content):
                for column, value in enumerate(row):
                    sheet.write(number, column, value)
    return file.getvalue()


def ods(*rows: Any) -> bytes:
    """The same as OpenDocument, texts and numbers alone."""
    file = io.BytesIO()
    lines = "".join(
        f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows
    )
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", ODS)
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
        archive.writestr("content.xml", _ODS.format(rows=lines))
    return file.getvalue()


def _ods_cell(value: Any) -> str:
    if isinstance(value, str):
        return _CELL.format(kind="string", value="", text=value)
    return _CELL.format(kind="float", value=f'office:value="{value}"', text=value)


def with_part(workbook: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one of its files replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return file.getvalue()
