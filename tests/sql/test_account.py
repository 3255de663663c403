"""What moves an org's account: the views that the statement of account adds up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.sql.conftest import NOW, Sql

COLUMNS = "org_id at event amount currency document invoice detail source"
VIEWS = ("invoices_account", "payments_account", "payments_account_invoices", "payments_account_receipts",
         "payments_account_credits", "payments_account_balance", "payments_account_offline",
         "payments_account_reversals")  # fmt: skip
Rows = list[tuple[Any, ...]]


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def moved(sql: Sql, org: UUID, view: str = "payments_account") -> Rows:
    """Event, day and amount of what moved, oldest first."""
    rows = sql.rows(f"SELECT event, at, amount FROM {view} WHERE org_id = %s AND amount <> 0 ORDER BY at, event", org)
    return [(event, (at - NOW).days, amount) for event, at, amount in rows]


def invoice(sql: Sql, org: UUID, total: int, *paid: tuple[int, int], **more: Any) -> str:
    """An invoice of day 0, with payments as (day, amount); `more` are fields, days for times."""
    name, whole = f"in_{uuid4().hex}", sum(amount for _, amount in paid)
    due = more.pop("amount_due", total)
    times = {
        key: day(value) if isinstance(value, int) and key.endswith("_at") else value for key, value in more.items()
    }
    payments = [
        {"id": f"inpay_{place}", "amount": amount, "at": day(at).isoformat(), "transaction": f"pi_{name}"}
        for place, (at, amount) in enumerate(paid)
    ]
    status = "void" if "voided_at" in more else "paid" if "paid_at" in more else "open"
    given = {"id": name, "org_id": org, "number": "TK-1", "status": status, "currency": "USD", "total": total, "tax": 0,
             "amount_due": due, "amount_paid": whole, "amount_remaining": due - whole, "period_start": NOW,
             "period_end": NOW, "attempt_count": 0, "created_at": NOW, "finalized_at": NOW,
             "payments": Jsonb(payments), "retrieved_at": NOW}  # fmt: skip
    sql.insert("stripe_invoices", **{**given, **times})
    return name


def note(sql: Sql, org: UUID, total: int, *refunds: tuple[str, int], **more: Any) -> str:
    name = f"cn_{uuid4().hex}"
    given = {"id": name, "org_id": org, "invoice_id": "in_1", "number": "TK-1-CN-01", "status": "issued",
             "currency": "USD", "total": total, "due": 0, "paid": total, "outside": 0, "created_at": day(5),
             "refunds": Jsonb([{"refund": key, "amount": amount} for key, amount in refunds]),
             "retrieved_at": NOW}  # fmt: skip
    sql.insert("stripe_credit_notes", **{**given, **more})
    return name


def refund(sql: Sql, org: UUID, amount: int, at: int, **more: Any) -> str:
    name = f"re_{uuid4().hex}"
    given = {"id": name, "org_id": org, "transaction_id": "pi_1", "amount": amount, "currency": "USD",
             "status": "succeeded", "created_at": day(at), "retrieved_at": NOW}  # fmt: skip
    sql.insert("stripe_refunds", **{**given, **more})
    return name


@pytest.mark.parametrize("view", VIEWS)
def test_each_says_the_same_of_a_movement(sql: Sql, view: str) -> None:
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    assert [name for (name,) in sql.rows(columns, view)] == COLUMNS.split()


PAID = [("invoice", 0, 100), ("paid", 3, -100)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, [("invoice", 0, 100)], id="open"),
        pytest.param({"paid": [(3, 100)], "paid_at": 3}, PAID, id="paid"),
        pytest.param({"paid": [(2, 40)]}, [("invoice", 0, 100), ("paid", 2, -40)], id="partly"),
        pytest.param({"paid_at": 3}, [("invoice", 0, 100), ("paid_outside", 3, -100)], id="outside"),
        pytest.param({"paid": [(1, 30)], "paid_at": 3},
                     [("invoice", 0, 100), ("paid", 1, -30), ("paid_outside", 3, -70)], id="partly outside"),
        pytest.param({"voided_at": 4}, [("invoice", 0, 100), ("invoice_voided", 4, -100)], id="void"),
        pytest.param({"starting_balance": -40, "ending_balance": 0, "amount_due": 60, "paid": [(3, 60)], "paid_at": 3},
                     [("invoice", 0, 100), ("paid", 3, -60)], id="credit was used up"),
        pytest.param({"starting_balance": -40, "ending_balance": 0, "amount_due": 60, "voided_at": 4},
                     [("invoice", 0, 100), ("invoice_voided", 4, -100)], id="void, and the credit comes back"),
        pytest.param({"starting_balance": 0, "ending_balance": 30, "total": 30, "amount_due": 0, "paid_at": 0},
                     [("invoice", 0, 30)], id="too small: owed with the next"),
        pytest.param({"amount_due": 70, "voided_at": 4}, [("invoice", 0, 100), ("invoice_voided", 4, -70)],
                     id="void after a credit note of 30"),
        pytest.param({"status": "uncollectible", "uncollectible_at": 4},
                     [("invoice", 0, 100), ("written_off", 4, -100)], id="written off"),
        pytest.param({"uncollectible_at": 4, "paid": [(2, 30), (6, 70)], "paid_at": 6},
                     [("invoice", 0, 100), ("paid", 2, -30), ("written_off", 4, -70), ("paid", 6, -70),
                      ("written_off_paid", 6, 70)], id="partly paid, written off, paid"),
        pytest.param({"uncollectible_at": 4, "paid_at": 6},
                     [("invoice", 0, 100), ("written_off", 4, -100), ("paid_outside", 6, -100),
                      ("written_off_paid", 6, 100)], id="written off, paid outside"),
        pytest.param({"uncollectible_at": 4, "voided_at": 6},
                     [("invoice", 0, 100), ("written_off", 4, -100), ("invoice_voided", 6, -100),
                      ("written_off_voided", 6, 100)], id="written off, void"),
    ],
)  # fmt: skip
def test_payments_account_invoices_and_receipts_follow_an_invoice(
    sql: Sql, facts: dict[str, Any], expected: Rows
) -> None:
    org = sql.org()
    invoice(sql, org, facts.pop("total", 100), *facts.pop("paid", []), **facts)
    assert moved(sql, org) == expected
    parts = moved(sql, org, "payments_account_invoices") + moved(sql, org, "payments_account_receipts")
    assert sorted(parts) == sorted(expected)


def test_payments_invoice_sums_knows_no_draft(sql: Sql) -> None:
    org = sql.org()
    invoice(sql, org, 100, status="draft", finalized_at=None)
    moved_balance = {"starting_balance": -10, "ending_balance": 0, "amount_due": 90}
    name = invoice(sql, org, 100, (2, 30), (6, 20), uncollectible_at=4, **moved_balance)
    rows = sql.rows("SELECT id, carried, unpaid, written_off FROM payments_invoice_sums WHERE org_id = %s", org)
    assert rows == [(name, 10, 40, 60)]


def test_payments_account_credits_takes_a_note_without_what_goes_back(sql: Sql) -> None:
    org = sql.org()
    made = refund(sql, org, 20, 5)
    note(sql, org, 50, (made, 20))
    assert moved(sql, org, "payments_account_credits") == [
        ("credit_note", 5, -30), ("credit_refunded", 5, -20), ("refund", 5, 20),
    ]  # fmt: skip
    asked = "SELECT DISTINCT document FROM payments_account_credits WHERE org_id = %s"
    assert sql.rows(asked, org) == [("TK-1-CN-01",)]


def test_a_note_that_names_an_older_refund_moves_nothing_twice(sql: Sql) -> None:
    org = sql.org()
    made = refund(sql, org, 20, 1)
    before = moved(sql, org)
    assert before == [("credit_refunded", 1, -20), ("refund", 1, 20)]
    note(sql, org, 20, (made, 20))
    assert moved(sql, org) == before


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("succeeded", [("credit_refunded", 1, -20), ("refund", 1, 20)]),
        ("failed", [("credit_refunded", 1, -20), ("refund", 1, 20), ("credit_refund_failed", 3, 20),
                    ("refund_failed", 3, -20)]),
        ("pending", []),
        ("canceled", []),
    ],
)  # fmt: skip
def test_payments_account_credits_takes_a_refund_and_its_credit_together(sql: Sql, status: str, expected: Rows) -> None:
    org = sql.org()
    refund(sql, org, 20, 1, status=status, failed_at=day(3) if status in {"failed", "canceled"} else None)
    assert moved(sql, org) == expected


def test_a_note_paid_back_outside_stripe_comes_to_nothing_and_a_void_one_too(sql: Sql) -> None:
    org = sql.org()
    note(sql, org, 50, outside=50)
    assert moved(sql, org) == [("credit_note", 5, -50), ("refund_outside", 5, 50)]
    note(sql, org, 70, status="void", created_at=day(6), voided_at=day(9))
    assert moved(sql, org)[2:] == [("credit_note", 6, -70), ("credit_note_voided", 9, 70)]


def test_payments_account_balance_knows_only_what_nothing_else_says(sql: Sql) -> None:
    org = sql.org()
    sql.insert("stripe_customers", id=f"cus_{org}", org_id=org, delinquent=False, created_at=NOW, retrieved_at=NOW)
    told = ("applied_to_invoice", "unapplied_from_invoice", "invoice_too_small", "invoice_too_large",
            "invoice_overpaid", "credit_note")  # fmt: skip
    for place, kind in enumerate((*told, "adjustment", "initial", "migration", "one_of_tomorrow")):
        sql.insert("stripe_balance_movements", id=f"cbtxn_{uuid4().hex}", org_id=org, customer_id=f"cus_{org}",
                   type=kind, amount=-(place + 1), currency="USD", created_at=day(place))  # fmt: skip
    assert [row[2] for row in moved(sql, org, "payments_account_balance")] == [-7, -8, -9, -10]


def issued(sql: Sql, org: UUID, total: int, **more: Any) -> UUID:
    """An invoice of ours of day 0."""
    key, series = uuid4(), f"T{uuid4().hex[:8]}"
    sql.insert("number_series", series=series, last=1)
    sql.insert("invoices", id=key, org_id=org, kind="offline", currency="USD", state="final", boundary_at=NOW,
               opened_at=NOW, settled_at=NOW)  # fmt: skip
    given = {"invoice_id": key, "org_id": org, "number": series, "series": series, "ordinal": 1, "currency": "USD",
             "total": total, "issued_at": NOW, "issued_on": NOW.date(), "due_on": NOW.date(), "due_at": NOW,
             "time_zone": "UTC", "seller": Jsonb({}), "buyer": Jsonb({}), "lines": Jsonb([]),
             "state": "open"}  # fmt: skip
    sql.insert("issued_invoices", **{**given, **more})
    return key


def pays(sql: Sql, org: UUID, key: UUID, amount: int, at: int, recorded: int, **more: Any) -> None:
    given = {"id": uuid4(), "org_id": org, "state": "completed", "reason": "offline_invoice", "description": "x",
             "amount": amount, "currency": "USD", "offline_invoice_id": key, "reference": "REF",
             "created_at": day(recorded), "settled_at": day(at)}  # fmt: skip
    sql.insert("billing_records", **{**given, **more})


@pytest.mark.parametrize("view", ["payments_account", "invoices_account"])
def test_the_account_of_an_org_reads_that_orgs_rows(sql: Sql, view: str) -> None:
    """No part of it is worked out for all organisations first."""
    plan = "\n".join(row for (row,) in sql.rows(f"EXPLAIN SELECT * FROM {view} WHERE org_id = %s", sql.org()))
    assert "CTE" not in plan, plan


def test_payments_account_offline_keeps_a_payment_by_mistake_and_takes_it_back_when_it_was_reversed(sql: Sql) -> None:
    org = sql.org()
    key = issued(sql, org, 100, paid=40)
    pays(sql, org, key, 40, 2, 3)
    pays(sql, org, key, 60, 4, 5, state="reversed", reversed_at=day(6), reversed_for="Twice")
    assert sorted(moved(sql, org, "payments_account_offline")) == [
        ("paid_offline", 2, -40), ("paid_offline", 4, -60), ("payment_reversed", 6, 60),
    ]  # fmt: skip


def test_invoices_account_says_what_became_of_our_own(sql: Sql) -> None:
    org = sql.org()
    issued(sql, org, 100)
    issued(sql, org, 70, state="void", reason="Twice", settled_at=day(2))
    key = issued(sql, org, 50, credited=10)
    sql.insert("credit_notes", id=uuid4(), org_id=org, invoice_id=key, currency="USD", amount=10, state="issued",
               number="CN-1", due_amount=10, refund_amount=0, balance_amount=0, opened_at=NOW,
               settled_at=day(3))  # fmt: skip
    issued(sql, org, 30, state="written_off", reason="Gone", settled_at=day(4), written_off=30, written_off_at=day(4))
    assert sorted(moved(sql, org, "invoices_account")) == sorted([
        ("invoice", 0, 100), ("invoice", 0, 70), ("invoice", 0, 50), ("invoice", 0, 30), ("invoice_voided", 2, -70),
        ("credit_note", 3, -10), ("written_off", 4, -30),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("payments", "facts", "expected"),
    [
        pytest.param([(2, 3, 40)], {"paid": 40}, [("paid_offline", 2, -40)], id="in part"),
        pytest.param(
            [(2, 3, 40), (6, 7, 60)],
            {"paid": 100, "state": "paid", "settled_at": 7, "written_off": 60, "written_off_at": 5},
            [("paid_offline", 2, -40), ("paid_offline", 6, -60), ("written_off_paid", 6, 60)], id="after all",
        ),
        pytest.param(
            [(2, 7, 40)],
            {"paid": 40, "state": "written_off", "reason": "x", "settled_at": 5, "written_off": 100,
             "written_off_at": 5},
            [("paid_offline", 2, -40), ("written_off_paid", 5, 40)], id="dated before it was written off",
        ),
    ],
)  # fmt: skip
def test_payments_account_offline_and_invoices_recoveries_end_a_write_off_as_far_as_it_is_paid(
    sql: Sql, payments: list[tuple[int, int, int]], facts: dict[str, Any], expected: Rows
) -> None:
    org = sql.org()
    times = {key: day(value) if key.endswith("_at") else value for key, value in facts.items()}
    key = issued(sql, org, 100, **times)
    for at, recorded, amount in payments:
        pays(sql, org, key, amount, at, recorded)
    assert moved(sql, org, "payments_account_offline") == expected
    recovered = sql.value("SELECT recovered FROM invoices_recoveries WHERE invoice_id = %s", key)
    assert recovered == sum(amount for event, _, amount in expected if event == "written_off_paid")


def test_payments_account_reversals_gives_up_what_a_payment_by_mistake_had_covered(sql: Sql) -> None:
    """40 paid, 60 written off, and the 40 never came: 100 is given up."""
    org = sql.org()
    key = issued(sql, org, 100, state="written_off", reason="x", settled_at=day(5), written_off=60,
                 written_off_at=day(5))  # fmt: skip
    sql.insert("billing_records", id=uuid4(), org_id=org, state="reversed", reason="offline_invoice", description="x",
               amount=40, currency="USD", offline_invoice_id=key, reference="REF", created_at=day(3),
               settled_at=day(2), reversed_at=day(7), reversed_for="Twice")  # fmt: skip
    assert moved(sql, org, "payments_account_reversals") == [("written_off", 7, -40)]
    issued(sql, org, 100, state="written_off", reason="x", settled_at=day(5), written_off=100, written_off_at=day(5))
    assert len(moved(sql, org, "payments_account_reversals")) == 1
