"""The mirror of a subscription follows Stripe; ours, the limits and the dunning follow the mirror."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.payments import queries
from app.payments.dunning.models import Dunning
from app.payments.errors import NotOurs
from app.payments.gateway import get_gateway
from app.payments.mirrors.sync_subscription import sync_subscription
from app.payments.models import StripeSubscription
from app.stripe_gateway import subscriptions as theirs
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions import queries as subscriptions
from app.web.runtime import business_now
from tests.payments.lifecycle import HOUR, RENEWED
from tests.scenario import Org, Scenario
from tests.scenario.buying import DECLINES
from tests.scenario.webhook import event
from tests.today import NOON


def bought(scenario: Scenario) -> tuple[Org, RemoteSubscription]:
    org = scenario.org().paying()
    mirror = org.mirror
    assert mirror is not None
    found = theirs.retrieve(get_gateway(), mirror.id)
    scenario.session.rollback()
    return org, found


def past_due(scenario: Scenario) -> Org:
    org, _ = bought(scenario)
    return org.past_due()


def test_a_purchase_puts_the_org_on_the_plan_from_its_anchor(scenario: Scenario) -> None:
    org, found = bought(scenario)
    mirror, ours = org.mirror, subscriptions.find_subscription(scenario.session, org.id)
    assert mirror is not None
    assert ours is not None
    assert (mirror.status, mirror.subscription_id) == ("active", ours.id)
    assert (ours.plan_version_id, ours.collection, ours.anchor_at) == (org.plan.version_id, "stripe", found.anchor_at)
    assert (mirror.period_start, mirror.period_end) == (NOON, RENEWED)


def test_a_renewal_moves_the_period(scenario: Scenario) -> None:
    org, _ = bought(scenario)
    scenario.clock.at = RENEWED
    scenario.settle()
    scenario.clock.at = RENEWED + HOUR
    scenario.settle()
    mirror, ours = org.mirror, subscriptions.find_subscription(scenario.session, org.id)
    assert mirror is not None
    assert ours is not None
    assert (mirror.status, mirror.period_start) == ("active", RENEWED)
    assert ours.billing_starts_at == RENEWED
    assert [(each.reason, each.state) for each in org.records] == [
        ("subscription_start", "completed"), ("subscription_renewal", "completed"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_failed_renewal_begins_dunning_and_payment_ends_it(scenario: Scenario) -> None:
    org = past_due(scenario)
    mirror = org.mirror
    assert mirror is not None
    assert mirror.status == "past_due"
    assert queries.find_dunning(scenario.session, org.id) is not None
    failed = org.records[-1]
    assert (failed.state, failed.card_last4) == ("failed", "0341")
    assert failed.failure
    scenario.session.rollback()
    org.with_card()
    scenario.settle()
    org.pays_what_is_owed()
    scenario.settle()
    running = queries.find_dunning(scenario.session, org.id)
    assert running is None
    over = scenario.session.scalars(select(Dunning).where(Dunning.org_id == org.id)).one()
    assert over.outcome == "recovered"
    assert org.records[-1].state == "completed"


@pytest.mark.slow
def test_an_end_frees_the_org_and_ends_dunning(scenario: Scenario) -> None:
    org = past_due(scenario)
    mirror = org.mirror
    assert mirror is not None
    scenario.stripe.client().v1.subscriptions.cancel(mirror.id)
    scenario.settle()
    over = scenario.session.scalars(select(Dunning).where(Dunning.org_id == org.id)).one()
    assert over.outcome == "ended"
    assert subscriptions.find_subscription(scenario.session, org.id) is None
    assert queries.find_open_subscription(scenario.session, org.id) is None


def test_what_has_ended_never_runs_again(scenario: Scenario) -> None:
    org, found = bought(scenario)
    scenario.stripe.client().v1.subscriptions.cancel(found.id)
    scenario.settle()
    mirror = sync_subscription(scenario.session, org.id, found, business_now())  # an answer that was under way
    assert (mirror.status, mirror.ended_at is not None) == ("canceled", True)
    assert subscriptions.find_subscription(scenario.session, org.id) is None


def test_an_incomplete_subscription_grants_nothing(scenario: Scenario) -> None:
    org, found = bought(scenario)
    another = replace(found, id="sub_incomplete", status="incomplete")
    mirror = sync_subscription(scenario.session, org.id, another, NOON)
    assert mirror.subscription_id is None
    assert queries.find_open_subscription(scenario.session, org.id).id == found.id  # type: ignore[union-attr]


def test_a_second_subscription_changes_nothing_of_the_first(scenario: Scenario) -> None:
    org, found = bought(scenario)
    second = sync_subscription(scenario.session, org.id, replace(found, id="sub_second"), NOON)
    assert second.subscription_id is None
    ended = replace(found, id="sub_second", status="canceled", ended_at=NOON)
    sync_subscription(scenario.session, org.id, ended, NOON)
    assert subscriptions.find_subscription(scenario.session, org.id) is not None
    assert queries.find_open_subscription(scenario.session, org.id).id == found.id  # type: ignore[union-attr]


def test_a_second_subscription_that_is_paid_for_takes_over_when_the_first_ends(scenario: Scenario) -> None:
    """It granted nothing beside the first; without that it is what the org pays for, and no letter says Free."""
    org, found = bought(scenario)
    sync_subscription(scenario.session, org.id, replace(found, id="sub_next"), NOON)
    scenario.session.commit()
    over = NOON + timedelta(days=3)
    ended = replace(found, status="canceled", ended_at=over)
    for _ in range(2):
        sync_subscription(scenario.session, org.id, ended, over)
        scenario.session.commit()
    ours = subscriptions.find_subscription(scenario.session, org.id)
    assert ours is not None
    assert (ours.state, ours.started_at, ours.plan_version_id) == ("active", over, org.plan.version_id)
    assert scenario.session.get_one(StripeSubscription, "sub_next").subscription_id == ours.id
    letters = text("SELECT count(*) FROM mail_outbox WHERE key LIKE 'subscription_ended:' || :id || '%'")
    first = scenario.session.get_one(StripeSubscription, found.id).subscription_id
    assert scenario.session.scalar(letters, {"id": str(first)}) == 0


def test_another_orgs_subscription_is_refused(scenario: Scenario) -> None:
    _, found = bought(scenario)
    other = scenario.org()
    with pytest.raises(NotOurs):
        sync_subscription(scenario.session, other.id, found, NOON)
    with pytest.raises(NotOurs):
        sync_subscription(scenario.session, other.id, replace(found, id="sub_other"), NOON)


def test_a_planned_end_is_shown_and_taken_back(scenario: Scenario) -> None:
    org, found = bought(scenario)
    for planned in (True, False):
        scenario.stripe.client().v1.subscriptions.update(found.id, {"cancel_at_period_end": planned})
        scenario.settle()
        mirror, ours = org.mirror, subscriptions.find_subscription(scenario.session, org.id)
        assert mirror is not None
        assert ours is not None
        assert (mirror.cancel_at_period_end, ours.cancel_at) == (planned, mirror.period_end if planned else None)


def test_a_late_subscription_heard_of_by_its_customer_comes_with_the_invoice_that_made_it_late(
    scenario: Scenario,
) -> None:
    """The first email about the failure is written then, and names what is owed."""
    org, _ = bought(scenario)
    org.with_card(DECLINES)
    scenario.settle()
    scenario.at(RENEWED + timedelta(days=1)).stripe.run_due()
    scenario.later(hours=2).stripe.run_due()
    [sent] = scenario.stripe.events("customer.updated")[-1:]
    scenario.stripe.lose()
    scenario.send(event("customer.updated", sent["data"]["object"]))
    scenario.work()
    mirror = org.mirror
    assert mirror is not None
    assert mirror.status == "past_due"
    assert [each.amount for each in queries.list_owed(org.session, org.id)] == [1000]
