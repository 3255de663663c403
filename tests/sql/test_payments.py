"""The receipt of a webhook, the lock of an org's payments, and the states that only move forward."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import RestrictViolation

from tests.sql.conftest import NOW, Sql


@pytest.mark.parametrize(
    ("customer", "object_id", "lock"),
    [("cus_1", "in_1", "stripe:cus_1"), (None, "in_1", "stripe:in_1"), (None, None, "stripe:evt_sql")],
)
def test_stripe_receive_stores_an_event_and_its_task_once(
    sql: Sql, customer: str | None, object_id: str | None, lock: str
) -> None:
    call = (
        "SELECT stripe_receive('evt_sql', 'invoice.paid', NULL, false, NULL, 'invoice', %s, %s, 'webhook', '{}', %s,"
        " %s)"
    )
    assert [sql.value(call, object_id, customer, NOW, NOW) for _ in range(2)] == [True, False]
    assert sql.rows("SELECT lock, args FROM procrastinate_jobs WHERE args->>'event_id' = 'evt_sql'") == [
        (lock, {"event_id": "evt_sql"})
    ]


@pytest.mark.parametrize(
    ("table", "states"),
    [
        ("billing_records", "pending failed completed refunded completed"),
        ("billing_records", "pending completed"),
        ("checkouts", "opening open expired completed"),
        ("checkouts", "opening failed"),
        ("plan_changes", "asked waiting applied"),
        ("plan_changes", "asked failed"),
        ("stripe_inbox", "received parked received applied received"),
    ],
)
def test_states_only_move_forward_lets_them_move_on(sql: Sql, table: str, states: str) -> None:
    first, *rest = states.split()
    row = _row(sql, table, first)
    for state in rest:
        _move(sql, table, row, state)
    assert sql.value(f"SELECT state FROM {table} WHERE id = %s", row) == rest[-1]


@pytest.mark.parametrize(
    ("table", "states"),
    [
        ("billing_records", "failed pending"),
        ("billing_records", "completed failed"),
        ("billing_records", "refunded pending"),
        ("billing_records", "refunded reversed"),
        ("billing_records", "failed reversed"),
        ("billing_records", "pending reversed"),
        ("checkouts", "open opening"),
        ("checkouts", "expired open"),
        ("checkouts", "completed expired"),
        ("plan_changes", "waiting asked"),
        ("plan_changes", "lapsed applied"),
        ("stripe_inbox", "applied ignored"),
        ("stripe_inbox", "failed applied"),
    ],
)
def test_states_only_move_forward_refuses_a_way_back(sql: Sql, table: str, states: str) -> None:
    before, after = states.split()
    row = _row(sql, table, before)
    with pytest.raises(RestrictViolation, match="only moves forward"):
        _move(sql, table, row, after)


@pytest.mark.parametrize(
    "change", ["amount = 1", "currency = 'EUR'", "transaction_id = 'pi_2'", "transaction_id = NULL"]
)
def test_what_was_paid_stays_as_it_was_paid(sql: Sql, change: str) -> None:
    row = _row(sql, "billing_records", "completed")
    with pytest.raises(RestrictViolation):
        sql.rows(f"UPDATE billing_records SET {change} WHERE id = %s", row)


def test_every_book_of_payments_is_watched(sql: Sql) -> None:
    watched = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'states_only_move_forward'::regproc"
    assert {table for (table,) in sql.rows(watched)} == {
        "billing_records", "checkouts", "dunnings", "plan_changes", "stripe_inbox",
    }  # fmt: skip


@pytest.mark.parametrize("change", ["ended_at = NULL, outcome = NULL", "grace_ends_at = now()", "mails = 9"])
def test_an_ended_dunning_has_ended(sql: Sql, change: str) -> None:
    row = _row(sql, "dunnings", "ended")
    with pytest.raises(RestrictViolation):
        sql.rows(f"UPDATE dunnings SET {change} WHERE id = %s", row)


_OPEN = {"pending", "opening", "open", "asked", "waiting"}


def _row(sql: Sql, table: str, state: str) -> object:
    """A row of one of the tables that `states_only_move_forward` watches."""
    row: object = uuid4()
    org = sql.org()
    if table == "billing_records":
        sql.insert(table, id=row, org_id=org, state=state, reason="one_off", description="x", amount=100,
                   currency="USD", transaction_id=None if state == "pending" else "pi_1", created_at=NOW,
                   settled_at=None if state == "pending" else NOW)  # fmt: skip
    elif table == "checkouts":
        sql.insert(table, id=row, org_id=org, purpose="card", state=state, opened_at=NOW, session_id=str(row),
                   closed_at=None if state in {"opening", "open"} else NOW)  # fmt: skip
    elif table in {"dunnings", "plan_changes"}:
        _subscription(sql, org, f"sub_{row}")
        if table == "dunnings":
            sql.insert(table, id=row, org_id=org, stripe_subscription_id=f"sub_{row}", started_at=NOW,
                       grace_ends_at=NOW, mails=2, ended_at=NOW, outcome="recovered")  # fmt: skip
        else:
            sql.insert(table, id=row, org_id=org, stripe_subscription_id=f"sub_{row}",
                       plan_version_id=_version(sql), interval="month",
                       currency="USD", price_id="price", amount=100, prorated_at=NOW, asked_at=NOW, state=state,
                       settled_at=None if state in {"asked", "waiting"} else NOW)  # fmt: skip
    else:
        row = f"evt_{row}"
        sql.insert(table, id=row, type="x", livemode=False, object_type="x", source="webhook", body="{}", state=state,
                   created_at=NOW, received_at=NOW)  # fmt: skip
    return row


def _subscription(sql: Sql, org: object, name: str) -> None:
    sql.insert("stripe_customers", id=f"cus_{name}", org_id=org, delinquent=False, created_at=NOW, retrieved_at=NOW)
    sql.insert("stripe_subscriptions", id=name, org_id=org, customer_id=f"cus_{name}", status="active",
               item_id="si", price_id="price", period_start=NOW, period_end=NOW, anchor_at=NOW, created_at=NOW,
               cancel_at_period_end=False, retrieved_at=NOW)  # fmt: skip


def test_payments_drifting_changes_are_those_that_drift(sql: Sql) -> None:
    agreed, drifted = (_row(sql, "plan_changes", "applied") for _ in range(2))
    sql.rows("UPDATE plan_changes SET drifts = true, expected = 100, previewed = 102 WHERE id = %s", drifted)
    found = sql.rows(
        "SELECT id, expected, previewed FROM payments_drifting_changes WHERE id IN (%s, %s)", agreed, drifted
    )
    assert found == [(drifted, 100, 102)]


def _version(sql: Sql) -> object:
    plan, version = uuid4(), uuid4()
    sql.insert(
        "plans", id=plan, key=f"p_{plan.hex[:12]}", name="P", summary="", public=True, is_default=False, position=1
    )
    sql.insert("plan_versions", id=version, plan_id=plan, number=1, content_hash=b"0" * 32)
    return version


def _move(sql: Sql, table: str, row: object, state: str) -> None:
    ends = {"billing_records": "settled_at", "checkouts": "closed_at", "plan_changes": "settled_at"}.get(table)
    end = f", {ends} = coalesce({ends}, now())" if ends and state not in _OPEN else ""
    if table == "checkouts" and state in {"opening", "open"}:
        end = ", closed_at = NULL"
    sql.rows(f"UPDATE {table} SET state = %s{end} WHERE id = %s", state, row)


def test_stripe_receive_takes_a_refused_event_that_comes_again_as_it_comes_now(sql: Sql) -> None:
    call = (
        "SELECT stripe_receive('evt_sql', 'refund.created', %s, false, NULL, 'refund', %s, 'cus', 'webhook', '{}', %s,"
        " %s)"
    )
    assert sql.value(call, "2020-08-27", "old", NOW, NOW)
    for state, again in [("applied", False), ("refused", True), ("received", False)]:
        for moved in () if state == "received" else ("received", state):  # a state moves on through received only
            sql.rows("UPDATE stripe_inbox SET state = %s, attempts = 3, error = 'x' WHERE id = 'evt_sql'", moved)
        assert sql.value(call, "2026-10-28.endive", "new", NOW, NOW) is again
    row = sql.rows("SELECT state, attempts, error, api_version, object_id FROM stripe_inbox WHERE id = 'evt_sql'")
    assert row == [("received", 0, None, "2026-10-28.endive", "new")]


def test_payments_lock_is_held_by_its_holder_until_that_lets_go(sql: Sql, database: str) -> None:
    org = uuid4()
    held = "SELECT payments_lock_is_held(%s, %s)"
    with psycopg.connect(database, autocommit=True) as holder:
        pid = holder.info.backend_pid
        assert not sql.value(held, org, pid)
        holder.execute("SELECT pg_advisory_lock(payments_lock_key(%s))", (org,))
        assert sql.value(held, org, pid)
        assert not sql.value(held, org, sql.connection.info.backend_pid)
        assert not sql.value(held, uuid4(), pid)
        holder.execute("SELECT pg_advisory_unlock(payments_lock_key(%s))", (org,))
        assert not sql.value(held, org, pid)


def test_payments_lock_key_is_the_org_s_own(sql: Sql) -> None:
    org = uuid4()
    assert sql.value("SELECT payments_lock_key(%s) = payments_lock_key(%s)", org, org)
    assert sql.value("SELECT payments_lock_key(%s) <> payments_lock_key(%s)", org, uuid4())
    assert sql.value("SELECT payments_lock_key(%s) <> usage_lock(%s)", org, org)
