"""What rooms publish: the columns of each view, and the answers of those that say more than a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from app.subscriptions.models import STATES
from app.subscriptions.states import LATE
from tests.sql.conftest import NOW, Sql

TIMELINE = "org_id at kind key what actor_id facts"
PUBLISHED = {
    "queue_jobs": "task_name args status scheduled_at id queue",
    "queue_events": "job_id at",
    "queue_errors": "job_id failures error failed_at",
    "queue_periodic": "name queued_at",
    "queue_heartbeat": "worker_at scheduler_at",
    "catalog_meters": "id key name unit aggregation dimension archived_at",
    "catalog_plans": "id key name is_default archived_at summary public position",
    "catalog_newest": "plan_id version_id number",
    "catalog_versions": "id plan_id number published_at trial_days trial_overage plan_key plan_name is_default",
    "catalog_default_version": "id number plan_key plan_name",
    "catalog_offers": "key name summary public is_default position version_id number trial_days trial_overage",
    "catalog_prices": "plan_version_id currency interval amount",
    "catalog_charges": "id plan_version_id meter_id currency model properties collect",
    "catalog_allowances": "plan_version_id meter_id allowance policy hard_limit per_minute per_hour per_day",
    "catalog_limits": "plan_version_id key value",
    "catalog_features": "plan_version_id key label value position",
    "accounts_timeline": TIMELINE,
    "audit_timeline": TIMELINE,
    "mail_timeline": TIMELINE,
    "invoices_timeline": TIMELINE,
    "subscriptions_timeline": TIMELINE,
    "payments_timeline": TIMELINE,
    "accounts_orgs": "id name time_zone currency created_at suspended_at deleted_at clients_listed_only",
    "accounts_memberships": "org_id user_id role external_id created_at",
    "accounts_users": "id name email disabled_at deleted_at",
    "accounts_billing_contacts": "org_id name email address tax_id digest billing_emails order_number invoice_note",
    "accounts_billing_emails": "org_id email",
    "accounts_org_notes": "org_id id",
    "accounts_clients": "id org_id ref name deleted_at made_by_event",
    "accounts_api_keys": "id org_id name revoked_at",
    "billing_runs_alarms": "org_id night",
    "subscriptions_open": "org_id id plan_version_id state interval currency collection started_at billing_ends_at"
    " cancel_at limited_at restriction_lifted_until trial_ends_at",
    "subscriptions_recurring": "org_id id subscription_id plan_version_id state collection currency fees discounts"
    " paused trial_ends_at cancel_at starts_at ends_at",
    "subscriptions_charges": "id model properties currency",
    "subscriptions_plans": "org_id starts_at plan_version_id",
    "subscriptions_periods": "org_id starts_at ends_at plan_version_id time_zone currency opened_at closed_at",
    "subscriptions_terms": "org_id meter_id period_start mentioned policy allowance hard_limit cap per_minute per_hour"
    " per_day charge_id sources valid_until",
    "subscriptions_superseded": "org_id period_start changed_at meter_id plan_version_id allowance charge_id",
    "subscriptions_offline": "org_id id plan_version_id interval currency anchor_at started_at ended_at"
    " billing_starts_at",
    "invoices_fees": "org_id period_start period_end anchor_at amount currency",
    "invoices_billed": "org_id period_start meter_id quantity imported events exact_amount amount",
    "invoices_waiting": "org_id currency amount lines",
    "invoices_drafts": "org_id boundary_at kind",
    "invoices_failing_notes": "id org_id currency amount error opened_at invoice",
    "invoices_account": "org_id at event amount currency document invoice detail source",
    "invoices_recoveries": "org_id invoice_id number written_off_at recovered",
    "metering_counters": "org_id meter_id period_start used reserved unbilled billable events unsettled",
    "metering_windows": "org_id meter_id span starts_at used",
    "metering_refused": "org_id meter_id hour quantity",
    "metering_totals": "day dimension meter_id value quantity events",
    "metering_rollups": "name folded_at",
    "payments_account": "org_id at event amount currency document invoice detail source",
    "payments_account_balance": "org_id at event amount currency document invoice detail source",
    "payments_account_credits": "org_id at event amount currency document invoice detail source",
    "payments_account_invoices": "org_id at event amount currency document invoice detail source",
    "payments_account_offline": "org_id at event amount currency document invoice detail source",
    "payments_account_reversals": "org_id at event amount currency document invoice detail source",
    "payments_account_receipts": "org_id at event amount currency document invoice detail source",
    "invoices_offline": "org_id invoice_id currency total lines",
    "payments_first_paid": "org_id currency at",
    "payments_settled": "org_id invoice_id at amount",
    "payments_dunnings_running": "org_id stripe_subscription_id started_at grace_ends_at",
    "payments_boundaries": "org_id boundary",
    "payments_inbox": "id type state received_at",
    "payments_stripe_ids": "id org_id",
    "payments_pending_changes": "org_id stripe_subscription_id plan_version_id interval expires_at amount currency url"
    " failure confirm",
    "payments_prices_on_offer": "plan_version_id interval currency amount price_id lookup_key",
    "payments_running_subscriptions": "org_id id status price_id period_end place",
    "payments_second_subscriptions": "org_id id status plan_version_id interval currency amount period_end",
}


@pytest.mark.parametrize("view", PUBLISHED)
def test_a_view_publishes_these_columns_and_no_secret(sql: Sql, view: str) -> None:
    """Hashes, addresses and bodies stay with their owner."""
    sql.rows(f"SELECT * FROM {view} LIMIT 0")
    asked = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    assert [name for (name,) in sql.rows(asked, view)] == PUBLISHED[view].split()


def plan(sql: Sql, *versions: bool, **given: Any) -> tuple[str, list[UUID]]:
    """A plan's key and its versions, numbered from 1: each published (True) or a draft, at 900 CHF a month."""
    plan_id, made = uuid4(), [uuid4() for _ in versions]
    key = f"p_{plan_id.hex[:12]}"
    values = {"id": plan_id, "key": key, "name": key.upper(), "summary": "", "public": True, "is_default": False}
    sql.insert("plans", **values | {"position": 0} | given)
    for number, (version, published) in enumerate(zip(made, versions, strict=True), start=1):
        sql.insert("plan_versions", id=version, plan_id=plan_id, number=number, content_hash=b"0" * 32)
        sql.insert("plan_prices", plan_version_id=version, currency="CHF", interval="month", amount=900)
        if published:
            sql.rows("UPDATE plan_versions SET published_at = %s WHERE id = %s", NOW, version)
    return key, made


