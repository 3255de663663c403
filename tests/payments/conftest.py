"""An installation whose Stripe is the stand-in; a worker for its inbox; somebody who buys a plan."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.kit.clock import Clocks, FixedClock
from app.payments.checkout.fulfil import fulfil_checkout
from app.payments.checkout.open_checkout import open_checkout
from app.payments.models import BillingRecord, Checkout, InboxEvent, StripeSubscription
from app.payments.webhooks.apply import apply_event
from app.web.database import db
from app.web.runtime import business_now
from sandbox.standin import API_VERSION
from tests.factories import MadePlan, make_member, make_org, make_plan, unique
from tests.payments.till import till  # noqa: F401  (a fixture)
from tests.standin import GOOD_CARD, StandIn
from tests.support.installation import app_on
from tests.today import NOON

_TAKE = text("""
    DELETE FROM procrastinate_jobs WHERE id = (
        SELECT id FROM procrastinate_jobs WHERE task_name = 'payments.apply' AND status = 'todo' ORDER BY id LIMIT 1)
    RETURNING args ->> 'event_id'
""")


@pytest.fixture(scope="session")
def app(database: str, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """The app with payments on."""
    with app_on(database, clocks, **stripe_server.stripe_settings()) as made:
        yield made


@dataclass
class Buyer:
    """An org that has gone to the payment page."""

    org_id: UUID
    plan: MadePlan
    checkout_id: UUID
    session_id: str
    url: str = field(repr=False)


@dataclass
class Shop:
    """What happens between an org, the stand-in and the inbox; webhooks go through the real door."""

    session: Session
    standin: StandIn
    client: FlaskClient
    clock: FixedClock

    def visit(self, plan: MadePlan | None = None) -> Buyer:
        """A new org opens the payment page for a plan of its own."""
        org = make_org(self.session)
        make_member(self.session, org)
        plan = plan or make_plan(self.session)
        opened = open_checkout(
            org.id, plan_key=plan.key, interval="month", currency="USD", actor=SYSTEM, now=business_now()
        )
        row = self.session.get_one(Checkout, opened.checkout_id)
        assert row.session_id
        buyer = Buyer(row.org_id, plan, row.id, row.session_id, opened.url)
        self.session.rollback()
        return buyer

    def buy(self, card: str = GOOD_CARD) -> Buyer:
        """A new org buys a plan; its webhooks wait."""
        buyer = self.visit()
        visit = self.standin.pay(buyer.url, card=card)
        assert visit.location, visit.text
        return buyer

    def come_back(self, buyer: Buyer) -> str:
        """What the return page does."""
        return fulfil_checkout(buyer.org_id, buyer.session_id, business_now())

    def deliver(self) -> None:
        """Do what is due at Stripe, carry the webhooks, and work the inbox, until all is quiet."""
        while self.standin.run_due() + self.standin.deliver() + self.work():
            pass

    def work(self) -> int:
        """Apply every event whose task waits; tries that were put off are made at once."""
        done = 0
        while (event_id := self._take()) is not None:
            apply_event(event_id)
            done += 1
        return done

    def send(self, event: dict[str, Any]) -> int:
        """One delivery of an event at the door."""
        return post(self.client, json.dumps(event).encode()).status_code

    def row(self, event_id: str) -> InboxEvent:
        """An event as it lies in the inbox now."""
        self.session.rollback()
        return self.session.get_one(InboxEvent, event_id)

    def record(self, buyer: Buyer) -> BillingRecord:
        """The billing record of the org's first payment."""
        self.session.rollback()
        return self.session.scalars(select(BillingRecord).where(BillingRecord.checkout_id == buyer.checkout_id)).one()

    def records(self, buyer: Buyer) -> list[BillingRecord]:
        """Its records, oldest first."""
        self.session.rollback()
        chosen = select(BillingRecord).where(BillingRecord.org_id == buyer.org_id)
        return list(self.session.scalars(chosen.order_by(BillingRecord.created_at)))

    def mirror(self, buyer: Buyer) -> StripeSubscription | None:
        """The org's subscription at Stripe, as we know it."""
        self.session.rollback()
        return self.session.scalars(
            select(StripeSubscription).where(StripeSubscription.org_id == buyer.org_id)
        ).one_or_none()

    def _take(self) -> str | None:
        with db.engine.begin() as connection:
            return connection.execute(_TAKE).scalar()


@pytest.fixture
def shop(session: Session, standin: StandIn, client: FlaskClient, clock: FixedClock) -> Shop:
    """See `Shop`."""
    made = Shop(session, standin, client, clock)
    standin.deliver_to(client)
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'payments.apply'"))
    return made


def post(client: FlaskClient, body: bytes, *, secret: str = StandIn.secret, at: datetime | None = None) -> Any:
    """A delivery, signed as Stripe signs."""
    return client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": sign(body, secret, at)})


def sign(body: bytes, secret: str = StandIn.secret, at: datetime | None = None) -> str:
    """The header of a delivery."""
    stamp = str(int((at or NOON).timestamp()))
    return f"t={stamp},v1={hmac.new(secret.encode(), stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def event(type_: str = "plan.created", about: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An event that Stripe might send."""
    return {
        "id": f"evt_{unique('x').replace('-', '')}",
        "object": "event",
        "api_version": API_VERSION,
        "created": 1_795_262_400,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
        "data": {"object": about or {"id": "plan_1", "object": "plan"}},
        **more,
    }
