"""Cancelling at the period's end, taking it back, and the page to change a card."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.kit.actor import Actor
from app.kit.errors import Conflict, Unavailable
from app.kit.ids import new_id
from app.payments.cancel import cancel_at_period_end, undo_cancel
from app.payments.payment_methods import card
from app.subscriptions import queries as subscriptions
from tests import factories
from tests.payments.till import Till

ACTOR = Actor("user", new_id())


def planned(till: Till, org: UUID) -> bool:
    till.session.rollback()
    held = subscriptions.find_subscription(till.session, org)
    assert held is not None
    return held.cancel_at_period_end


def test_a_cancelled_plan_runs_to_the_end_of_what_is_paid_and_then_is_free(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    assert cancel_at_period_end(org, actor=ACTOR, now=till.clock.now())
    assert not cancel_at_period_end(org, actor=ACTOR, now=till.clock.now())
    assert planned(till, org)
    assert till.plan_of(org) == plan.version_id
    till.webhooks()
    assert till.plan_of(org) == plan.version_id
    till.clock.advance(timedelta(days=31))
    till.webhooks()
    assert till.plan_of(org) == factories.have_default_plan(till.session).version_id
    assert till.books(org)["records"] == ["completed"]
    with pytest.raises(Conflict):
        undo_cancel(org, actor=ACTOR, now=till.clock.now())


def test_a_cancellation_is_taken_back_as_often_as_wanted(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    for _ in range(2):
        assert cancel_at_period_end(org, actor=ACTOR, now=till.clock.now())
        assert undo_cancel(org, actor=ACTOR, now=till.clock.now())
        assert not undo_cancel(org, actor=ACTOR, now=till.clock.now())
    assert not planned(till, org)
    till.renew()
    assert till.plan_of(org) == plan.version_id
    assert till.books(org)["records"] == ["completed", "completed"]


def test_who_cancelled_stands_in_the_audit_log(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    cancel_at_period_end(org, actor=ACTOR, now=till.clock.now())
    undo_cancel(org, actor=ACTOR, now=till.clock.now())
    theirs = select(AuditEntry.action).where(AuditEntry.org_id == org, AuditEntry.actor_id == ACTOR.id)
    actions = list(till.session.scalars(theirs.order_by(AuditEntry.id)))
    assert actions == ["subscription.cancel_planned", "subscription.cancel_undone"]


def test_a_cancellation_whose_answer_never_came_arrives_by_webhook(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    till.standin.fail("reset", path="/v1/subscriptions", method="POST")
    with pytest.raises(Unavailable):
        cancel_at_period_end(org, actor=ACTOR, now=till.clock.now())
    assert not planned(till, org)
    till.webhooks()
    assert planned(till, org)


def test_an_org_that_pays_nothing_at_stripe_is_told_so(till: Till) -> None:
    free, offline, plan = till.org(), factories.make_org(till.session), till.plan()
    factories.subscribe(till.session, offline, plan)
    with pytest.raises(Conflict, match="no paid plan"):
        cancel_at_period_end(free, actor=ACTOR, now=till.clock.now())
    with pytest.raises(Conflict, match="Contact us"):
        cancel_at_period_end(offline.id, actor=ACTOR, now=till.clock.now())
    with pytest.raises(Conflict, match="no unpaid invoice"):
        card.pay_now(free, actor=ACTOR, now=till.clock.now())
    assert till.standin.calls == []


def test_every_click_leads_to_a_page_of_its_own_to_change_the_card(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    first, second = (card.open_card_page(org, actor=ACTOR, now=till.clock.now()) for _ in range(2))
    assert first != second
    assert first.startswith(till.standin.url)
    assert till.books(org)["customers"] == 1


def test_the_card_page_is_there_before_anything_was_bought(till: Till) -> None:
    org = till.org()
    assert card.open_card_page(org, actor=ACTOR, now=till.clock.now()).startswith(till.standin.url)
    assert till.books(org)["customers"] == 1


def test_the_card_page_survives_a_customer_deleted_at_stripe(till: Till) -> None:
    org = till.org()
    card.open_card_page(org, actor=ACTOR, now=till.clock.now())
    till.standin.client().v1.customers.delete(till.standin.objects("customer")[0]["id"])
    assert card.open_card_page(org, actor=ACTOR, now=till.clock.now()).startswith(till.standin.url)
    assert till.books(org)["customers"] == 2
