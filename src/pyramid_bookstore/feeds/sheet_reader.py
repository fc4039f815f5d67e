"""Reads one sheet of a workbook, in a process of its own: the file on standard input, the sheet's
name as argument, batches of rows on standard output.

A process, because the library holds a whole sheet, as a rectangle: two cells far apart in a file of
some kilobytes ask for hundreds of gigabytes, and that ends the process that asks. Here it can have
`MEMORY` bytes and `SECONDS` of work, and no other request is hurt. `sheets` is the other side.

Imports nothing else of this package, so that it starts quickly.
"""

import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgspec

#: Bytes of address space, and seconds of work.
MEMORY: Final = 1024 * 1024 * 1024
SECONDS: Final = 120
#: Bytes of all files in the workbook, unpacked; 300,000 books have some 200 MB.
MAX_UNPACKED: Final = 1024 * 1024 * 1024
#: Characters of a row, and of the rows that are sent at once.
MAX_ROW: Final = 1024 * 1024
BATCH: Final = 256 * 1024
#: Names of sheets that a message lists.
_NAMES = 20

#: The files of a workbook with cells, and how a cell begins whose formula has an error.
_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml|content\.xml")
_SIGNS_OF_ERRORS = (b't="e"', b"t='e'", b'"error"', b"'error'")
_XLSX_ERROR = re.compile(rb"""(<(?:\w+:)?c\s[^<>]*?\bt=)["']e["']""")
_ODS_ERROR = re.compile(rb"""<table:table-cell\b([^<>]*\scalcext:value-type=["']error["'][^<>]*)""")
_ODS_TEXT = re.compile(rb"""\soffice:string-value=(?:"[^"]*"|'[^']*')""")

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: The stream of an OLE container that holds an encrypted workbook, as its directory names it.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
#: The same in .ods.
_MANIFEST, _SECRET = "META-INF/manifest.xml", b"encryption-data"

MESSAGES: Final = {
    "memory": f"The workbook needs more than {MEMORY >> 20:,} MB of memory to be read: split it, or"
    " save the sheet as CSV.",
    "time": f"The workbook takes more than {SECONDS} s to be read: split it, or save the sheet as"
    " CSV.",
    "size": f"The workbook has more than {MAX_UNPACKED >> 20:,} MB, unpacked: split it, or save the"
    " sheet as CSV.",
    "password": "The workbook is encrypted: save it without a password.",
    "old": "The file is an old Excel workbook (.xls): save it as .xlsx, .ods or CSV.",
    "damaged": "The workbook is damaged, or was cut off on its way: save or fetch it again.",
    "other": "The file is no workbook (.xlsx, .ods), whatever its name says; if it is text, give"
    " its format, csv or ndjson.",
    "empty": "The workbook has no sheet with rows and columns.",
}


#: What `zipfile` raises for a file that it cannot read.
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError)


class Refused(Exception):
    """The message says why the workbook cannot be read."""


#: A text; as bytes, that of a number.
Cell = str | bytes


