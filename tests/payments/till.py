"""What a test of payments does again and again: an org, a plan, the payment page, and what came of it in our books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.kit.clock import FixedClock
from app.payments.checkout import fulfil, open_checkout
from app.payments.gateway import EXTENSION
from app.payments.models import BillingRecord, Checkout, StripeCustomer, StripeSubscription
from app.stripe_gateway import Gateway
from app.subscriptions import queries as subscriptions
from tests import factories
from tests.factories import MadePlan
from tests.standin import GOOD_CARD, StandIn


@dataclass
class Till:
    """Orgs that buy. Ids, not rows: an act ends the session's reads."""

    app: Flask
    standin: StandIn
    session: Session
    clock: FixedClock
    shop: Any

    def org(self, **facts: Any) -> UUID:
        """An org with an owner."""
        made = factories.make_org(self.session, **facts)
        factories.make_member(self.session, made)
        return made.id

    def plan(self, **terms: Any) -> MadePlan:
        """A plan for 10 USD a month, 100 a year."""
        return factories.make_plan(self.session, **terms)

    def open(self, org: UUID, plan: MadePlan, interval: str = "month") -> open_checkout.OpenedCheckout:
        """Click on "pay"."""
        return open_checkout.open_checkout(
            org, plan_key=plan.key, interval=interval, currency="USD", actor=SYSTEM, now=self.clock.now()
        )

    def pay(self, opened: open_checkout.OpenedCheckout, card: str = GOOD_CARD, **more: str) -> Any:
        """Pay on Stripe's page."""
        return self.standin.pay(opened.url, card, **more)

    def bought(self, org: UUID, plan: MadePlan, card: str = GOOD_CARD) -> str:
        """An org that has bought a plan and come back; returns the session's id."""
        opened = self.open(org, plan)
        self.pay(opened, card)
        session_id = self.session_id(opened)
        assert self.fulfil(org, session_id) == "paid"
        return session_id

    def renew(self) -> None:
        """The next month begins; Stripe charges it, and we hear of it."""
        self.clock.advance(timedelta(days=31))
        self.standin.run_due()
        self.clock.advance(timedelta(hours=2))
        self.webhooks()

    def card_goes_bad(self) -> str:
        """The one customer's card is exchanged for one that declines, and we hear of it; returns its id."""
        v1, [customer] = self.standin.client().v1, self.standin.objects("customer")
        bad = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer["id"]}).id
        v1.customers.update(customer["id"], {"invoice_settings": {"default_payment_method": bad}})
        self.webhooks()
        return bad

    def fulfil(self, org: UUID, session_id: str) -> str:
        """Come back to the return page."""
        return fulfil.fulfil_checkout(org, session_id, self.clock.now())

    def session_id(self, opened: open_checkout.OpenedCheckout) -> str:
        """The session at Stripe of a checkout."""
        wanted = str(opened.checkout_id)
        found = [each["id"] for each in self.sessions() if each["metadata"]["tollkeeper_checkout"] == wanted]
        assert len(found) == 1
        return str(found[0])

    def sessions(self, **match: Any) -> list[dict[str, Any]]:
        """Checkout sessions at Stripe, newest first."""
        return self.standin.objects("checkout.session", **match)

    def webhooks(self) -> None:
        """Deliver what waits, and do what the worker does with it."""
        self.shop.deliver()

    def plan_of(self, org: UUID) -> UUID:
        """The plan version that the org is on."""
        self.session.rollback()
        return subscriptions.get_plan_in_force(self.session, org, self.clock.now())

    def books(self, org: UUID) -> dict[str, Any]:
        """What stands in our books: states of checkouts and records, oldest first, and how many of the rest."""
        self.session.rollback()
        asked, records = Checkout.org_id == org, BillingRecord.org_id == org
        running = StripeSubscription.ended_at.is_(None)
        return {
            "checkouts": list(self.session.scalars(select(Checkout.state).where(asked).order_by(Checkout.id))),
            "records": list(
                self.session.scalars(select(BillingRecord.state).where(records).order_by(BillingRecord.id))
            ),
            "subscriptions": self.session.scalar(select(func.count()).where(StripeSubscription.org_id == org, running)),
            "customers": self.session.scalar(select(func.count()).where(StripeCustomer.org_id == org)),
        }

    def paid_once(self, org: UUID, plan: MadePlan) -> None:
        """One subscription, one charge, one billing record, and the plan is the org's."""
        books = self.books(org)
        assert (books["subscriptions"], books["customers"], books["records"]) == (1, 1, ["completed"])
        customer = self.session.scalar(select(StripeCustomer.id).where(StripeCustomer.org_id == org))
        assert len([each for each in self.standin.objects("charge", customer=customer) if each["paid"]]) == 1
        assert len(self.standin.objects("subscription", customer=customer)) == 1
        assert self.plan_of(org) == plan.version_id

    def nothing_given(self, org: UUID) -> None:
        """Still on the default plan, and nothing was charged."""
        assert self.plan_of(org) == factories.have_default_plan(self.session).version_id
        assert [each for each in self.standin.objects("charge") if each["paid"]] == []
        assert self.books(org)["subscriptions"] == 0


@pytest.fixture
def till(app: Flask, standin: StandIn, session: Session, clock: FixedClock, shop: Any) -> Till:
    """Orgs that buy, on a fresh world of Stripe's, and a gateway that remembers no failure of the test before."""
    app.extensions[EXTENSION] = Gateway.from_settings(app.extensions["tollkeeper"].settings)
    return Till(app, standin, session, clock, shop)
