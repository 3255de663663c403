"""What never came is fetched; what differs is named and repaired; what cannot be repaired is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.payments import cli, queries
from app.payments.cursors import StripeCursor
from app.payments.end_second import end_second_subscription
from app.payments.gateway import get_gateway
from app.payments.models import StripeCustomer, StripeInvoice, StripePrice, StripeSubscription
from app.payments.reconciliation import compare_with_stripe
from app.payments.reconciliation.everything import list_everything
from app.payments.reconciliation.pending import list_pending
from app.payments.reconciliation.reconcile import ReconciliationReport
from app.payments.tasks import PERIODIC, TASKS, reconcile, reconcile_everything, resolve_pending_payments
from app.payments.webhooks.models import InboxEvent
from app.stripe_gateway.gateway import API_VERSION
from app.web.runtime import business_now
from tests.factories import allow_any_change
from tests.scenario import Org, Scenario
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on
from tests.support.roles import BY_HAND

MIRRORS = "TRUNCATE stripe_customers, checkouts, billing_records, stripe_inbox, stripe_cursors CASCADE"


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """An installation of these tests' own."""
    with own_database(server, "reconcile") as url, app_on(url, clocks, **stripe_server.stripe_settings()) as made:
        yield made


@pytest.fixture(autouse=True)
def alone(scenario: Scenario) -> None:
    """A run compares all customers there are with this test's world at Stripe."""
    scenario.session.execute(BY_HAND)
    scenario.session.execute(text(MIRRORS))
    scenario.session.commit()


def named(report: ReconciliationReport, kind: str) -> dict[str, tuple[str, str, bool]]:
    return {each.field: (each.here, each.there, each.repaired) for each in report.differences if each.kind == kind}


def bought(scenario: Scenario) -> Org:
    org = scenario.org().buys(returns=False)
    scenario.settle()
    assert org.mirror
    return org


def paying(scenario: Scenario) -> Org:
    """Bought long ago: the next run has no event to fetch."""
    org = scenario.org().paying()
    up_to_date(scenario)
    return org


def up_to_date(scenario: Scenario) -> None:
    """The last run has read all events."""
    scenario.later(hours=2)
    scenario.session.rollback()
    scenario.session.merge(StripeCursor(name="events", value="", at=business_now()))
    scenario.session.commit()


@pytest.mark.slow
def test_nothing_differs_after_a_purchase(scenario: Scenario) -> None:
    bought(scenario)
    report = reconcile_everything()
    assert (report.fetched, report.differences) == ([], [])
    assert report.compared == 3  # a customer, a subscription, an invoice


@pytest.mark.slow
def test_events_that_were_dropped_are_fetched_and_applied(scenario: Scenario) -> None:
    scenario.stripe.webhooks(drop=100)
    org = scenario.org().buys(returns=False)
    scenario.settle()
    assert org.mirror is None
    report = reconcile_everything()
    sent = {each["id"] for each in scenario.stripe.events()}
    assert report.fetched
    assert set(report.fetched) <= sent
    assert report.differences == []
    assert org.record.state == "completed"
    assert queries.find_open_subscription(scenario.session, org.id) is not None
    row = scenario.session.get_one(InboxEvent, report.fetched[0])
    assert (row.source, row.state) == ("reconcile", "applied")
    reconcile_everything()  # fetches what our own calls have caused meanwhile
    assert reconcile_everything().fetched == []


@pytest.mark.slow
def test_a_dispute_that_nobody_heard_of_is_fetched_for_a_person_to_see(scenario: Scenario) -> None:
    scenario.stripe.webhooks(drop=100)
    scenario.org().buys(returns=False, card="4000000000000259")
    scenario.later(hours=2)
    scenario.settle()
    [lost] = scenario.stripe.events("charge.dispute.created")
    assert lost["id"] in reconcile_everything().fetched
    assert scenario.inbox(lost["id"]).state == "ignored"


