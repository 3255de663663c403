"""What never came is fetched; what differs is named and repaired; what cannot be repaired is said."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from app.payments import cli, queries
from app.payments.gateway import get_gateway
from app.payments.models import InboxEvent, StripeCursor, StripeCustomer, StripeInvoice, StripePrice, StripeSubscription
from app.payments.reconciliation import compare_with_stripe
from app.payments.reconciliation.pending import list_pending
from app.payments.reconciliation.reconcile import ReconciliationReport
from app.payments.tasks import PERIODIC, TASKS, reconcile, resolve_pending_payments
from app.web.runtime import business_now
from tests.payments.conftest import Buyer, Shop


@pytest.fixture(autouse=True)
def alone(shop: Shop) -> None:
    """Customers of other tests' worlds are not in this one: they are not compared."""
    shop.session.execute(text("UPDATE stripe_customers SET deleted_at = now() WHERE deleted_at IS NULL"))
    shop.session.execute(text("DELETE FROM stripe_cursors"))
    shop.session.execute(text("UPDATE checkouts SET state = 'failed', closed_at = now() WHERE closed_at IS NULL"))
    shop.session.execute(
        text("UPDATE billing_records SET state = 'failed', settled_at = now() WHERE state = 'pending'")
    )
    shop.session.execute(text("UPDATE stripe_invoices SET status = 'void' WHERE status IN ('draft', 'open')"))
    shop.session.commit()


def named(report: ReconciliationReport, kind: str) -> dict[str, tuple[str, str, bool]]:
    return {each.field: (each.here, each.there, each.repaired) for each in report.differences if each.kind == kind}


def bought(shop: Shop) -> Buyer:
    buyer = shop.buy()
    shop.deliver()
    assert shop.mirror(buyer)
    return buyer


def test_nothing_differs_after_a_purchase(shop: Shop) -> None:
    bought(shop)
    report = reconcile()
    assert (report.fetched, report.differences) == ([], [])
    assert report.compared == 3  # a customer, a subscription, an invoice


def test_events_that_were_dropped_are_fetched_and_applied(shop: Shop) -> None:
    shop.standin.webhooks(drop=100)
    buyer = shop.buy()
    shop.deliver()
    assert shop.mirror(buyer) is None
    report = reconcile()
    sent = {each["id"] for each in shop.standin.events()}
    assert report.fetched
    assert set(report.fetched) <= sent
    assert report.differences == []
    assert shop.record(buyer).state == "completed"
    assert queries.find_open_subscription(shop.session, buyer.org_id) is not None
    row = shop.session.get_one(InboxEvent, report.fetched[0])
    assert (row.source, row.state) == ("reconcile", "applied")
    reconcile()  # fetches what our own calls have caused meanwhile
    assert reconcile().fetched == []


def test_a_dispute_that_nobody_heard_of_is_fetched_for_a_person_to_see(shop: Shop) -> None:
    shop.standin.webhooks(drop=100)
    shop.buy("4000000000000259")
    shop.clock.advance(timedelta(hours=2))
    shop.deliver()
    [lost] = shop.standin.events("charge.dispute.created")
    assert lost["id"] in reconcile().fetched
    assert shop.row(lost["id"]).state == "ignored"


def test_the_next_run_reads_on_from_the_last(shop: Shop) -> None:
    bought(shop)
    reconcile()
    shop.session.rollback()
    assert shop.session.get_one(StripeCursor, "events").at == business_now()
    shop.clock.advance(timedelta(hours=3))
    asked = len(shop.standin.calls)
    assert reconcile().fetched == []
    lists = [each.call.query for each in shop.standin.calls[asked:] if each.call.path == "/v1/events"]
    since = int((business_now() - timedelta(hours=4)).timestamp())
    assert str(since) in lists[0]


def test_a_difference_of_a_subscription_is_named_and_repaired(shop: Shop) -> None:
    buyer = bought(shop)
    mirror = shop.mirror(buyer)
    assert mirror is not None
    mirror.status, mirror.cancel_at_period_end = "past_due", True
    shop.session.commit()
    report = reconcile()
    assert named(report, "subscription") == {
        "status": ("past_due", "active", True),
        "cancel_at_period_end": ("True", "False", True),
    }
    assert report.remaining == []
    assert shop.session.get_one(StripeSubscription, mirror.id, populate_existing=True).status == "active"


