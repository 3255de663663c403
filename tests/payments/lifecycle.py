"""One life of a subscription at the stand-in, step by step, and a picture of where it has left us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.payments.checkout_models import Checkout
from app.payments.cli import background_gateway
from app.payments.dunning.models import Dunning
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripeSubscription
from app.payments.webhooks.models import InboxEvent
from app.subscriptions import periods, queries
from app.subscriptions.entitlements import get_entitlements
from app.subscriptions.models import PlanInForce, SubscriptionEvent
from app.web.runtime import business_now
from tests.scenario import Org, Scenario
from tests.today import NOON, months_later

Delivery = tuple[bytes, dict[str, str]]
Picture = dict[str, Any]


@dataclass
class Post:
    """Stripe's deliveries, caught on their way: each comes twice, when and in whatever order we say."""

    scenario: Scenario
    random: Random | None
    caught: list[Delivery]

    def catch(self, body: bytes, headers: dict[str, str]) -> int:
        """Take a delivery from Stripe, and keep it for two of our own."""
        self.caught += [(body, headers)] * (2 if self.random else 1)
        return 200

    def some(self) -> None:
        """A random few of those that wait; without a seed all of them, as they came."""
        waiting = len(self.caught)
        for _ in range(self.random.randint(0, waiting) if self.random else waiting):
            self._one()

    def all(self) -> None:
        """Those that are left."""
        while self.caught:
            self._one()

    def _one(self) -> None:
        body, headers = self.caught.pop(self.random.randrange(len(self.caught)) if self.random else 0)
        assert self.scenario.client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200
        if self.random is None or self.random.random() < 0.7:  # else the worker is late too
            self.scenario.work()


def live(scenario: Scenario, random: Random | None) -> Picture:
    """Purchase, renewal, failed renewal, recovery, cancellation at the period's end, end; then everything arrives."""
    with background_gateway():  # a busy machine is no finding: a page's five seconds are not what this is about
        return _live(scenario, random)


def _live(scenario: Scenario, random: Random | None) -> Picture:
    post = Post(scenario, random, [])
    scenario.stripe.deliver_to(post.catch)
    org = scenario.org().buys(returns=False)
    if random is None or random.random() < 0.5:
        org.returns()  # some customers close the window
    for step in STEPS:
        scenario.stripe.deliver()
        post.some()
        step(scenario, org)
    while scenario.stripe.run_due() + scenario.stripe.deliver():
        pass
    post.all()
    scenario.work()
    return picture(scenario.session, org)


def _to(at: datetime) -> Callable[[Scenario, Org], None]:
    def step(scenario: Scenario, org: Org) -> None:
        scenario.clock.at = at
        scenario.stripe.run_due()

    return step


def _card(name: str) -> Callable[[Scenario, Org], None]:
    def step(scenario: Scenario, org: Org) -> None:
        v1, theirs = scenario.stripe.client().v1, scenario.stripe.objects("subscription")[0]
        card = v1.payment_methods.attach(name, {"customer": theirs["customer"]})
        v1.customers.update(theirs["customer"], {"invoice_settings": {"default_payment_method": card.id}})
        v1.subscriptions.update(theirs["id"], {"default_payment_method": card.id})

    return step


def _pay(scenario: Scenario, org: Org) -> None:
    owed = next(each for each in scenario.stripe.objects("invoice") if each["status"] == "open")
    scenario.stripe.client().v1.invoices.pay(owed["id"])


def _cancel(scenario: Scenario, org: Org) -> None:
    theirs = scenario.stripe.objects("subscription")[0]
    scenario.stripe.client().v1.subscriptions.update(theirs["id"], {"cancel_at_period_end": True})


HOUR = timedelta(hours=1, minutes=1)
RENEWED, FAILED, ENDED = (months_later(count) for count in (1, 2, 3))
STEPS: list[Callable[[Scenario, Org], None]] = [
    _to(RENEWED),
    _to(RENEWED + HOUR),
    _card("pm_card_chargeCustomerFail"),
    _to(FAILED),
    _to(FAILED + HOUR),
    _card("pm_card_visa"),
    _to(FAILED + timedelta(days=1)),
    _pay,
    _cancel,
    _to(ENDED),
    _to(ENDED + HOUR),
]


def picture(session: Session, org: Org) -> Picture:
    """Where the org stands, without the ids that differ from one life to the next."""
    session.rollback()
    periods.open_periods_ahead(session, org.id, business_now())
    session.commit()
    versions = {org.plan.version_id: "bought"}
    return {
        "inbox": sorted({row.state for row in _rows(session, InboxEvent, org.id)}),
        "customer": _facts(session, StripeCustomer, org, _IDS | {"email", "card_id"}),
        "subscription": _facts(session, StripeSubscription, org, _IDS | {"item_id", "price_id", "latest_invoice_id"}),
        "invoices": _facts(session, StripeInvoice, org, _IDS | _TEXTS),
        "records": _facts(session, BillingRecord, org, _IDS | {"description", "checkout_id", "invoice_id"}),
        "checkouts": [each.state for each in _rows(session, Checkout, org.id)],
        "running dunnings": [each.id for each in _rows(session, Dunning, org.id) if each.ended_at is None],
        "ours": [
            (versions.get(each.plan_version_id, "free"), each.state, each.started_at, each.ended_at, each.collection,
             each.billing_starts_at, each.billing_ends_at, each.limited_at)
            for each in queries.list_subscriptions(session, org.id)
        ],
        "usage periods": [
            (each.starts_at, each.ends_at, versions.get(each.plan_version_id, "free"))
            for each in queries.list_periods(session, org.id, NOON, business_now() + timedelta(days=40))
        ],
        "terms": sorted(
            (each.starts_at, versions.get(each.plan_version_id, "free"))
            for each in _rows(session, PlanInForce, org.id)
        ),
        "history": sorted(
            (each.kind, each.at)
            for each in _rows(session, SubscriptionEvent, org.id)
            if each.kind in {"started", "ended"}
        ),
        "plan": get_entitlements(session, org.id, business_now()).plan_key,
    }  # fmt: skip


_TEXTS = frozenset({"number", "hosted_url", "pdf_url", "lines", "payments"})
_IDS = frozenset({"id", "org_id", "customer_id", "subscription_id", "stripe_subscription_id", "transaction_id",
                  "retrieved_at"})  # fmt: skip


def _rows(session: Session, table: type[Any], org_id: UUID) -> list[Any]:
    chosen = select(table).where(table.org_id == org_id)
    if hasattr(table, "created_at"):
        chosen = chosen.order_by(table.created_at)
    return list(session.scalars(chosen))


def _facts(session: Session, table: type[Any], org: Org, without: frozenset[str] | set[str]) -> list[Picture]:
    """Rows as plain facts; of ids only whether there is one."""
    kept = [name for name in (each.name for each in table.__table__.columns) if name not in without]
    ids = [name for name in ("transaction_id", "subscription_id", "invoice_id", "card_id") if name in without]
    ids = [name for name in ids if name in table.__table__.columns]
    return [
        {name: getattr(row, name) for name in kept} | {name: getattr(row, name) is not None for name in ids}
        for row in _rows(session, table, org.id)
    ]
