"""A document to print: an invoice, a statement or a copy of one, with every figure already in words. Pure.

Whoever builds one formats amounts, quantities and days for its reader; nothing is calculated or looked up afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys: a name, the lines of an address, and a tax id where there is one."""

    name: str
    address: Sequence[str] = ()
    tax_id: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `number` aligns it to the end."""

    label: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a cell a column, sentences below it, and the steps that lead to its amount, a cell a column each."""

    cells: Cells
    notes: Sequence[str] = ()
    steps: Sequence[Cells] = ()


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """A titled table. `summary` is said below the title, and stands alone where there are no rows."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class DocumentTotal:
    """An amount at the foot, such as a tax or the sum; `strong` marks the one that counts."""

    label: str
    amount: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Labels:
    """The words that the page itself adds. `page` has the page's number and how many there are."""

    seller: str = "From"
    buyer: str = "To"
    tax_id: str = "Tax id"
    page: str = "Page {page} of {pages}"


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document. `number` follows the title; `facts` are (name, value), such as the day it was issued.

    `dated` is the only time in the file: the same document is the same bytes whenever it is rendered.
    """

    title: str
    seller: Party
    buyer: Party
    dated: datetime
    number: str = ""
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[DocumentSection] = ()
    totals: Sequence[DocumentTotal] = ()
    notes: Sequence[str] = ()
    footer: str = ""
    language: str = "en"
    labels: Labels = Labels()


LINE_COLUMNS = (Column("Description"), Column("Quantity", True), Column("Price", True), Column("Amount", True))
"""The columns of an invoice's lines; the steps of a row fill the same four."""