@pytest.mark.slow
def test_the_next_run_reads_on_from_the_last(scenario: Scenario) -> None:
    scenario.org().at_checkout()
    reconcile_everything()
    scenario.session.rollback()
    assert scenario.session.get_one(StripeCursor, "events").at == business_now()
    scenario.later(hours=3)
    asked = len(scenario.stripe.calls)
    assert reconcile_everything().fetched == []
    lists = [each.call.query for each in scenario.stripe.calls[asked:] if each.call.path == "/v1/events"]
    since = int((business_now() - timedelta(hours=4)).timestamp())
    assert str(since) in lists[0]


@pytest.mark.slow
def test_a_nightly_run_costs_what_changed_and_not_what_exists(scenario: Scenario) -> None:
    """P25: its calls do not grow with the customers, and each names our version of Stripe's API."""
    costs = []
    for _ in range(2):
        org = paying(scenario)
        up_to_date(scenario)
        reconcile()
        up_to_date(scenario)
        asked = len(scenario.stripe.calls)
        assert reconcile().compared == 0
        costs.append(len(scenario.stripe.calls) - asked)
    assert costs[0] == costs[1] <= 2
    mirror = org.mirror
    assert mirror is not None
    scenario.stripe.client().v1.subscriptions.update(mirror.id, {"cancel_at_period_end": True})
    scenario.settle()
    mirror = org.mirror
    assert mirror is not None
    mirror.status = "past_due"
    scenario.session.commit()
    asked = len(scenario.stripe.calls)
    report = reconcile()
    assert named(report, "subscription") == {"status": ("past_due", "active", True)}
    assert report.compared == 2  # the subscription and its customer
    assert {each.call.version for each in scenario.stripe.calls[asked:]} == {API_VERSION}


@pytest.mark.slow
def test_a_run_after_stripe_has_forgotten_compares_everything(scenario: Scenario) -> None:
    paying(scenario)
    scenario.later(days=29)
    assert reconcile().compared == 0
    scenario.later(days=32)
    assert reconcile().compared == 3


@pytest.mark.slow
def test_events_in_the_account_s_own_version_are_fetched_and_applied(scenario: Scenario) -> None:
    """P25: Stripe lists events in the version that was the account's when they happened, whatever a call names."""
    scenario.stripe.world.account_version = "2020-08-27"
    scenario.stripe.webhooks(drop=100)
    org = scenario.org().buys(returns=False)
    scenario.settle()
    fetched = reconcile().fetched
    assert fetched
    assert {scenario.inbox(each).state for each in fetched} <= {"applied", "ignored"}
    assert org.record.state == "completed"


def test_an_event_that_was_refused_for_its_version_is_applied_by_the_next_run(scenario: Scenario) -> None:
    """P6: nothing is lost though nobody replays it."""
    org = paying(scenario)
    scenario.stripe.client().v1.refunds.create({"payment_intent": str(org.record.transaction_id)})
    [sent] = scenario.stripe.events("refund.created")
    scenario.stripe.lose()
    scenario.send({**sent, "api_version": "2020-08-27"})
    scenario.work()
    assert scenario.inbox(sent["id"]).state == "refused"
    reconcile()
    assert (scenario.inbox(sent["id"]).state, org.record.state) == ("applied", "refunded")


def test_a_difference_of_a_subscription_is_named_and_repaired(scenario: Scenario) -> None:
    org = paying(scenario)
    mirror = org.mirror
    assert mirror is not None
    mirror.status, mirror.cancel_at_period_end = "past_due", True
    scenario.session.commit()
    report = reconcile_everything()
    assert named(report, "subscription") == {
        "status": ("past_due", "active", True),
        "cancel_at_period_end": ("True", "False", True),
    }
    assert report.remaining == []
    assert scenario.session.get_one(StripeSubscription, mirror.id, populate_existing=True).status == "active"