def test_a_difference_of_an_invoice_and_of_its_record_is_named_and_repaired(shop: Shop) -> None:
    buyer = bought(shop)
    record = shop.record(buyer)
    record.state, record.settled_at = "pending", None
    shop.session.get_one(StripeInvoice, record.invoice_id).status = "open"
    shop.session.commit()
    report = reconcile()
    assert named(report, "invoice") == {
        "status": ("open", "paid", True),
        "billing record": ("pending", "paid", True),
    }
    assert shop.record(buyer).state == "completed"


def test_what_is_missing_here_is_made(shop: Shop) -> None:
    buyer = bought(shop)
    shop.session.execute(text("DELETE FROM stripe_invoices WHERE org_id = :org"), {"org": buyer.org_id})
    shop.session.commit()
    assert named(reconcile(), "invoice") == {"existence": ("missing", "paid", True)}
    assert shop.session.get_one(StripeInvoice, shop.record(buyer).invoice_id).status == "paid"


def test_a_difference_of_a_customer_names_no_address(shop: Shop) -> None:
    buyer = bought(shop)
    mirror = queries.find_customer(shop.session, buyer.org_id)
    assert mirror is not None
    mirror.email, mirror.card_id = "old@example.com", "pm_old"
    shop.session.commit()
    report = reconcile()
    found = named(report, "customer")
    assert found["email"] == ("another", "another", True)
    assert found["card_id"][2]
    assert "@" not in "".join(each.describe() for each in report.differences)


def test_comparing_changes_nothing_at_stripe_and_a_card_chosen_unheard_of_is_named_and_repaired(shop: Shop) -> None:
    """Who changes something there holds the org's lock; a comparison holds none."""
    buyer = bought(shop)
    v1, [theirs] = shop.standin.client().v1, shop.standin.objects("subscription")
    chosen = v1.payment_methods.attach("pm_card_mastercard", {"customer": theirs["customer"]}).id
    v1.customers.update(theirs["customer"], {"invoice_settings": {"default_payment_method": chosen}})
    asked = len(shop.standin.calls)
    every = list(compare_with_stripe.list_objects(get_gateway(), business_now()))
    assert {each.call.method for each in shop.standin.calls[asked:]} == {"GET"}
    found = [named for each in every for named in compare_with_stripe.repair(get_gateway(), each, business_now())]
    assert [(each.field, each.there, each.repaired) for each in found] == [("card_id", chosen, True)]
    assert shop.standin.objects("subscription")[0]["default_payment_method"] == chosen
    mirror = queries.find_customer(shop.session, buyer.org_id)
    assert mirror is not None
    assert mirror.card_id == chosen


def test_what_cannot_be_repaired_remains_and_the_command_fails(shop: Shop, app: Flask) -> None:
    buyer = bought(shop)
    mirror = shop.mirror(buyer)
    assert mirror is not None
    mirror.status = "past_due"
    price_id = mirror.price_id
    shop.session.execute(text("ALTER TABLE stripe_subscriptions DISABLE TRIGGER ALL"))
    shop.session.execute(text("ALTER TABLE stripe_prices DISABLE TRIGGER ALL"))
    kept = shop.session.get_one(StripePrice, price_id)
    facts = {column.name: getattr(kept, column.name) for column in StripePrice.__table__.columns}
    shop.session.delete(kept)
    shop.session.commit()
    try:
        done = app.test_cli_runner().invoke(cli.group, ["reconcile"])
        assert done.exit_code == 1
        assert f"subscription {mirror.id}: status is past_due here, active at Stripe; NOT REPAIRED" in done.output
    finally:
        shop.session.rollback()
        shop.session.add(StripePrice(**facts))
        shop.session.flush()
        shop.session.execute(text("ALTER TABLE stripe_subscriptions ENABLE TRIGGER ALL"))
        shop.session.execute(text("ALTER TABLE stripe_prices ENABLE TRIGGER ALL"))
        shop.session.commit()
    done = app.test_cli_runner().invoke(cli.group, ["reconcile", "--json"])
    assert done.exit_code == 0
    assert [each["repaired"] for each in json.loads(done.output)["differences"]] == [True]


