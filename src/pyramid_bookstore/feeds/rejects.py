"""The file of rejected rows: as they came, with their faults, and fit to be imported again."""

import csv
from collections.abc import Iterator, Sequence
from itertools import tee
from typing import IO

from pyramid_bookstore.errors import Fault, Reject
from pyramid_bookstore.feeds.cells import opened
from pyramid_bookstore.feeds.formulas import starts_formula
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.options import OF_REJECTS, normal


def write_rejects(file: IO[str], intake: Intake, rejects: Iterator[Reject]) -> None:
    """Write CSV: line, faults, and the cells of each row; of NDJSON, the line in one cell.

    The delimiter is that of the feed, and a byte order mark says UTF-8 where an option says
    another encoding, so that the file is imported with the same options again.
    """
    if intake.needs_mark:
        file.write("\ufeff")
    writer = csv.writer(file, delimiter=intake.delimiter)
    # A rejects file that was imported has these columns already.
    old = {place for place, name in enumerate(intake.header) if normal(name) in OF_REJECTS}
    writer.writerow((*OF_REJECTS, *_cells(intake.header, old)))
    those, lines = tee(rejects)
    rows = intake.originals(reject.line for reject in lines)
    for (line, faults), row in zip(those, rows, strict=True):
        writer.writerow((line, _guarded(sentence(faults)), *map(_guarded, _cells(row, old))))
    file.flush()


def sentence(faults: Sequence[Fault]) -> str:
    """The faults of a row in one line."""
    return " ".join(
        f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in faults
    )


def _cells(row: Sequence[str], left_out: set[int]) -> list[str]:
    return [cell for place, cell in enumerate(row) if place not in left_out]


def _guarded(cell: str) -> str:
    """The cell, with an apostrophe where a spreadsheet would run it; an import takes that away.

    The text guard ``="…"`` is a text in spreadsheets too.
    """
    return "'" + cell if starts_formula(cell) and opened(cell) is cell else cell
