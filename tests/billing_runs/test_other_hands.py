"""The close when Stripe is away, tells nothing, or somebody works on its drafts in the dashboard meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.billing_runs.run import RunReport
from app.billing_runs.tasks import close_periods
from app.invoices.queries import list_drafts
from app.payments.cli import background_gateway
from sandbox.standin.engine import retry_settings
from sandbox.standin.http.app import Exchange
from tests.billing_runs.patience import patiently
from tests.billing_runs.test_close import (
    ends_and_closes,
    invoices,
    lines,
    manual,
    on_pro,
    renewals,
    run,
    to_the_end,
)
from tests.scenario import Org, Scenario
from tests.scenario.buying import DECLINES

FEE, OVERAGE = 1_000, 10_000
Bill = tuple[str, int]


def sweep(scenario: Scenario, org: Org) -> RunReport:
    """What the worker does each minute, settling of old drafts included."""
    with background_gateway():
        return patiently(lambda: close_periods(org.id))


def later(scenario: Scenario, org: Org, **time: float) -> None:
    """Time passes, Stripe does what is due, we hear of it, the worker comes by, and we hear of that too."""
    scenario.later(**time)
    scenario.settle()
    sweep(scenario, org)
    scenario.settle()


def bills(found: list[dict[str, Any]]) -> list[Bill]:
    """Status and total of invoices at Stripe, by total."""
    return sorted(((each["status"], each["total"]) for each in found), key=lambda bill: bill[1])


def billed(scenario: Scenario, org: Org) -> int:
    """What stands on the org's invoices at Stripe for usage, deleted ones aside."""
    sent = {line.stripe_item_id for line in lines(scenario, org) if line.stripe_item_id}
    assert sent
    found = scenario.stripe.objects("invoice", customer=org.customer_id)
    return sum(
        line["amount"] for each in found for line in each["lines"]["data"] if "tollkeeper_line" in line["metadata"]
    )


@pytest.mark.parametrize("known", [True, False], ids=["held before", "never seen"])
@pytest.mark.slow
def test_stripe_away_for_two_hours_across_a_renewal(scenario: Scenario, known: bool) -> None:
    """Held before, the draft waits; else Stripe finalises it without us, and the usage takes an invoice of its own."""
    org = on_pro(scenario, 60_000)
    end = to_the_end(scenario)
    if known:
        run(scenario, org)
    else:
        scenario.session.rollback()
    scenario.stripe.hold()
    for minutes in (6, 61, 90):
        scenario.stripe.fail("503", times=100)
        scenario.at(end + timedelta(minutes=minutes))
        sweep(scenario, org)
        scenario.stripe.world.faults.clear()
        scenario.stripe.hold()
        scenario.stripe.run_due()
    scenario.stripe.release()
    scenario.at(end + timedelta(hours=2))
    later(scenario, org)
    later(scenario, org, minutes=5)
    own = [] if known else [("paid", OVERAGE)]
    assert bills(manual(scenario, org)) == own
    assert bills(renewals(scenario, org)) == [("paid", FEE + (0 if own else OVERAGE))]
    assert billed(scenario, org) == OVERAGE


@pytest.mark.slow
def test_invoice_created_is_never_delivered(scenario: Scenario) -> None:
    """Five minutes after the boundary we ask."""
    org, door = on_pro(scenario, 60_000), scenario.stripe._receiver
    assert door

    def deaf(body: bytes, headers: dict[str, str]) -> int:
        return 200 if b'"invoice.created"' in body else door(body, headers)

    scenario.stripe.deliver_to(deaf)
    to_the_end(scenario)
    run(scenario, org)
    assert invoices(scenario, org) == []
    later(scenario, org, minutes=5)
    assert [(each.kind, each.state) for each in invoices(scenario, org)] == [("renewal", "draft")]
    later(scenario, org, minutes=56)
    assert bills(renewals(scenario, org)) == [("paid", FEE + OVERAGE)]
    assert manual(scenario, org) == []


@pytest.mark.parametrize("interval", ["month", "year"])
@pytest.mark.slow
def test_drafts_and_items_made_in_the_dashboard_beside_ours(scenario: Scenario, interval: str) -> None:
    org = on_pro(scenario, 60_000, interval)
    v1, customer = scenario.stripe.client().v1, org.customer_id
    [subscription] = scenario.stripe.objects("subscription", customer=customer)
    theirs = v1.invoices.create({"customer": customer, "auto_advance": False})
    v1.invoice_items.create({"customer": customer, "invoice": theirs.id, "amount": 777, "currency": "usd"})
    beside = v1.invoices.create({"customer": customer, "subscription": subscription["id"], "auto_advance": False})
    scenario.later(days=32 if interval == "year" else 0)
    if interval == "month":
        ends_and_closes(scenario, org)
        assert bills(renewals(scenario, org)) == [("paid", FEE + OVERAGE)]
    else:
        later(scenario, org)
        assert bills(manual(scenario, org)) == [("paid", OVERAGE)]
    later(scenario, org, hours=7)
    found = [v1.invoices.retrieve(each.id) for each in (theirs, beside)]
    assert [(each.status, each.total, each.auto_advance) for each in found] == [
        ("draft", 777, False),
        ("draft", 0, False),
    ]