@pytest.mark.parametrize(
    ("versions", "given", "number"),
    [
        ((True,), {}, 1),
        ((True, True, False), {}, 2),
        ((False,), {}, None),
        ((True,), {"archived_at": NOW}, None),
        ((True,), {"public": False}, 1),
    ],
)
def test_catalog_offers_is_the_newest_published_version_of_a_live_plan(
    sql: Sql, versions: tuple[bool, ...], given: dict[str, Any], number: int | None
) -> None:
    key, made = plan(sql, *versions, **given)
    offered = [] if number is None else [(made[number - 1], number)]
    assert sql.rows("SELECT version_id, number FROM catalog_offers WHERE key = %s", key) == offered


def test_catalog_versions_names_the_plan_of_each_version_drafts_too(sql: Sql) -> None:
    key, made = plan(sql, True, False)
    asked = "SELECT id, number, plan_key, plan_name, published_at FROM catalog_versions WHERE plan_key = %s ORDER BY 2"
    assert sql.rows(asked, key) == [(made[0], 1, key, key.upper(), NOW), (made[1], 2, key, key.upper(), None)]


def test_catalog_default_version_is_the_newest_published_one(sql: Sql) -> None:
    sql.rows("UPDATE plans SET is_default = false WHERE is_default")
    assert sql.rows("SELECT * FROM catalog_default_version") == []
    key, made = plan(sql, True, True, False, is_default=True)
    assert sql.rows("SELECT * FROM catalog_default_version") == [(made[1], 2, key, key.upper())]


def subscription(sql: Sql, org: UUID, version: UUID, **given: Any) -> UUID:
    made = {
        "id": uuid4(), "org_id": org, "plan_version_id": version, "state": "active", "interval": "month",
        "currency": "CHF", "collection": "stripe", "anchor_at": NOW, "started_at": NOW, "billing_starts_at": NOW,
        "billing_ends_at": NOW + timedelta(days=30),
    } | given  # fmt: skip
    sql.insert("subscriptions", **made)
    return UUID(str(made["id"]))


def test_subscriptions_open_leaves_ended_ones_out(sql: Sql) -> None:
    org, (_, [version]) = sql.org(), plan(sql, True)
    subscription(sql, org, version, state="ended", ended_at=NOW + timedelta(days=1))
    held = subscription(sql, org, version, started_at=NOW + timedelta(days=1))
    assert sql.rows("SELECT id FROM subscriptions_open WHERE org_id = %s", org) == [(held,)]