@pytest.mark.slow
def test_a_difference_of_an_invoice_and_of_its_record_is_named_and_repaired(scenario: Scenario) -> None:
    org = bought(scenario)
    record = org.record
    allow_any_change(scenario.session)
    record.state, record.settled_at = "pending", None
    scenario.session.get_one(StripeInvoice, record.invoice_id).status = "open"
    scenario.session.commit()
    report = reconcile_everything()
    assert named(report, "invoice") == {
        "status": ("open", "paid", True),
        "billing record": ("pending", "paid", True),
    }
    assert org.record.state == "completed"


def test_what_is_missing_here_is_made(scenario: Scenario) -> None:
    org = paying(scenario)
    scenario.session.execute(BY_HAND)
    scenario.session.execute(text("DELETE FROM stripe_invoices WHERE org_id = :org"), {"org": org.id})
    scenario.session.commit()
    assert named(reconcile_everything(), "invoice") == {"existence": ("missing", "paid", True)}
    assert scenario.session.get_one(StripeInvoice, org.record.invoice_id).status == "paid"


@pytest.mark.slow
def test_a_purchase_of_which_nothing_is_known_here_is_made_without_any_event(scenario: Scenario) -> None:
    """As after a restore: Stripe forgets events in thirty days, but neither customers nor subscriptions."""
    payer, org = paying(scenario), scenario.org()
    assert payer.mirror is not None
    v1 = scenario.stripe.client().v1
    named = {"tollkeeper_org": str(org.id)}
    customer = v1.customers.create({"name": "Acme", "payment_method": "pm_card_visa", "metadata": named}).id
    [card] = v1.payment_methods.list({"customer": customer}).data
    items = [{"price": payer.mirror.price_id}]
    v1.subscriptions.create(
        {"customer": customer, "items": items, "default_payment_method": card.id, "metadata": named}
    )  # type: ignore[typeddict-item]
    scenario.stripe.lose()
    up_to_date(scenario)
    report = reconcile_everything()
    assert report.remaining == []
    assert {(each.kind, each.field, each.here) for each in report.differences if each.org_id == org.id} == {
        (kind, "existence", "missing")
        for kind in ("customer", "invoice")  # the subscription comes with its customer
    }
    assert org.plan_version == payer.plan_version
    assert [each.state for each in org.records] == ["completed"]


@pytest.mark.slow
def test_a_customer_that_cannot_be_mirrored_is_told_every_night(scenario: Scenario) -> None:
    """The org has another one, so this one grants nothing; the list begins no later because of it."""
    org = paying(scenario)
    named = {"tollkeeper_org": str(org.id)}
    second = scenario.stripe.client().v1.customers.create({"name": "Acme", "metadata": named}).id
    scenario.stripe.lose()
    for _ in range(2):
        up_to_date(scenario)
        assert [(each.id, each.here) for each in reconcile_everything().remaining] == [(second, "missing")]


def test_a_difference_of_a_customer_names_no_address(scenario: Scenario) -> None:
    org = paying(scenario)
    mirror = queries.find_customer(scenario.session, org.id)
    assert mirror is not None
    mirror.email, mirror.card_id = "old@example.com", "pm_old"
    scenario.session.commit()
    report = reconcile_everything()
    found = named(report, "customer")
    assert found["email"] == ("another", "another", True)
    assert found["card_id"][2]
    assert "@" not in "".join(each.describe() for each in report.differences)


def test_comparing_changes_nothing_at_stripe_and_a_card_chosen_unheard_of_is_named_and_repaired(
    scenario: Scenario,
) -> None:
    """Who changes something there holds the org's lock; a comparison holds none."""
    org = paying(scenario)
    v1, [theirs] = scenario.stripe.client().v1, scenario.stripe.objects("subscription")
    chosen = v1.payment_methods.attach("pm_card_mastercard", {"customer": theirs["customer"]}).id
    v1.customers.update(theirs["customer"], {"invoice_settings": {"default_payment_method": chosen}})
    asked = len(scenario.stripe.calls)
    every = list(list_everything(get_gateway(), business_now(), []))
    assert {each.call.method for each in scenario.stripe.calls[asked:]} == {"GET"}
    found = [named for each in every for named in compare_with_stripe.repair(get_gateway(), each, business_now())]
    assert [(each.field, each.there, each.repaired) for each in found] == [("card_id", chosen, True)]
    assert scenario.stripe.objects("subscription")[0]["default_payment_method"] == chosen
    mirror = queries.find_customer(scenario.session, org.id)
    assert mirror is not None
    assert mirror.card_id == chosen


