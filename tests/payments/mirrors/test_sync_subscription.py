"""The mirror of a subscription follows Stripe; ours, the limits and the dunning follow the mirror."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.payments import queries
from app.payments.errors import NotOurs, UnknownPrice
from app.payments.gateway import get_gateway
from app.payments.mirrors.sync_subscription import sync_subscription
from app.payments.models import Dunning, StripeSubscription
from app.stripe_gateway import subscriptions as theirs
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions import queries as subscriptions
from app.web.runtime import business_now
from tests.factories import make_org
from tests.payments.conftest import Buyer, Shop
from tests.payments.lifecycle import HOUR, RENEWED, _card, _pay
from tests.today import NOON


def bought(shop: Shop) -> tuple[Buyer, RemoteSubscription]:
    buyer = shop.buy()
    shop.deliver()
    mirror = shop.mirror(buyer)
    assert mirror is not None
    found = theirs.retrieve(get_gateway(), mirror.id)
    shop.session.rollback()
    return buyer, found


def past_due(shop: Shop) -> Buyer:
    buyer, _ = bought(shop)
    _card("pm_card_chargeCustomerFail")(shop, buyer)
    for at in (RENEWED, RENEWED + HOUR):
        shop.clock.at = at
        shop.deliver()
    return buyer


def test_a_purchase_puts_the_org_on_the_plan_from_its_anchor(shop: Shop) -> None:
    buyer, found = bought(shop)
    mirror, ours = shop.mirror(buyer), subscriptions.find_subscription(shop.session, buyer.org_id)
    assert mirror is not None
    assert ours is not None
    assert (mirror.status, mirror.subscription_id) == ("active", ours.id)
    assert (ours.plan_version_id, ours.collection, ours.anchor_at) == (buyer.plan.version_id, "stripe", found.anchor_at)
    assert (mirror.period_start, mirror.period_end) == (NOON, NOON + timedelta(days=30))


def test_a_renewal_moves_the_period(shop: Shop) -> None:
    buyer, _ = bought(shop)
    shop.clock.at = RENEWED
    shop.deliver()
    shop.clock.at = RENEWED + HOUR
    shop.deliver()
    mirror, ours = shop.mirror(buyer), subscriptions.find_subscription(shop.session, buyer.org_id)
    assert mirror is not None
    assert ours is not None
    assert (mirror.status, mirror.period_start) == ("active", RENEWED)
    assert ours.billing_starts_at == RENEWED
    assert [(each.reason, each.state) for each in shop.records(buyer)] == [
        ("subscription_start", "completed"), ("subscription_renewal", "completed"),
    ]  # fmt: skip


def test_a_failed_renewal_begins_dunning_and_payment_ends_it(shop: Shop) -> None:
    buyer = past_due(shop)
    mirror = shop.mirror(buyer)
    assert mirror is not None
    assert mirror.status == "past_due"
    assert queries.find_dunning(shop.session, buyer.org_id) is not None
    failed = shop.records(buyer)[-1]
    assert (failed.state, failed.card_last4) == ("failed", "0341")
    assert failed.failure
    shop.session.rollback()
    _card("pm_card_visa")(shop, buyer)
    _pay(shop, buyer)
    shop.deliver()
    running = queries.find_dunning(shop.session, buyer.org_id)
    assert running is None
    over = shop.session.scalars(select(Dunning).where(Dunning.org_id == buyer.org_id)).one()
    assert over.outcome == "recovered"
    assert shop.records(buyer)[-1].state == "completed"


def test_an_end_frees_the_org_and_ends_dunning(shop: Shop) -> None:
    buyer = past_due(shop)
    mirror = shop.mirror(buyer)
    assert mirror is not None
    shop.standin.client().v1.subscriptions.cancel(mirror.id)
    shop.deliver()
    over = shop.session.scalars(select(Dunning).where(Dunning.org_id == buyer.org_id)).one()
    assert over.outcome == "ended"
    assert subscriptions.find_subscription(shop.session, buyer.org_id) is None
    assert queries.find_open_subscription(shop.session, buyer.org_id) is None


def test_what_has_ended_never_runs_again(shop: Shop) -> None:
    buyer, found = bought(shop)
    shop.standin.client().v1.subscriptions.cancel(found.id)
    shop.deliver()
    mirror = sync_subscription(shop.session, buyer.org_id, found, business_now())  # an answer that was under way
    assert (mirror.status, mirror.ended_at is not None) == ("canceled", True)
    assert subscriptions.find_subscription(shop.session, buyer.org_id) is None


def test_an_incomplete_subscription_grants_nothing(shop: Shop) -> None:
    buyer, found = bought(shop)
    another = replace(found, id="sub_incomplete", status="incomplete")
    mirror = sync_subscription(shop.session, buyer.org_id, another, NOON)
    assert mirror.subscription_id is None
    assert queries.find_open_subscription(shop.session, buyer.org_id).id == found.id  # type: ignore[union-attr]


def test_a_second_subscription_changes_nothing_of_the_first(shop: Shop) -> None:
    buyer, found = bought(shop)
    second = sync_subscription(shop.session, buyer.org_id, replace(found, id="sub_second"), NOON)
    assert second.subscription_id is None
    ended = replace(found, id="sub_second", status="canceled", ended_at=NOON)
    sync_subscription(shop.session, buyer.org_id, ended, NOON)
    assert subscriptions.find_subscription(shop.session, buyer.org_id) is not None
    assert queries.find_open_subscription(shop.session, buyer.org_id).id == found.id  # type: ignore[union-attr]


def test_a_second_subscription_that_is_paid_for_takes_over_when_the_first_ends(shop: Shop) -> None:
    """It granted nothing beside the first; without that it is what the org pays for, and no letter says Free."""
    buyer, found = bought(shop)
    sync_subscription(shop.session, buyer.org_id, replace(found, id="sub_next"), NOON)
    shop.session.commit()
    over = NOON + timedelta(days=3)
    ended = replace(found, status="canceled", ended_at=over)
    for _ in range(2):
        sync_subscription(shop.session, buyer.org_id, ended, over)
        shop.session.commit()
    ours = subscriptions.find_subscription(shop.session, buyer.org_id)
    assert ours is not None
    assert (ours.state, ours.started_at, ours.plan_version_id) == ("active", over, buyer.plan.version_id)
    assert shop.session.get_one(StripeSubscription, "sub_next").subscription_id == ours.id
    letters = text("SELECT count(*) FROM mail_outbox WHERE key LIKE 'subscription_ended:' || :id || '%'")
    first = shop.session.get_one(StripeSubscription, found.id).subscription_id
    assert shop.session.scalar(letters, {"id": str(first)}) == 0


def test_a_price_that_nobody_pushed_is_named_and_nothing_is_written(shop: Shop) -> None:
    buyer, found = bought(shop)
    with pytest.raises(UnknownPrice, match="price_nobodys"):
        sync_subscription(shop.session, buyer.org_id, replace(found, id="sub_x", price_id="price_nobodys"), NOON)
    assert shop.session.get(StripeSubscription, "sub_x") is None


def test_another_orgs_subscription_is_refused(shop: Shop) -> None:
    _, found = bought(shop)
    other = make_org(shop.session)
    with pytest.raises(NotOurs):
        sync_subscription(shop.session, other.id, found, NOON)
    with pytest.raises(NotOurs):
        sync_subscription(shop.session, other.id, replace(found, id="sub_other"), NOON)


def test_a_planned_end_is_shown_and_taken_back(shop: Shop) -> None:
    buyer, found = bought(shop)
    for planned in (True, False):
        shop.standin.client().v1.subscriptions.update(found.id, {"cancel_at_period_end": planned})
        shop.deliver()
        mirror, ours = shop.mirror(buyer), subscriptions.find_subscription(shop.session, buyer.org_id)
        assert mirror is not None
        assert ours is not None
        assert (mirror.cancel_at_period_end, ours.cancel_at_period_end) == (planned, planned)
