"""Numbers of our own documents: one series per prefix and year, without gaps.

The series' row is locked by the transaction that takes a number, until it ends: a rollback takes the number back, and
the next transaction waits for it. So a number is taken last, where the document becomes final.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

_NEXT = text("""
INSERT INTO number_series AS numbers (series, last) VALUES (:series, 1)
ON CONFLICT (series) DO UPDATE SET last = numbers.last + 1 RETURNING last
""")


@dataclass(frozen=True, slots=True)
class DocumentNumber:
    """A number in its series: INV-2026, 41."""

    series: str
    ordinal: int

    def __str__(self) -> str:
        """As documents show it: INV-2026-0041; longer once the fourth digit is used up."""
        return f"{self.series}-{self.ordinal:04}"


def allot_number(session: Session, prefix: str, issued_on: date) -> DocumentNumber:
    """Take the next number of the prefix's series of the year in which the document is issued.

    Other transactions that number a document of this series wait until this one ends.
    """
    series = f"{prefix}-{issued_on.year}"
    return DocumentNumber(series, session.execute(_NEXT, {"series": series}).scalar_one())
