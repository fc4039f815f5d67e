"""Cells that a spreadsheet would take for formulas, made inert, and exactly back.

A cell that begins with ``=``, ``+``, ``-``, ``@`` or a control character is a formula to Excel,
LibreOffice and Google Sheets, and a formula can call programs and send the sheet elsewhere (OWASP,
"CSV Injection"). The apostrophe before it is the spreadsheets' own sign for plain text. Cells that
begin with apostrophes before such a character get one more, so that taking one away is exact; and
the apostrophe alone is the empty text, for the empty cell is null. All other cells stay as they
are, ``'Tis`` too.
"""

import re

# The full-width forms too: spreadsheets in East Asian locales take them for the plain ones.
_RISKY = r"(?:[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|\Z)"
_NEEDS = re.compile(f"'*{_RISKY}")
_HAS = re.compile(f"'+{_RISKY}")


def shielded(text: str) -> str:
    """The text as it goes into a cell."""
    return "'" + text if _NEEDS.match(text) else text


def unshielded(cell: str) -> str:
    """The text that a cell holds; the reverse of :func:`shielded`."""
    return cell[1:] if _HAS.match(cell) else cell