def test_subscriptions_charges_has_the_charges_of_overrides_and_nothing_else_of_them(sql: Sql) -> None:
    org, charge = sql.org(), {"model": "per_unit", "properties": {"unit_amount": "0.01"}}
    given = {"org_id": org, "reason": "why", "given_at": NOW, "starts_at": NOW}
    ids = [uuid4() for _ in range(3)]
    for made, key, value in zip(ids, ("charge:calls", "overage_price:calls", "allowance:calls"), (charge, charge, "7"),
                                strict=True):  # fmt: skip
        sql.insert("overrides", id=made, key=key, value=Jsonb(value), currency="CHF", **given)
    found = sql.rows("SELECT id, model, properties, currency FROM subscriptions_charges WHERE id = ANY (%s)", ids)
    assert sorted(found) == sorted((made, "per_unit", charge["properties"], "CHF") for made in ids[:2])


def test_payments_prices_on_offer_are_those_that_cost_something(sql: Sql) -> None:
    sql.rows("UPDATE plans SET is_default = false WHERE is_default")
    _, [before, offered] = plan(sql, True, True)
    _, [free] = plan(sql, True, is_default=True)
    asked = "SELECT interval, currency, amount, price_id FROM payments_prices_on_offer WHERE plan_version_id = %s"
    assert sql.rows(asked, offered) == [("month", "CHF", 900, None)]
    assert sql.rows(asked, before) == []
    pushed = price(sql, offered)
    assert sql.rows(asked, offered) == [("month", "CHF", 900, pushed)]
    assert sql.rows(asked, free) == []


def price(sql: Sql, version: UUID) -> str:
    name = f"price_{version.hex}"
    sql.insert(
        "stripe_prices", id=name, plan_version_id=version, interval="month", currency="CHF", amount=900,
        product_id="prod", lookup_key=name, pushed_at=NOW,
    )  # fmt: skip
    return name


class AtStripe:
    """An org with a customer and a card."""

    def __init__(self, sql: Sql) -> None:
        self.sql, self.org, self.customer = sql, sql.org(), f"cus_{uuid4().hex}"
        _, [self.version] = plan(sql, True)
        self.price = price(sql, self.version)
        sql.insert(
            "stripe_customers", id=self.customer, org_id=self.org, delinquent=False, card_id="pm", card_brand="visa",
            card_last4="4242", card_exp_month=4, card_exp_year=2030, created_at=NOW, retrieved_at=NOW,
        )  # fmt: skip

    def subscribe(self, days: int, **given: Any) -> str:
        """A subscription at Stripe made so many days from now; returns its id."""
        made = {
            "id": f"sub_{uuid4().hex}", "org_id": self.org, "customer_id": self.customer, "status": "active",
            "item_id": "si", "price_id": self.price, "period_start": NOW, "period_end": NOW + timedelta(days=30),
            "anchor_at": NOW, "cancel_at_period_end": False, "created_at": NOW + timedelta(days=days),
            "retrieved_at": NOW,
        } | given  # fmt: skip
        self.sql.insert("stripe_subscriptions", **made)
        return str(made["id"])

    def invoice(self, days: int, remaining: int, status: str = "open", theirs: str | None = None) -> str:
        ident = f"in_{uuid4().hex}"
        self.sql.insert(
            "stripe_invoices", id=ident, stripe_subscription_id=theirs, hosted_url=f"https://pay/{days}",
            org_id=self.org, status=status, currency="CHF", total=900, tax=0,
            amount_due=900, amount_paid=900 - remaining, amount_remaining=remaining, period_start=NOW, period_end=NOW,
            attempt_count=1, created_at=NOW + timedelta(days=days), retrieved_at=NOW,
        )  # fmt: skip
        return ident

    def failed(self, invoice: str, code: str) -> None:
        self.sql.insert(
            "billing_records", id=uuid4(), org_id=self.org, state="failed", reason="subscription_renewal",
            description="Pro", amount=900, currency="CHF", invoice_id=invoice, failure_code=code, created_at=NOW,
            settled_at=NOW,
        )  # fmt: skip

    def status(self, columns: str) -> tuple[Any, ...]:
        [row] = self.sql.rows(f"SELECT {columns} FROM payments_status(%s)", self.org)
        return row


