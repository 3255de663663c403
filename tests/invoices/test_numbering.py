"""Numbers without gaps (rule 2.7): one series per prefix and year, and what is rolled back takes none."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from app.invoices.numbering import DocumentNumber, allot_number
from tests.factories import unique


def take(session: Session, prefix: str, day: str) -> str:
    number = str(allot_number(session, prefix, date.fromisoformat(day)))
    session.commit()
    return number.removeprefix(prefix)


def test_each_year_has_a_series_of_its_own(session: Session) -> None:
    prefix = unique("A")
    days = ("2026-12-30", "2026-12-31", "2027-01-01", "2026-12-31", "2027-01-02")
    found = [take(session, prefix, day) for day in days]
    assert found == ["-2026-0001", "-2026-0002", "-2027-0001", "-2026-0003", "-2027-0002"]


def test_each_prefix_has_a_series_of_its_own(session: Session) -> None:
    invoices, notes = unique("A"), unique("B")
    assert [take(session, prefix, "2026-12-30") for prefix in (invoices, notes, invoices)] == [
        "-2026-0001", "-2026-0001", "-2026-0002",
    ]  # fmt: skip


def test_what_is_rolled_back_takes_no_number(session: Session) -> None:
    prefix, day = unique("A"), date(2026, 12, 30)
    allot_number(session, prefix, day)
    session.rollback()
    assert take(session, prefix, "2026-12-30") == "-2026-0001"
    allot_number(session, prefix, day)
    session.rollback()
    assert take(session, prefix, "2026-12-30") == "-2026-0002"


def test_the_number_after_the_last_with_four_digits_is_longer() -> None:
    assert str(DocumentNumber("INV-2026", 9_999)) == "INV-2026-9999"
    assert str(DocumentNumber("INV-2026", 10_000)) == "INV-2026-10000"
