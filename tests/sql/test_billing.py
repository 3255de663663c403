"""Closed periods and invoice lines: what is final says no; what a closed period came to."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.sql.conftest import NOW, Sql
from tests.sql.test_subscriptions import published

RESTRICT = "23001"  # restrict_violation
MONTH = timedelta(days=30)


def close_period(sql: Sql) -> UUID:
    org = sql.org()
    sql.rows("UPDATE usage_periods SET currency = 'USD', closed_at = %s WHERE org_id = %s", NOW, org)
    return org


def write_line(sql: Sql, org: UUID, version: UUID, amount: int, **more: object) -> UUID:
    line, (meter, _) = uuid4(), sql.meter()
    facts = {
        "kind": "usage", "meter_id": meter, "period_start": NOW - MONTH, "period_end": NOW, "plan_version_id": version,
        "quantity": 5, "imported": 0, "events": 5, "currency": "USD", "exact_amount": amount, "amount": amount,
        "terms": "{}", "breakdown": "{}", "written_at": NOW,
    }  # fmt: skip
    sql.insert("invoice_lines", id=line, org_id=org, **(facts | more))
    return line


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage_periods SET ends_at = ends_at + interval '1 day' WHERE org_id = %s",
        "UPDATE usage_periods SET closed_at = NULL WHERE org_id = %s",
        "UPDATE usage_periods SET currency = 'EUR' WHERE org_id = %s",
        "DELETE FROM usage_periods WHERE org_id = %s",
    ],
)
def test_closed_period_is_final(sql: Sql, statement: str) -> None:
    assert "closed_period_is_final" in str(sql.fails(RESTRICT, statement, close_period(sql)).diag.context)


def test_what_a_closed_period_is_not_rated_by_may_change(sql: Sql) -> None:
    """Another period may come before it: an import opens those of the past."""
    sql.rows("UPDATE usage_periods SET previous_end = previous_end WHERE org_id = %s", close_period(sql))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoice_lines SET amount = 1 WHERE id = %s",
        "UPDATE invoice_lines SET breakdown = '{\"a\": 1}' WHERE id = %s",
        "DELETE FROM invoice_lines WHERE id = %s",
    ],
)
def test_invoice_line_is_final(sql: Sql, statement: str) -> None:
    line = write_line(sql, sql.org(), published(sql), 500)
    assert "invoice_line_is_final" in str(sql.fails(RESTRICT, statement, line).diag.context)


def test_invoices_usage_adds_up_a_period_by_currency(sql: Sql) -> None:
    org, version, invoice = sql.org(), published(sql), uuid4()
    sql.insert("invoices", id=invoice, org_id=org, kind="manual", currency="USD", state="draft",
               stripe_invoice_id="in_1", boundary_at=NOW, opened_at=NOW)  # fmt: skip
    line = write_line(sql, org, version, 500)
    write_line(sql, org, version, 25)
    write_line(sql, org, version, 70, currency="EUR")
    write_line(sql, org, version, 9, period_start=NOW, period_end=NOW + MONTH)
    sql.rows("UPDATE invoice_lines SET invoice_id = %s WHERE id = %s", invoice, line)
    found = sql.rows("SELECT * FROM invoices_usage(%s, %s) ORDER BY currency", org, NOW - MONTH)
    assert found == [("EUR", 70, None, None), ("USD", 525, "manual", "in_1")]


@pytest.mark.parametrize("statement", ["SET last = 9", "SET last = 7", "SET series = 'A-2027', last = 8"])
def test_a_series_of_numbers_leaves_no_gap(sql: Sql, statement: str) -> None:
    sql.insert("number_series", series="A-2026", last=7)
    sql.rows("UPDATE number_series SET last = 8 WHERE series = 'A-2026'")
    sql.rows("UPDATE number_series SET last = 9 WHERE series = 'A-2026'")
    error = sql.fails(RESTRICT, f"UPDATE number_series {statement} WHERE series = 'A-2026'")
    assert "number_series_has_no_gap" in str(error.diag.context)


def test_a_series_of_numbers_stays(sql: Sql) -> None:
    sql.insert("number_series", series="B-2026", last=7)
    sql.fails(RESTRICT, "DELETE FROM number_series WHERE series = 'B-2026'")