def test_payments_status_of_an_org_that_never_paid_is_one_empty_row(sql: Sql) -> None:
    [row] = sql.rows("SELECT * FROM payments_status(%s)", sql.org())
    assert set(row) == {None}


def test_payments_status_takes_the_subscription_that_ours_follows(sql: Sql) -> None:
    there = AtStripe(sql)
    assert there.status("customer_id, card_brand, card_last4, card_exp_month, card_exp_year, stripe_id") == (
        there.customer, "visa", "4242", 4, 2030, None,
    )  # fmt: skip
    there.subscribe(0, status="incomplete")
    first = there.subscribe(1)
    assert there.status("stripe_id") == (first,)
    followed = there.subscribe(2, subscription_id=subscription(sql, there.org, there.version))
    assert there.status("stripe_id") == (followed,)
    assert sql.value("SELECT payments_open_subscription(%s)", there.org) == followed


def test_payments_prices_unknown_are_those_of_running_subscriptions_that_name_no_plan(sql: Sql) -> None:
    there = AtStripe(sql)
    asked = "SELECT stripe_subscription_id, price_id FROM payments_prices_unknown WHERE org_id = %s"
    there.subscribe(0, price_id="price_hand", status="canceled", ended_at=NOW)
    there.subscribe(1)
    assert sql.rows(asked, there.org) == []
    assert there.status("unlisted_price_id") == (None,)
    held = there.subscribe(2, price_id="price_hand", subscription_id=subscription(sql, there.org, there.version))
    assert sql.rows(asked, there.org) == [(held, "price_hand")]
    assert there.status("unlisted_price_id") == ("price_hand",)


def test_payments_status_tells_what_is_owed_the_grace_and_the_open_checkout(sql: Sql) -> None:
    there = AtStripe(sql)
    theirs = there.subscribe(0, status="past_due")
    for days, remaining, status in ((0, 100, "void"), (1, 0, "open"), (3, 300, "open"), (2, 200, "open")):
        there.invoice(days, remaining, status, theirs)
    there.invoice(4, 400, "draft", theirs)
    there.invoice(0, 500)
    values = {"org_id": there.org, "stripe_subscription_id": theirs, "started_at": NOW, "grace_ends_at": NOW}
    sql.insert("dunnings", id=uuid4(), **values)
    sql.insert(
        "checkouts", id=uuid4(), org_id=there.org, purpose="subscription", plan_version_id=there.version,
        interval="month", currency="CHF", amount=900, state="opening", opened_at=NOW,
    )  # fmt: skip
    assert there.status("amount_remaining, due_currency, grace_ends_at") == (500, "CHF", NOW)
    assert there.status("checkout_version_id, checkout_interval, checkout_currency") == (there.version, "month", "CHF")
    assert sql.rows("SELECT grace_ends_at FROM payments_dunnings_running WHERE org_id = %s", there.org) == [(NOW,)]
    sql.rows("UPDATE dunnings SET ended_at = %s, outcome = 'recovered' WHERE org_id = %s", NOW, there.org)
    assert there.status("grace_ends_at") == (None,)
    assert sql.rows("SELECT FROM payments_dunnings_running WHERE org_id = %s", there.org) == []


@pytest.mark.parametrize("code", ["authentication_required", "card_declined", None])
def test_payments_pending_changes_say_what_is_to_be_paid_and_how_that_failed(sql: Sql, code: str | None) -> None:
    there = AtStripe(sql)
    waits = {"pending_price_id": there.price, "pending_expires_at": NOW}
    there.subscribe(0, status="canceled", ended_at=NOW, **waits)
    theirs = there.subscribe(1, **waits)
    bill = there.invoice(1, 100, "open", theirs)
    sql.rows("UPDATE stripe_subscriptions SET latest_invoice_id = %s WHERE id = %s", bill, theirs)
    if code:
        there.failed(bill, code)
        sql.rows("UPDATE billing_records SET failure = 'No.' WHERE invoice_id = %s", bill)
    asked = "SELECT plan_version_id, interval, expires_at, amount, url, failure, confirm FROM payments_pending_changes"
    expected = (
        there.version,
        "month",
        NOW,
        100,
        "https://pay/1",
        "No." if code else None,
        code is not None and "auth" in code,
    )
    assert sql.rows(f"{asked} WHERE org_id = %s", there.org) == [expected]
    assert there.status("pending_amount, pending_url, pending_failure") == (100, "https://pay/1", expected[5])