def rows_of(file: IO[bytes], name: str | None) -> Iterator[tuple[int, list[Cell]]]:
    """Number and cells of every row that is not empty, of the sheet ``name`` or the first one."""
    import python_calamine as calamine

    _check(file)
    try:
        file = _with_errors(file)
    except _DAMAGED:
        raise Refused(MESSAGES["damaged"]) from None
    try:
        book = calamine.CalamineWorkbook.from_filelike(file)
        visible = calamine.SheetVisibleEnum.Visible
        sheets = [
            sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        names = [sheet.name for sheet in sheets]
        if name is None:
            name = next((sheet.name for sheet in sheets if sheet.visible == visible), None)
            if name is None:
                raise Refused(MESSAGES["empty"])
        elif name not in names:
            raise Refused(f"There is no sheet {name[:80]!r}; there are: {_listed(names)}.")
        yield from _rows(book.get_sheet_by_name(name).iter_rows(), name)
    except (calamine.CalamineError, OSError):
        raise Refused(MESSAGES["damaged"]) from None


def _rows(rows: Iterable[list[Any]], name: str) -> Iterator[tuple[int, list[Cell]]]:
    empty = True
    for number, values in enumerate(rows, 1):
        cells = list(map(_cell_of, values))
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            continue
        if sum(map(len, cells)) > MAX_ROW:
            raise Refused(f"Row {number} has more than {MAX_ROW:,} characters.")
        empty = False
        yield number, cells
    if empty:
        raise Refused(f"The sheet {name!r} is empty: it has no header.")


def _listed(names: list[str]) -> str:
    more = ", …" if len(names) > _NAMES else ""
    return ", ".join(name[:80] for name in names[:_NAMES]) + more


def _check(file: IO[bytes]) -> None:
    """What can be told without unpacking: the kind of file, and how large it says to be."""
    start = file.read(len(_OLE))
    if start == _OLE:
        encrypted = any(_ENCRYPTED in block for block in iter(lambda: file.read(BATCH), b""))
        raise Refused(MESSAGES["password" if encrypted else "old"])
    if not start.startswith(_ZIP):
        raise Refused(MESSAGES["other"])
    try:
        archive = zipfile.ZipFile(file)
        parts = {part.filename: part for part in archive.infolist()}
        manifest = b""
        if _MANIFEST in parts:
            with archive.open(_MANIFEST) as opened:
                manifest = opened.read(BATCH)
    except _DAMAGED:
        raise Refused(MESSAGES["damaged"]) from None
    if sum(part.file_size for part in parts.values()) > MAX_UNPACKED:
        raise Refused(MESSAGES["size"])
    if any(part.flag_bits & 1 for part in parts.values()) or _SECRET in manifest:
        raise Refused(MESSAGES["password"])
    # Both kinds say what they are by a part of this name.
    if not {"[Content_Types].xml", "mimetype"} & parts.keys():
        raise Refused(MESSAGES["other"])
    file.seek(0)


def _with_errors(file: IO[bytes]) -> IO[bytes]:
    """The workbook with the errors of formulas as texts, such as ``#DIV/0!``: the library takes
    them for empty cells."""
    with zipfile.ZipFile(file) as old:
        sheets = {part for part in old.namelist() if _SHEETS.fullmatch(part)}
        if not any(sign in block for part in sheets for block in _blocks(old, part)
                   for sign in _SIGNS_OF_ERRORS):  # fmt: skip
            file.seek(0)
            return file
        copy = TemporaryFile(prefix="bookstore-")  # noqa: SIM115  # goes with the process
        with zipfile.ZipFile(copy, "w") as new:
            for part in old.namelist():
                with new.open(part, "w", force_zip64=True) as written:
                    for block in _blocks(old, part):
                        written.write(_errors_as_text(block) if part in sheets else block)
    copy.seek(0)
    return copy


def _blocks(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """The content of a file in the workbook, in blocks that end where a tag does."""
    with archive.open(part) as opened:
        rest = b""
        while block := opened.read(BATCH):
            block = rest + block
            end = block.rfind(b">") + 1
            yield block[:end]
            rest = block[end:]
        yield rest


def _errors_as_text(xml: bytes) -> bytes:
    xml = _XLSX_ERROR.sub(rb'\1"str"', xml)
    # LibreOffice writes the error as people read it in their language, and beside it an empty text.
    return _ODS_ERROR.sub(
        lambda found: (
            b'<table:table-cell office:string-value="#ERROR!"' + _ODS_TEXT.sub(b"", found[1])
        ),
        xml,
    )


def _cell_of(value: Any) -> Cell:
    text = text_of(value)
    return text.encode() if type(value) in (float, int) else text


def text_of(value: Any) -> str:
    """The text of a cell's value, as a CSV file would have it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # What a spreadsheet shows at most, so that 0.1 + 0.2 is 0.3; without an exponent.
        return f"{Decimal(f'{value:.15g}'):f}"
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _send(kind: str, content: Any) -> None:
    body = msgspec.msgpack.encode((kind, content))
    sys.stdout.buffer.write(len(body).to_bytes(4, "big") + body)


def main() -> None:
    """Send the rows, and last whether that was all."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    batch: list[tuple[int, list[Cell]]] = []
    size = 0
    try:
        for number, cells in rows_of(sys.stdin.buffer, sys.argv[1] if sys.argv[1:] else None):
            batch.append((number, cells))
            size += sum(map(len, cells)) + len(cells)
            if size > BATCH:
                _send("rows", batch)
                batch, size = [], 0
        _send("rows", batch)
        _send("end", None)
    except Refused as refused:
        _send("refused", str(refused))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
