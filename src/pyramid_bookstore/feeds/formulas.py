"""Escaping of CSV cells that a spreadsheet would run as formulas (OWASP, "CSV Injection").

Excel, LibreOffice and Google Sheets read a cell that begins with ``=``, ``+``, ``-``, ``@`` or a
control character as a formula, which can call programs and send data elsewhere. An apostrophe
before it marks plain text in all of them. A cell that has apostrophes before such a character gets
one more, so that unescaping is exact; so it is with a text such as ``#N/A``, which is the error of
a formula in a cell by itself. A single apostrophe is the empty text; the empty cell is
null. All other cells stay as they are, ``'Tis`` too.
"""

import re

# What a spreadsheet writes where a formula fails.
_ERROR = (
    r"#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|GETTING_DATA|SPILL!|CALC!|FIELD!|BLOCKED!"
    r"|CONNECT!|BUSY!|UNKNOWN!|ERROR!)"
)
# The full-width forms too: spreadsheets in East Asian locales read them as the ASCII ones.
_SIGNS = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA_START = rf"(?:{_SIGNS}|(?:{_ERROR})?\Z)"
_FAILED = re.compile(_ERROR)
_RUNS = re.compile(_SIGNS)
_NEEDS_ESCAPE = re.compile(f"'*{_FORMULA_START}")
_IS_ESCAPED = re.compile(f"'+{_FORMULA_START}")


def escape_formula(text: str) -> str:
    """The text as it goes into a cell."""
    return "'" + text if _NEEDS_ESCAPE.match(text) else text


def check_error(cell: str) -> None:
    """Raise `ValueError` with a sentence for the error of a formula."""
    if _FAILED.fullmatch(cell):
        raise ValueError(
            f"The cell has {cell}, the error of a spreadsheet's formula: mend the formula, or"
            " empty the cell."
        )


def unescape_formula(cell: str) -> str:
    """The text of a cell; the reverse of `escape_formula`."""
    return cell[1:] if _IS_ESCAPED.match(cell) else cell


def starts_formula(cell: str) -> bool:
    """Whether a spreadsheet would run the cell as it is."""
    return _RUNS.match(cell) is not None
