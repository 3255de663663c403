"""CSV that is safe to open in a spreadsheet: no customer text can become a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain

from app.kit.money import exponent, plain, to_major


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units; the file has it in major units, with all places of its currency: 4720 USD is 47.20."""

    minor: int
    currency: str


Cell = str | int | Decimal | Money | date | datetime | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
# Where a comma is the decimal point, spreadsheets split lines at semicolons, whatever is quoted further to the left.
_FORMULA_INSIDE = re.compile(r"([;\t\r\n]\s*)(?=[=+\-@|＝＋－＠])")


def lines(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, bom: bool = False) -> Iterator[str]:
    """Yield the lines of a CSV (RFC 4180) with its header, so that a long export is never held in memory.

    With a byte order mark, Excel reads it as UTF-8.
    """
    buffer = io.StringIO()
    buffer.write("\ufeff" if bom else "")
    writer = csv.writer(buffer)
    for row in chain([head], rows):
        writer.writerow([cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def cell(value: Cell) -> str:
    """The text of a cell. Text that a spreadsheet would evaluate gets an apostrophe (CWE-1236); numbers do not."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return format(to_major(value.minor, exponent(value.currency)), "f")
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    text = value[:1] + _FORMULA_INSIDE.sub(r"\1'", value[1:])
    return f"'{text}" if text.startswith(_FORMULA) else text