def test_what_cannot_be_repaired_remains_and_the_command_fails(scenario: Scenario, app: Flask) -> None:
    org = paying(scenario)
    mirror = org.mirror
    assert mirror is not None
    mirror.status = "past_due"
    price_id = mirror.price_id
    kept = scenario.session.get_one(StripePrice, price_id)
    facts = {column.name: getattr(kept, column.name) for column in StripePrice.__table__.columns}
    scenario.session.delete(kept)
    scenario.session.commit()
    done = app.test_cli_runner().invoke(cli.group, ["reconcile", "--all"])
    assert done.exit_code == 1
    assert f"subscription {mirror.id}: status is past_due here, active at Stripe; repaired" in done.output
    kept_words = f"plan is kept here, price {price_id} matches no plan at Stripe; NOT REPAIRED"
    assert f"subscription {mirror.id}: {kept_words}" in done.output
    scenario.session.rollback()
    scenario.session.add(StripePrice(**facts))
    scenario.session.commit()
    done = app.test_cli_runner().invoke(cli.group, ["reconcile", "--all", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["differences"] == []


@pytest.mark.slow
def test_a_pending_checkout_is_resolved_by_asking(scenario: Scenario) -> None:
    org = scenario.org().buys(returns=False)
    scenario.later(minutes=3)
    report = reconcile_everything()
    assert org.record.state == "completed"
    assert report.differences == []


@pytest.mark.slow
def test_a_draft_that_was_deleted_at_stripe_stops_nothing(scenario: Scenario) -> None:
    org = paying(scenario)
    kept = scenario.session.get_one(StripeInvoice, org.record.invoice_id)
    facts = {column.name: getattr(kept, column.name) for column in StripeInvoice.__table__.columns}
    scenario.session.add(StripeInvoice(**facts | {"id": "in_deleted", "status": "draft"}))
    scenario.session.commit()
    scenario.later(days=70)
    assert reconcile_everything().compared == 2  # the customer and the subscription; the invoice is too old


@pytest.mark.slow
def test_one_that_breaks_stops_none_of_the_others(scenario: Scenario) -> None:
    """Stripe says something that our tables do not take."""
    broken, whole = scenario.org().buys(returns=False), scenario.org().buys(returns=False)
    customer = scenario.stripe.objects("checkout.session", id=broken.session_id())[0]["customer"]
    [card] = scenario.stripe.objects("payment_method", customer=customer)
    card["card"]["last4"] = "none"
    scenario.later(minutes=3)
    resolve_pending_payments()
    assert (broken.record.state, whole.record.state) == ("pending", "completed")
    card["card"]["last4"] = "4242"
    resolve_pending_payments()
    assert broken.record.state == "completed"
    up_to_date(scenario)
    card["card"]["last4"] = "none"
    scenario.session.get_one(StripeCustomer, customer).email = "old@example.com"
    scenario.session.commit()
    assert [(each.id, each.field) for each in reconcile_everything().remaining] == [(customer, "email")]


@pytest.mark.slow
def test_a_second_subscription_that_is_charged_for_nothing_is_told_every_night(scenario: Scenario) -> None:
    org = paying(scenario)
    mirror = org.mirror
    assert mirror is not None
    scenario.stripe.client().v1.subscriptions.create(
        {"customer": mirror.customer_id, "items": [{"price": mirror.price_id}], "metadata": {}}
    )
    scenario.settle()
    report = reconcile_everything()
    assert [(each.field, each.here, each.there) for each in report.remaining] == [("plan given", "none", "active")]
    end_second_subscription(org.id, report.remaining[0].id, actor=SYSTEM, now=business_now())
    assert reconcile_everything().remaining == []


def test_reconciling_asks_about_all_that_waits_a_sweep_on_the_hour_about_some(scenario: Scenario) -> None:
    org = scenario.org().at_checkout()
    scenario.session.execute(
        text(
            "INSERT INTO billing_records"
            " (id, org_id, state, reason, description, amount, currency, invoice_id, created_at)"
            " SELECT gen_random_uuid(), :org, 'pending', 'one_off', 'x', 1, 'USD', 'in_w' || n, :at"
            " FROM generate_series(1, 250) n"
        ),
        {"org": org.id, "at": business_now() - timedelta(hours=3)},
    )
    found = list_pending(scenario.session, business_now() + timedelta(minutes=5), unlimited=True)
    assert len(found) == 251
    on_the_hour = business_now().replace(minute=0) + timedelta(hours=2)
    assert len(list_pending(scenario.session, on_the_hour)) == 200
    assert list_pending(scenario.session, on_the_hour + timedelta(minutes=30)) == []
    scenario.session.rollback()


def test_a_sweep_asks_first_about_what_is_newest_and_on_the_hour_about_what_is_oldest(scenario: Scenario) -> None:
    org, now = scenario.org(), business_now().replace(minute=1)
    scenario.session.execute(
        text(
            "INSERT INTO billing_records"
            " (id, org_id, state, reason, description, amount, currency, invoice_id, created_at)"
            " SELECT gen_random_uuid(), :org, 'pending', 'one_off', 'x', 1, 'USD', 'in_w' || n,"
            "  :now - make_interval(mins => 3, secs => n) FROM generate_series(1, 6000, 12) n"
        ),
        {"org": org.id, "now": now},
    )
    numbers = [int(str(item.invoice_id)[4:]) for item in list_pending(scenario.session, now)]
    assert numbers == [*range(1, 2400, 12), *range(5989, 3600, -12)][:400]
    assert len(list_pending(scenario.session, now + timedelta(minutes=2))) == 200
    scenario.session.rollback()


@pytest.mark.slow
def test_a_replay_from_the_command_line_says_what_became_of_it(scenario: Scenario, app: Flask) -> None:
    bought(scenario)
    event_id = scenario.stripe.events("invoice.paid")[0]["id"]
    done = app.test_cli_runner().invoke(cli.group, ["replay", event_id])
    assert (done.exit_code, done.output) == (0, f"{event_id}: applied\n")
    assert app.test_cli_runner().invoke(cli.group, ["replay", "evt_none"]).exit_code == 2


def test_every_periodic_task_is_a_task() -> None:
    assert {name for _, name in PERIODIC} < TASKS.keys()


@pytest.mark.slow
def test_a_price_made_by_hand_is_named_and_all_else_repaired(scenario: Scenario) -> None:
    org = paying(scenario)
    price = org.on_price_by_hand()
    assert org.mirror is not None
    ours = org.mirror.price_id
    scenario.stripe.client().v1.subscriptions.update(org.mirror.id, {"cancel_at_period_end": True})
    scenario.stripe.lose()
    for _ in range(2):
        report = reconcile_everything()
        assert [(each.field, each.there) for each in report.remaining] == [("plan", f"price {price} matches no plan")]
    assert org.subscription is not None
    assert org.subscription.cancel_at == org.subscription.billing_ends_at
    org.put_on_price(ours)
    assert reconcile_everything().remaining == []


@pytest.mark.slow
def test_a_subscription_made_by_hand_is_named_until_it_ends(scenario: Scenario) -> None:
    org = paying(scenario)
    price = org.on_price_by_hand()
    v1 = scenario.stripe.client().v1
    assert org.mirror is not None
    v1.subscriptions.cancel(org.mirror.id)
    made = v1.subscriptions.create({"customer": org.customer_id, "items": [{"price": price}]})
    scenario.settle()
    assert {(each.id, each.field) for each in reconcile_everything().remaining} == {
        (made.id, "plan"),
        (made.id, "plan given"),
    }
    v1.subscriptions.cancel(made.id)
    assert reconcile_everything().remaining == []
