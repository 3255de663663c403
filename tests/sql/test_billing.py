"""Closed periods and invoice lines: what is final says no; what a closed period came to."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

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


def test_invoice_lines_are_named_by_meters_and_plan_versions_of_the_catalogue(sql: Sql) -> None:
    org, version = close_period(sql), published(sql)
    write_line(sql, org, version, 100)
    write_line(sql, org, version, 100, kind="fee", meter_id=None)
    for unknown in ({"meter_id": 999_999}, {"plan_version_id": uuid4()}):
        with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught, sql.connection.transaction():
            write_line(sql, org, version, 100, **unknown)
        assert "invoice_lines_are_named" in str(caught.value.diag.context)


def test_rows_name_orgs_that_exist(sql: Sql) -> None:
    """Lines and closes; one row of an org that does not exist refuses all rows of the statement."""
    org, other, late, version = close_period(sql), sql.org(), sql.org(), published(sql)
    closes = "INSERT INTO period_closes (org_id, period_start, period_end) SELECT org, %s, %s FROM unnest(%s) org"
    sql.rows(closes, NOW - MONTH, NOW, [org, other])
    write_line(sql, org, version, 100)
    for attempt in (
        lambda: sql.rows(closes, NOW - MONTH, NOW, [late, uuid4()]),
        lambda: write_line(sql, uuid4(), version, 100),
    ):
        with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught, sql.connection.transaction():
            attempt()
        assert "rows_name_orgs" in str(caught.value.diag.context)


def test_a_meter_has_one_line_of_what_was_counted_at_the_close_and_any_number_of_late_ones(sql: Sql) -> None:
    org, version, (meter, _) = close_period(sql), published(sql), sql.meter()
    for kind in ("usage", "late", "late"):
        write_line(sql, org, version, 100, kind=kind, meter_id=meter)
    with pytest.raises(psycopg.errors.UniqueViolation), sql.connection.transaction():
        write_line(sql, org, version, 100, meter_id=meter)


def test_invoices_waiting_adds_up_what_stands_on_no_invoice_by_currency(sql: Sql) -> None:
    org, version, invoice = sql.org(), published(sql), uuid4()
    sql.insert("invoices", id=invoice, org_id=org, kind="manual", currency="USD", state="draft",
               stripe_invoice_id="in_2", boundary_at=NOW, opened_at=NOW)  # fmt: skip
    billed = write_line(sql, org, version, 500)
    write_line(sql, org, version, 25)
    write_line(sql, org, version, -5)
    write_line(sql, org, version, 70, currency="EUR")
    sql.rows("UPDATE invoice_lines SET invoice_id = %s WHERE id = %s", invoice, billed)
    found = sql.rows("SELECT currency, amount, lines FROM invoices_waiting WHERE org_id = %s ORDER BY currency", org)
    assert found == [("EUR", 70, 1), ("USD", 20, 2)]


def test_invoices_failing_notes_are_pending_ones_with_an_error(sql: Sql) -> None:
    org, invoice = sql.org(), uuid4()
    sql.insert("invoices", id=invoice, org_id=org, kind="manual", currency="USD", state="final",
               stripe_invoice_id="in_3", boundary_at=NOW, opened_at=NOW, settled_at=NOW)  # fmt: skip
    facts = {"org_id": org, "invoice_id": invoice, "currency": "USD", "opened_at": NOW}
    for amount, state, error in ((1, "pending", None), (2, "pending", "refused"), (3, "dropped", "void")):
        settled = None if state == "pending" else NOW
        sql.insert("credit_notes", id=uuid4(), amount=amount, state=state, error=error, settled_at=settled, **facts)
    found = sql.rows("SELECT amount, error, invoice FROM invoices_failing_notes WHERE org_id = %s", org)
    assert found == [(2, "refused", "in_3")]


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
    assert found == [("EUR", 70, None, None, None), ("USD", 525, "manual", "in_1", None)]


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


def make_invoice(sql: Sql, org: UUID, **more: object) -> UUID:
    invoice = uuid4()
    facts = {"kind": "offline", "currency": "USD", "state": "draft", "boundary_at": NOW, "opened_at": NOW}
    sql.insert("invoices", id=invoice, org_id=org, **(facts | more))
    return invoice


def issue(sql: Sql, org: UUID, state: str = "open") -> UUID:
    """A final invoice of ours over 500."""
    invoice, series = make_invoice(sql, org, state="final", settled_at=NOW), f"C-{uuid4().hex}"
    sql.insert("number_series", series=series, last=1)
    closed, reason = (None, None) if state == "open" else (NOW, "Mistake")
    sql.insert(
        "issued_invoices", invoice_id=invoice, org_id=org, number=f"{series}-1", series=series, ordinal=1,
        currency="USD", total=500, issued_at=NOW, issued_on=NOW.date(), due_on=NOW.date(), due_at=NOW,
        time_zone="UTC", seller="{}", buyer="{}", lines="[]", state=state, settled_at=closed, reason=reason,
    )  # fmt: skip
    return invoice


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices SET currency = 'EUR' WHERE id = %s",
        "UPDATE invoices SET state = 'draft', settled_at = NULL WHERE id = %s",
        "DELETE FROM invoices WHERE id = %s",
    ],
)
def test_invoice_is_final(sql: Sql, statement: str) -> None:
    invoice = make_invoice(sql, sql.org(), state="final", settled_at=NOW)
    assert "invoice_is_final" in str(sql.fails(RESTRICT, statement, invoice).diag.context)


@pytest.mark.parametrize(
    ("state", "statement"),
    [
        ("open", "UPDATE issued_invoices SET total = 1 WHERE invoice_id = %s"),
        ("open", "UPDATE issued_invoices SET number = 'D' WHERE invoice_id = %s"),
        ("open", "UPDATE issued_invoices SET credited = 100 WHERE invoice_id = %s"),
        ("void", "UPDATE issued_invoices SET state = 'open', settled_at = NULL WHERE invoice_id = %s"),
        ("open", "DELETE FROM issued_invoices WHERE invoice_id = %s"),
    ],
)
def test_issued_invoice_is_final(sql: Sql, state: str, statement: str) -> None:
    """What is credited only grows; nothing else of it changes, and a void one stays as it is."""
    invoice = issue(sql, sql.org(), state)
    if "credited" in statement:
        sql.rows("UPDATE issued_invoices SET credited = 200 WHERE invoice_id = %s", invoice)
    assert "issued_invoice_is_final" in str(sql.fails(RESTRICT, statement, invoice).diag.context)


def test_an_issued_invoice_is_paid_when_nothing_is_left_and_never_overpaid(sql: Sql) -> None:
    check = "23514"  # check_violation
    invoice = issue(sql, sql.org())
    for change in (
        "paid = 501",
        "paid = 500",
        "state = 'paid', settled_at = now()",
        "state = 'void', settled_at = now()",
    ):
        sql.fails(check, f"UPDATE issued_invoices SET {change} WHERE invoice_id = %s", invoice)
    sql.rows("UPDATE issued_invoices SET paid = 500, state = 'paid', settled_at = now() WHERE invoice_id = %s", invoice)


def test_invoice_line_moves_from_waiting_to_a_draft_and_back(sql: Sql) -> None:
    org, version = sql.org(), published(sql)
    line, draft = write_line(sql, org, version, 500), make_invoice(sql, org)
    for invoice in (draft, None, draft):
        sql.rows("UPDATE invoice_lines SET invoice_id = %s WHERE id = %s", invoice, line)
    final = issue(sql, org)
    error = sql.fails(RESTRICT, "UPDATE invoice_lines SET invoice_id = %s WHERE id = %s", final, line)
    assert "invoice_line_moves" in str(error.diag.context)
    sql.rows("UPDATE invoices SET state = 'final', settled_at = now() WHERE id = %s", draft)
    sql.fails(RESTRICT, "UPDATE invoice_lines SET invoice_id = NULL WHERE id = %s", line)


def test_a_void_invoice_of_ours_lets_its_lines_go(sql: Sql) -> None:
    org, version = sql.org(), published(sql)
    line = write_line(sql, org, version, 500)
    invoice = issue(sql, org, "void")
    sql.rows("ALTER TABLE invoice_lines DISABLE TRIGGER invoice_lines_move")
    sql.rows("UPDATE invoice_lines SET invoice_id = %s WHERE id = %s", invoice, line)
    sql.rows("ALTER TABLE invoice_lines ENABLE TRIGGER invoice_lines_move")
    sql.rows("UPDATE invoice_lines SET invoice_id = NULL WHERE id = %s", line)


def test_invoices_fees_are_apart_from_usage(sql: Sql) -> None:
    org, version = sql.org(), published(sql)
    anchored = Jsonb({"anchor_at": NOW.isoformat(), "interval": "month"})
    write_line(sql, org, version, 4_900, kind="fee", meter_id=None, terms=anchored)
    write_line(sql, org, version, 25)
    fees = sql.rows("SELECT period_start, anchor_at, amount, currency FROM invoices_fees WHERE org_id = %s", org)
    assert fees == [(NOW - MONTH, NOW, 4_900, "USD")]
    assert sql.rows("SELECT amount FROM invoices_usage(%s, %s)", org, NOW - MONTH) == [(25,)]
    assert sql.rows("SELECT amount FROM invoices_billed WHERE org_id = %s", org) == [(25,)]


@pytest.mark.parametrize("statement", ["UPDATE issued_documents SET kept_at = now()", "DELETE FROM issued_documents"])
def test_issued_document_is_final(sql: Sql, statement: str) -> None:
    org = sql.org()
    invoice = issue(sql, org)
    kept = "INSERT INTO issued_documents VALUES (%s, %s, %s, sha256(%s), now())"
    sql.fails("23514", kept, invoice, org, b"%PDF-1", b"%PDF-2")
    sql.rows(kept, invoice, org, b"%PDF-1", b"%PDF-1")
    error = sql.fails(RESTRICT, f"{statement} WHERE invoice_id = %s", invoice)
    assert "issued_document_is_final" in str(error.diag.context)