def test_a_second_subscription_is_one_that_runs_beside_the_one_in_force(sql: Sql) -> None:
    there = AtStripe(sql)
    asked = "SELECT id FROM payments_second_subscriptions WHERE org_id = %s"
    there.subscribe(0, status="incomplete")
    there.subscribe(0, status="canceled", ended_at=NOW)
    first = there.subscribe(1)
    assert sql.rows(asked, there.org) == []
    newer = there.subscribe(2)
    assert sql.rows(asked, there.org) == [(newer,)]
    there.subscribe(3, subscription_id=subscription(sql, there.org, there.version))
    assert sorted(sql.rows(asked, there.org)) == sorted([(first,), (newer,)])
    found = sql.value("SELECT payments_at_stripe(%s, 2)", there.org)["seconds"]
    assert {(each["id"], each["amount"], each["currency"]) for each in found} == {
        (first, 900, "CHF"), (newer, 900, "CHF"),
    }  # fmt: skip


@pytest.mark.parametrize("state", sorted(set(STATES) - {"incomplete", "ended"}))
def test_payments_owed_has_the_open_invoices_of_the_states_in_which_a_payment_is_late(sql: Sql, state: str) -> None:
    there = AtStripe(sql)
    there.invoice(1, 100, "open", there.subscribe(0, status=state))
    assert sql.rows("SELECT amount FROM payments_owed(%s)", there.org) == [(100,)] * (state in LATE)


@pytest.mark.parametrize(
    ("state", "owed"),
    [("active", [100]), ("past_due", [100, 200]), ("unpaid", [100, 200, 300]), ("canceled", [])],
)
def test_payments_owed_are_failed_invoices_and_drafts_of_what_is_unpaid(sql: Sql, state: str, owed: list[int]) -> None:
    there = AtStripe(sql)
    theirs = there.subscribe(0, status=state)
    there.failed(there.invoice(1, 100, "open", theirs), "authentication_required")
    there.invoice(2, 200, "open", theirs)
    there.invoice(3, 300, "draft", theirs)
    there.invoice(0, 400, "open", None)
    there.invoice(4, 0, "open", theirs)
    rows = sql.rows("SELECT amount, confirm_url FROM payments_owed(%s) ORDER BY created_at", there.org)
    assert rows == [(amount, "https://pay/1" if amount == 100 else None) for amount in owed]
    summed = (sum(owed), len(owed), "https://pay/1") if owed else (None, None, None)
    assert there.status("amount_remaining, due_invoices, confirm_url") == summed


def test_payments_open_invoices_are_those_beside_what_is_owed_for_the_plan(sql: Sql) -> None:
    there = AtStripe(sql)
    theirs = there.subscribe(0, status="past_due")
    earlier = there.subscribe(1, status="canceled", ended_at=NOW)
    there.failed(there.invoice(1, 100, "open", theirs), None)
    there.invoice(2, 200, "open", None)
    there.invoice(3, 300, "open", earlier)
    there.invoice(4, 400, "paid", None)
    asked = "SELECT amount FROM payments_open_invoices(%s) ORDER BY 1"
    assert sql.rows(asked, there.org) == [(200,), (300,)]
    sql.rows("UPDATE stripe_subscriptions SET status = 'active' WHERE id = %s", theirs)
    there.invoice(5, 500, "open", theirs)
    assert sql.rows(asked, there.org) == [(200,), (300,)]  # Stripe is about to charge it
    sql.rows("UPDATE stripe_invoices SET due_at = %s WHERE org_id = %s AND amount_remaining = 500", NOW, there.org)
    assert sql.rows(asked, there.org) == [(200,), (300,), (500,)]


def test_payments_at_stripe_shows_the_newest_so_many_of_each(sql: Sql) -> None:
    there = AtStripe(sql)
    there.subscribe(0, status="canceled", ended_at=NOW)
    newest = there.subscribe(1)
    for number in range(3):
        sql.insert(
            "stripe_inbox", id=f"evt_{there.org.hex}_{number}", type="t", livemode=False, object_type="x",
            customer_id=there.customer, source="webhook", body="{}", created_at=NOW,
            received_at=NOW + timedelta(days=number),
        )  # fmt: skip
    found = sql.value("SELECT payments_at_stripe(%s, 2)", there.org)
    assert (found["customer"]["id"], found["subscription"]["id"]) == (there.customer, newest)
    assert [each["id"][-1] for each in found["events"]] == ["2", "1"]
    assert found["records"] is None
    assert sql.value("SELECT payments_at_stripe(%s, 2)", sql.org())["customer"] is None
