"""Column names that other programs use for the fields of a book, to propose the right option."""

import re
import shlex
from collections.abc import Sequence
from typing import Final

from pyramid_bookstore.feeds.options import FeedOptions, normal

#: By field, in the order in which they are proposed; compared without case, blanks and signs.
_USUAL: Final = {
    "isbn": "isbn13 ean13 ean gtin13 gtin isbns isbn10 isbnean isbn1310 barcode variantbarcode"
    " eancode eanisbn upc upcean gtinupceanorisbn isbn13digits isbn13nummer isbnnummer",
    "title": "titel name booktitle titlelong titre título titolo producttitle productname itemtitle"
    " fulltitle originaltitle",
    "author": "authors autor autoren verfasser primaryauthor authorname auteur auteurs creator"
    " writer contributors contributor autore authornames",
    "price": "preis listprice retailprice salesprice sellingprice rrp msrp regularprice"
    " variantprice unitprice prix precio prezzo verkaufspreis ladenpreis priceeur priceusd",
    "stock": "qty quantity onhand bestand menge inventory instock stockquantity copies"
    " variantinventoryqty lagerbestand anzahl quantité cantidad available qoh",
    "description": "beschreibung summary synopsis bodyhtml blurb annotation longdescription"
    " shortdescription",
    # The trade's fields, where they are declared.
    "subtitle": "untertitel",
    "publisher": "verlag publishername publishers editeur éditeur editorial editora uitgever",
    "series": "reihe seriesname",
    "published": "publicationdate pubdate datepublished publishdate publicationyear yearpublished"
    " originalpublicationyear erscheinungsdatum erscheinungsjahr year jahr",
    "language": "languages languagecode lang sprache sprachen langue idioma",
    "pages": "numberofpages pagecount numpages seiten seitenzahl seitenanzahl",
    "edition": "auflage",
    "cover": "coverurl coverimage imageurl imagesrc",
}  # fmt: skip
_FIELDS: Final = {name: (field, rank) for field, names in _USUAL.items()
                  for rank, name in enumerate(names.split())}  # fmt: skip


def field_of(column: str) -> str | None:
    """The field that a column of this name usually has."""
    return _FIELDS.get(_letters(column), (None, 0))[0]


def proposals(columns: Sequence[str], options: FeedOptions) -> str:
    """A sentence with the options that map these columns, which are no field; or nothing."""
    found: dict[str, list[tuple[int, str]]] = {}
    have = {normal(column) for column in columns}
    for column in columns:
        field, rank = _FIELDS.get(_letters(column), ("", 0))
        mapped = field in options.columns or field in options.fixed or field in have
        if field in options.fields and not mapped:
            found.setdefault(field, []).append((rank, column))
    said = []
    for field in options.fields:
        if field in found:
            names = ",".join(_quoted(column) for _, column in sorted(found[field]))
            said.append(f"{field}={names}")
    if not said:
        return ""
    line = " ".join(f"--column {shlex.quote(each)}" for each in said)
    query = " ".join(f"column={each}" for each in said)
    return f" Perhaps {line} (over HTTP the parameter {query})."


def _letters(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.casefold())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(',"') & set(name) else name