@pytest.mark.slow
def test_a_held_draft_is_finalised_in_the_dashboard(scenario: Scenario) -> None:
    """Before the close: the renewal is paid without usage, which takes an invoice of its own."""
    org = on_pro(scenario, 60_000)
    to_the_end(scenario)
    run(scenario, org)
    [draft] = renewals(scenario, org)
    scenario.stripe.client().v1.invoices.finalize_invoice(draft["id"], {"auto_advance": True})
    later(scenario, org, hours=1)
    later(scenario, org, minutes=1)
    later(scenario, org, hours=2)
    assert bills(renewals(scenario, org)) == [("paid", FEE)]
    assert bills(manual(scenario, org)) == [("paid", OVERAGE)]


def between(scenario: Scenario, after: str, times: int = 1, fails: int = 3) -> None:
    """Stripe stops to answer calls that change something, right after so many of one path."""
    seen: list[str] = []

    def watch(exchange: Exchange) -> None:
        call = exchange.call
        if call.method == "POST" and call.path.startswith(after) and len(seen) < times:
            seen.append(call.path)
            if len(seen) == times:
                scenario.stripe.fail("503", times=fails, method="POST")

    assert scenario.stripe.app
    scenario.stripe.app.watchers.append(watch)


def two_lines_for_one_invoice(scenario: Scenario) -> Org:
    """A yearly subscriber's 30 cents of a month wait for the next, which costs 100 dollars."""
    org = on_pro(scenario, 50_030, "year")
    later(scenario, org, days=31)
    org.uses(60_000, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    scenario.later(days=31)
    return org


@pytest.mark.parametrize("told_first", [False, True])
@pytest.mark.slow
def test_a_draft_with_some_of_its_lines_is_finalised_in_the_dashboard(scenario: Scenario, told_first: bool) -> None:
    """What stands on it is billed by it; the rest takes another, whether or not we hear of it before we try again."""
    org = two_lines_for_one_invoice(scenario)
    between(scenario, "/v1/invoiceitems")
    sweep(scenario, org)
    [draft] = manual(scenario, org)
    assert (draft["status"], draft["total"]) == ("draft", 30)
    scenario.stripe.client().v1.invoices.finalize_invoice(draft["id"], {"auto_advance": True})
    if told_first:
        scenario.stripe.fail("503", times=3, path="/v1/invoiceitems", method="POST")
    for _ in range(4):
        later(scenario, org, minutes=5)
    assert bills(manual(scenario, org)) == [("paid", 30), ("paid", OVERAGE)]
    assert billed(scenario, org) == OVERAGE + 30
    assert {each.state for each in invoices(scenario, org)} == {"final"}


@pytest.mark.parametrize("after", ["/v1/invoices", "/v1/invoiceitems"], ids=["empty", "filled"])
@pytest.mark.parametrize("done", ["deleted", "finalised"])
@pytest.mark.slow
def test_a_draft_of_ours_is_gone_before_we_finalise_it(scenario: Scenario, after: str, done: str) -> None:
    org = on_pro(scenario, 60_000, "year")
    scenario.later(days=33)
    between(scenario, after)
    sweep(scenario, org)
    [draft] = manual(scenario, org)
    v1 = scenario.stripe.client().v1
    if done == "deleted":
        v1.invoices.delete(draft["id"])
    else:
        v1.invoices.finalize_invoice(draft["id"], {"auto_advance": True})
    for _ in range(4):
        later(scenario, org, minutes=5)
    later(scenario, org, hours=7)
    assert [bill for bill in bills(manual(scenario, org)) if bill[1]] == [("paid", OVERAGE)]
    assert billed(scenario, org) == OVERAGE


def becomes_unpaid(scenario: Scenario) -> Org:
    """Its renewal failed for the last time; since then it used another 10,000 units above the allowance."""
    with scenario.stripe.world.change():
        retry_settings.write(scenario.stripe.world, retry_days=(), after_retries="unpaid")
    org = on_pro(scenario, 10)
    org.with_card(DECLINES)
    ends_and_closes(scenario, org)
    assert org.mirror
    assert org.mirror.status == "unpaid"
    scenario.later(days=1)
    return org.uses(60_000, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


@pytest.mark.slow
def test_the_draft_of_an_unpaid_subscription_waits_until_it_is_paid(scenario: Scenario) -> None:
    org = becomes_unpaid(scenario)
    ends_and_closes(scenario, org)
    later(scenario, org, hours=8)
    assert bills(renewals(scenario, org)) == [("open", FEE), ("draft", FEE + OVERAGE)]
    draft = next(each for each in renewals(scenario, org) if each["status"] == "draft")
    org.with_card()
    scenario.settle()
    scenario.stripe.client().v1.invoices.pay(draft["id"])
    later(scenario, org)
    assert bills(renewals(scenario, org)) == [("open", FEE), ("paid", FEE + OVERAGE)]
    assert {each.state for each in invoices(scenario, org)} == {"final"}
    assert org.mirror
    assert org.mirror.status == "active"
    assert billed(scenario, org) == OVERAGE


@pytest.mark.slow
def test_drafts_that_must_wait_never_keep_others_from_being_settled(scenario: Scenario) -> None:
    """A sweep takes so many: those that it looked at longest ago."""
    stuck = becomes_unpaid(scenario)
    ends_and_closes(scenario, stuck)
    sweep(scenario, stuck)
    other = on_pro(scenario, 60_000)
    for _ in (stuck, other):
        to_the_end(scenario)
    run(scenario, other)
    found = [draft.org_id for draft in list_drafts(scenario.session, 10_000)]
    scenario.session.rollback()
    assert found.index(other.id) < found.index(stuck.id)


@pytest.mark.parametrize("interval", ["month", "year"])
@pytest.mark.slow
def test_a_draft_of_paused_collection_waits_until_it_is_resumed(scenario: Scenario, interval: str) -> None:
    org = on_pro(scenario, 60_000, interval)
    pause(scenario, org, "keep_as_draft")
    scenario.later(days=32 if interval == "year" else 0)
    if interval == "month":
        ends_and_closes(scenario, org)
    later(scenario, org)
    later(scenario, org, hours=7)
    waiting = manual(scenario, org) if interval == "year" else renewals(scenario, org)
    fee = FEE if interval == "month" else 0
    assert bills(waiting) == [("draft", fee + OVERAGE)]
    resume(scenario, org)
    later(scenario, org)
    later(scenario, org, minutes=1)
    waiting = manual(scenario, org) if interval == "year" else renewals(scenario, org)
    assert bills(waiting) == [("paid", fee + OVERAGE)]
    assert {each.state for each in invoices(scenario, org)} == {"final"}


@pytest.mark.parametrize("behavior", ["void", "mark_uncollectible"])
@pytest.mark.slow
def test_a_pause_that_closes_renewals_keeps_the_usage_for_later(scenario: Scenario, behavior: str) -> None:
    """What was used is owed all the same; it is asked for once collection is resumed."""
    org = on_pro(scenario, 60_000)
    pause(scenario, org, behavior)
    ends_and_closes(scenario, org)
    later(scenario, org, hours=7)
    assert bills(manual(scenario, org)) == [("draft", OVERAGE)]
    resume(scenario, org)
    later(scenario, org)
    later(scenario, org, minutes=1)
    assert bills(manual(scenario, org)) == [("paid", OVERAGE)]
    assert billed(scenario, org) == OVERAGE


@pytest.mark.slow
def test_a_waiting_draft_that_somebody_deletes_is_made_again(scenario: Scenario) -> None:
    """The usage is owed, and its close is long done."""
    org = on_pro(scenario, 60_000, "year")
    pause(scenario, org, "keep_as_draft")
    later(scenario, org, days=32)
    [draft] = manual(scenario, org)
    scenario.stripe.client().v1.invoices.delete(draft["id"])
    resume(scenario, org)
    later(scenario, org, hours=7)
    later(scenario, org, minutes=1)
    assert bills(manual(scenario, org)) == [("paid", OVERAGE)]
    assert billed(scenario, org) == OVERAGE
    assert sorted(each.state for each in invoices(scenario, org)) == ["dropped", "final"]


def pause(scenario: Scenario, org: Org, behavior: str) -> None:
    [subscription] = scenario.stripe.objects("subscription", customer=org.customer_id)
    paused: Any = {"pause_collection": {"behavior": behavior}}
    scenario.stripe.client().v1.subscriptions.update(subscription["id"], paused)
    scenario.settle()


def resume(scenario: Scenario, org: Org) -> None:
    [subscription] = scenario.stripe.objects("subscription", customer=org.customer_id)
    scenario.stripe.client().v1.subscriptions.update(subscription["id"], {"pause_collection": ""})
    scenario.settle()
