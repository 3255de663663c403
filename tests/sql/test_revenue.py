"""What settled invoices, for revenue: on which day, and what was given back."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import NOW, Sql
from tests.sql.test_account import day, invoice, note, refund


def settled(sql: Sql, org: UUID) -> list[tuple[int, int]]:
    rows = sql.rows("SELECT at, amount FROM payments_settled WHERE org_id = %s ORDER BY at, amount", org)
    return [((at - NOW).days, amount) for at, amount in rows]


def payment(sql: Sql, org: UUID, name: str | None, amount: int = 100, **more: Any) -> UUID:
    """A billing record of day 3."""
    made = uuid4()
    given = {"id": made, "org_id": org, "state": "completed", "reason": "subscription_renewal", "description": "Pro",
             "amount": amount, "currency": "USD", "invoice_id": name, "created_at": NOW, "settled_at": day(3),
             "transaction_id": None if name is None else f"pi_{name}"}  # fmt: skip
    sql.insert("billing_records", **{**given, **more})
    return made


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, [], id="open"),
        pytest.param({"paid": [(3, 100)], "paid_at": 3}, [(3, 100)], id="paid"),
        pytest.param({"paid": [(2, 40)]}, [(2, 40)], id="partly"),
        pytest.param({"paid": [(1, 30)], "paid_at": 3}, [(1, 30), (3, 70)], id="the rest outside Stripe"),
        pytest.param({"starting_balance": -40, "ending_balance": 0, "amount_due": 60, "paid": [(3, 60)], "paid_at": 3},
                     [(3, 40), (3, 60)], id="credit was used up"),
        pytest.param({"starting_balance": -40, "ending_balance": 0, "amount_due": 60}, [], id="credit, and not paid"),
        pytest.param({"starting_balance": 0, "ending_balance": 30, "total": 30, "amount_due": 0, "paid_at": 0}, [],
                     id="too small: owed with the next"),
        pytest.param({"starting_balance": 30, "ending_balance": 0, "amount_due": 130, "paid": [(3, 130)], "paid_at": 3},
                     [(3, 130)], id="with what was owed from before"),
        pytest.param({"voided_at": 4}, [], id="void"),
    ],
)  # fmt: skip
def test_payments_settled_follows_an_invoice(sql: Sql, facts: dict[str, Any], expected: list[tuple[int, int]]) -> None:
    org = sql.org()
    invoice(sql, org, facts.pop("total", 100), *facts.pop("paid", []), **facts)
    assert settled(sql, org) == expected


def test_a_debt_is_settled_when_the_invoice_that_collects_it_is_paid(sql: Sql) -> None:
    org = sql.org()
    invoice(sql, org, 30, starting_balance=0, ending_balance=30, amount_due=0, paid_at=0)
    collected = {"starting_balance": 30, "ending_balance": 0, "amount_due": 130, "paid_at": 9, "finalized_at": 8}
    invoice(sql, org, 100, (9, 130), **collected)
    assert settled(sql, org) == [(9, 30), (9, 130)]


def test_what_is_given_back_counts_once_on_its_day(sql: Sql) -> None:
    """A refund that a note names, one that failed, a note kept on the balance, and a void one."""
    org = sql.org()
    name = invoice(sql, org, 100, (3, 100), paid_at=3)
    payment(sql, org, name)
    back = refund(sql, org, 20, 5, transaction_id=f"pi_{name}")
    note(sql, org, 20, (back, 20), invoice_id=name)
    assert settled(sql, org) == [(3, 100), (5, -20)]
    refund(sql, org, 10, 6, transaction_id=f"pi_{name}", status="failed", failed_at=day(8))
    note(sql, org, 15, invoice_id=name, created_at=day(7))
    note(sql, org, 5, invoice_id=name, created_at=day(7), status="void", voided_at=day(9))
    assert settled(sql, org) == [(3, 100), (5, -20), (6, -10), (7, -15), (7, -5), (8, 10), (9, 5)]


def test_a_note_on_what_was_not_paid_gives_nothing_back(sql: Sql) -> None:
    org = sql.org()
    name = invoice(sql, org, 100, (8, 70), amount_due=70, paid_at=8)
    note(sql, org, 30, invoice_id=name, paid=0, due=30)
    assert settled(sql, org) == [(8, 70)]


def test_payments_revenue_is_of_documents_that_were_settled_in_the_time(sql: Sql) -> None:
    org, other = sql.org(), sql.org()
    lines = [{"amount": 100, "discount": 0, "start": NOW.isoformat(), "line": None}]
    name = invoice(sql, org, 119, (3, 119), paid_at=3, tax=19, lines=Jsonb(lines))
    invoice(sql, other, 50, (3, 50), paid_at=3)
    asked = "SELECT source, currency, total, tax, lines, settled FROM payments_revenue(%s, %s, %s)"
    [row] = sql.rows(asked, day(2), day(4), org)
    assert row[:5] == (name, "USD", 119, 19, lines)
    assert [part["amount"] for part in row[5]] == [119]
    assert sql.rows(asked, day(4), day(9), org) == []
    assert len(sql.rows(asked, day(2), day(4), None)) >= 2


def test_payments_revenue_has_credit_given_by_hand_without_lines(sql: Sql) -> None:
    org = sql.org()
    invoice(sql, org, 100)
    sql.insert("stripe_customers", id="cus_revenue", org_id=org, delinquent=False, created_at=NOW, retrieved_at=NOW)
    for amount in (-40, 25):
        sql.insert("stripe_balance_movements", id=f"cbtxn_{amount}", org_id=org, customer_id="cus_revenue",
                   type="adjustment", amount=amount, currency="USD", created_at=day(3))  # fmt: skip
    rows = sql.rows("SELECT total, lines, settled FROM payments_revenue(%s, %s, %s)", day(2), day(4), org)
    assert [(total, lines, [part["amount"] for part in parts]) for total, lines, parts in rows] == [(0, [], [-40])]


def test_our_own_invoices_are_settled_by_payments_that_stand(sql: Sql) -> None:
    """`invoices_offline` has their lines; a payment that was recorded by mistake is taken back on its day."""
    org, mine, line = sql.org(), uuid4(), uuid4()
    sql.insert("number_series", series=f"T-{mine.hex[:6]}-", last=1)
    sql.insert("invoices", id=mine, org_id=org, kind="offline", currency="USD", state="final", boundary_at=NOW,
               opened_at=NOW, settled_at=NOW)  # fmt: skip
    sql.insert("issued_invoices", invoice_id=mine, org_id=org, number=f"T-{mine.hex[:6]}", series=f"T-{mine.hex[:6]}-",
               ordinal=1, currency="USD", total=4900, issued_at=NOW, issued_on=NOW.date(), due_on=NOW.date(),
               due_at=NOW, time_zone="UTC", seller=Jsonb({}), buyer=Jsonb({}), lines=Jsonb([]),
               state="open")  # fmt: skip
    sql.rows("SET LOCAL session_replication_role = replica")
    sql.insert("invoice_lines", id=line, org_id=org, kind="fee", period_start=NOW, period_end=day(30),
               plan_version_id=uuid4(), quantity=1, imported=0, events=0, currency="USD", exact_amount=4900,
               amount=4900, terms=Jsonb({}), breakdown=Jsonb({}), written_at=NOW, invoice_id=mine)  # fmt: skip
    record = {"reason": "offline_invoice", "offline_invoice_id": mine, "transaction_id": None}
    payment(sql, org, None, 4900, **record, state="reversed", reversed_at=day(6), reversed_for="Other company")
    payment(sql, org, None, 4900, **record, settled_at=day(8))
    [(total, lines)] = sql.rows("SELECT total, lines FROM invoices_offline WHERE invoice_id = %s", mine)
    assert (total, [(each["amount"], each["line"]) for each in lines]) == (4900, [(4900, None)])
    [(parts,)] = sql.rows("SELECT settled FROM payments_revenue(%s, %s, %s)", day(0), day(9), org)
    assert [part["amount"] for part in parts] == [4900, -4900, 4900]


def test_payments_first_paid_is_the_first_payment_of_a_currency(sql: Sql) -> None:
    org = sql.org()
    payment(sql, org, "in_a", settled_at=day(4))
    payment(sql, org, "in_b", settled_at=day(2))
    payment(sql, org, "in_c", 0, settled_at=day(1))
    payment(sql, org, "in_d", state="failed", settled_at=day(1))
    payment(sql, org, "in_e", currency="EUR", settled_at=day(7))
    found = sql.rows("SELECT currency, at FROM payments_first_paid WHERE org_id = %s ORDER BY currency", org)
    assert found == [("EUR", day(7)), ("USD", day(2))]
