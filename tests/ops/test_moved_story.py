"""A jump over renewals, letters and periods: the portal sees each at its own instant, with what Stripe says then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.scenario import Org, Scenario

SWEEPS = ("subscriptions.open_periods", "payments.advance_dunnings")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INVOICES = "SELECT id, status FROM stripe_invoices WHERE org_id = :org AND billing_reason = 'subscription_cycle'"


@pytest.fixture
def payer(scenario: Scenario) -> Org:
    """An org that bought a plan for a month, told of all that there was to tell."""
    made = scenario.org().buys()
    scenario.settle()
    scenario.session.rollback()
    return made


def boundary(payer: Org) -> datetime:
    """When the running period ends, as Stripe has it."""
    [running] = payer.scenario.stripe.objects("subscription", customer=payer.customer_id)
    return datetime.fromtimestamp(running["items"]["data"][0]["current_period_end"], UTC)


@pytest.mark.slow
def test_two_renewals_are_seen_as_drafts_and_then_as_paid(payer: Org) -> None:
    scenario, first = payer.scenario, boundary(payer)
    seen: dict[datetime, list[str]] = {}
    scenario.moves_to(
        first + 40 * DAY, lambda: seen.update({scenario.clock.now(): sorted(row[1] for row in payer.rows(INVOICES))})
    )
    second = boundary(payer)  # the third period's end: the clock has passed two
    assert scenario.clock.now() == first + 40 * DAY < second
    drafts = [at for at, states in seen.items() if "draft" in states]
    assert drafts[0] == first
    assert len(drafts) == 2
    assert [seen[at] for at in drafts] == [["draft"], ["draft", "paid"]]
    assert [seen[at + HOUR] for at in drafts] == [["paid"], ["paid", "paid"]]


@pytest.mark.slow
def test_a_draft_is_known_before_it_is_final(payer: Org) -> None:
    """`invoice.created` is applied while the invoice can still be changed."""
    scenario = payer.scenario
    scenario.moves_to(boundary(payer))
    [(invoice, status)] = payer.rows(INVOICES)
    assert status == "draft"
    scenario.stripe.client().v1.invoices.update(invoice, {"description": "Usage of the month"})
    scenario.moves_to(scenario.clock.now() + HOUR)
    assert payer.rows(INVOICES) == [(invoice, "paid")]
    assert scenario.stripe.world.get("invoice", invoice)["description"] == "Usage of the month"


@pytest.mark.slow
def test_every_letter_of_a_payment_that_fails_has_its_own_day(payer: Org) -> None:
    scenario = payer.with_card("pm_card_chargeCustomerFail").scenario
    scenario.sweeps = SWEEPS
    failed = boundary(payer) + HOUR
    letters: dict[int, datetime] = {}

    def look() -> None:
        for (count,) in payer.rows("SELECT mails FROM dunnings WHERE org_id = :org"):
            letters.setdefault(count, scenario.clock.now())

    scenario.moves_to(failed + 9 * DAY, look)
    told = {count: at - letters[1] for count, at in letters.items() if count}
    assert told == {1: 0 * DAY, 2: 3 * DAY, 3: 5 * DAY, 4: 7 * DAY}
    assert letters[1] == failed


def test_periods_of_an_org_that_pays_nothing_end_one_by_one(scenario: Scenario) -> None:
    org, scenario.sweeps = scenario.org(zone="Asia/Kolkata"), SWEEPS
    scenario.moves_to(scenario.clock.now())
    seen: list[datetime] = []
    scenario.moves_to(scenario.clock.now() + 95 * DAY, lambda: seen.append(scenario.clock.now()))
    ends = [row[0] for row in org.rows("SELECT ends_at FROM usage_periods WHERE org_id = :org ORDER BY ends_at")]
    assert len([end for end in ends if end in seen]) == len([end for end in ends if end <= seen[-1]]) >= 3


@pytest.mark.parametrize("fault", [{"drop": 3}, {"delay": 600.0}, {"hold": True}, {"reorder": True}, {"duplicate": 2}])
@pytest.mark.slow
def test_faults_of_the_webhooks_stop_no_clock(payer: Org, fault: dict[str, object]) -> None:
    scenario, first = payer.scenario, boundary(payer)
    scenario.stripe.webhooks(**fault)
    scenario.moves_to(first + 2 * HOUR)
    assert scenario.clock.now() == first + 2 * HOUR
    [paid] = scenario.stripe.objects("invoice", customer=payer.customer_id, billing_reason="subscription_cycle")
    assert paid["status"] == "paid"


@pytest.mark.slow
def test_a_webhook_that_is_refused_waits_for_its_next_try_and_not_the_clock(payer: Org) -> None:
    scenario, first = payer.scenario, boundary(payer)
    scenario.stripe.deliver_to(lambda *_: 500)
    scenario.moves_to(first + 2 * HOUR)
    assert {each.tries for each in scenario.stripe.deliveries("waiting")} == {1}