def test_a_pending_checkout_is_resolved_by_asking(shop: Shop) -> None:
    buyer = shop.buy()
    shop.clock.advance(timedelta(minutes=3))
    report = reconcile()
    assert shop.record(buyer).state == "completed"
    assert report.differences == []


def test_a_draft_that_was_deleted_at_stripe_stops_nothing(shop: Shop) -> None:
    buyer = bought(shop)
    kept = shop.session.get_one(StripeInvoice, shop.record(buyer).invoice_id)
    facts = {column.name: getattr(kept, column.name) for column in StripeInvoice.__table__.columns}
    shop.session.add(StripeInvoice(**facts | {"id": "in_deleted", "status": "draft"}))
    shop.session.commit()
    shop.clock.advance(timedelta(days=70))
    assert reconcile().compared == 2  # the customer and the subscription; the invoice is too old


def test_one_that_breaks_stops_none_of_the_others(shop: Shop) -> None:
    """Stripe says something that our tables do not take."""
    broken, whole = shop.buy(), shop.buy()
    customer = shop.standin.objects("checkout.session", id=broken.session_id)[0]["customer"]
    [card] = shop.standin.objects("payment_method", customer=customer)
    card["card"]["last4"] = "none"
    shop.clock.advance(timedelta(minutes=3))
    resolve_pending_payments()
    assert (shop.record(broken).state, shop.record(whole).state) == ("pending", "completed")
    card["card"]["last4"] = "4242"
    resolve_pending_payments()
    assert shop.record(broken).state == "completed"
    shop.deliver()
    card["card"]["last4"] = "none"
    shop.session.get_one(StripeCustomer, customer).email = "old@example.com"
    shop.session.commit()
    assert [(each.id, each.field) for each in reconcile().remaining] == [(customer, "email")]


def test_a_second_subscription_that_is_charged_for_nothing_is_told_every_night(shop: Shop) -> None:
    buyer = bought(shop)
    mirror = shop.mirror(buyer)
    assert mirror is not None
    shop.standin.client().v1.subscriptions.create(
        {"customer": mirror.customer_id, "items": [{"price": mirror.price_id}], "metadata": {}}
    )
    shop.deliver()
    report = reconcile()
    assert [(each.field, each.here, each.there) for each in report.remaining] == [("plan given", "none", "active")]


def test_reconciling_asks_about_all_that_waits_a_sweep_about_some(shop: Shop) -> None:
    buyer = shop.visit()
    shop.session.execute(
        text(
            "INSERT INTO billing_records"
            " (id, org_id, state, reason, description, amount, currency, invoice_id, created_at)"
            " SELECT gen_random_uuid(), :org, 'pending', 'one_off', 'x', 1, 'USD', 'in_w' || n, :at"
            " FROM generate_series(1, 250) n"
        ),
        {"org": buyer.org_id, "at": business_now() - timedelta(hours=3)},
    )
    found = list_pending(shop.session, business_now() + timedelta(minutes=5), unlimited=True)
    assert len(found) == 251
    assert len(list_pending(shop.session, business_now() + timedelta(minutes=60), unlimited=False)) == 200
    shop.session.rollback()


def test_a_replay_from_the_command_line_says_what_became_of_it(shop: Shop, app: Flask) -> None:
    bought(shop)
    event_id = shop.standin.events("invoice.paid")[0]["id"]
    done = app.test_cli_runner().invoke(cli.group, ["replay", event_id])
    assert (done.exit_code, done.output) == (0, f"{event_id}: applied\n")
    assert app.test_cli_runner().invoke(cli.group, ["replay", "evt_none"]).exit_code == 2


def test_every_periodic_task_is_a_task() -> None:
    assert {name for _, name in PERIODIC} < TASKS.keys()
