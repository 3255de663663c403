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

from app.payments.cli import background_gateway
from app.payments.models import (
    BillingRecord,
    Checkout,
    Dunning,
    InboxEvent,
    StripeCustomer,
    StripeInvoice,
    StripeSubscription,
)
from app.subscriptions import periods, queries
from app.subscriptions.models import SubscriptionEvent
from app.web.runtime import business_now
from tests.payments.conftest import Buyer, Shop
from tests.today import NOON

Delivery = tuple[bytes, dict[str, str]]
Picture = dict[str, Any]


@dataclass
class Post:
    """Stripe's deliveries, caught on their way: each comes twice, when and in whatever order we say."""

    shop: Shop
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
        assert self.shop.client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200
        if self.random is None or self.random.random() < 0.7:  # else the worker is late too
            self.shop.work()


def live(shop: Shop, random: Random | None) -> Picture:
    """Purchase, renewal, failed renewal, recovery, cancellation at the period's end, end; then everything arrives."""
    with background_gateway():  # a busy machine is no finding: a page's five seconds are not what this is about
        return _live(shop, random)


def _live(shop: Shop, random: Random | None) -> Picture:
    post = Post(shop, random, [])
    shop.standin.deliver_to(post.catch)
    buyer = shop.buy()
    if random is None or random.random() < 0.5:
        shop.come_back(buyer)  # some customers close the window
    for step in STEPS:
        shop.standin.deliver()
        post.some()
        step(shop, buyer)
    while shop.standin.run_due() + shop.standin.deliver():
        pass
    post.all()
    shop.work()
    return picture(shop.session, buyer)


def _to(at: datetime) -> Callable[[Shop, Buyer], None]:
    def step(shop: Shop, buyer: Buyer) -> None:
        shop.clock.at = at
        shop.standin.run_due()

    return step


def _card(name: str) -> Callable[[Shop, Buyer], None]:
    def step(shop: Shop, buyer: Buyer) -> None:
        v1, theirs = shop.standin.client().v1, shop.standin.objects("subscription")[0]
        card = v1.payment_methods.attach(name, {"customer": theirs["customer"]})
        v1.customers.update(theirs["customer"], {"invoice_settings": {"default_payment_method": card.id}})
        v1.subscriptions.update(theirs["id"], {"default_payment_method": card.id})

    return step


def _pay(shop: Shop, buyer: Buyer) -> None:
    owed = next(each for each in shop.standin.objects("invoice") if each["status"] == "open")
    shop.standin.client().v1.invoices.pay(owed["id"])


def _cancel(shop: Shop, buyer: Buyer) -> None:
    theirs = shop.standin.objects("subscription")[0]
    shop.standin.client().v1.subscriptions.update(theirs["id"], {"cancel_at_period_end": True})


HOUR = timedelta(hours=1, minutes=1)
RENEWED = NOON + timedelta(days=30)  # 21 December
FAILED = NOON + timedelta(days=61)  # 21 January
ENDED = NOON + timedelta(days=92)  # 21 February
STEPS: list[Callable[[Shop, Buyer], None]] = [
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


def picture(session: Session, buyer: Buyer) -> Picture:
    """Where the org stands, without the ids that differ from one life to the next."""
    session.rollback()
    periods.open_periods_ahead(session, buyer.org_id, business_now())
    session.commit()
    versions = {buyer.plan.version_id: "bought"}
    return {
        "inbox": sorted({row.state for row in _rows(session, InboxEvent, buyer.org_id)}),
        "customer": _facts(session, StripeCustomer, buyer, _IDS | {"email", "card_id"}),
        "subscription": _facts(session, StripeSubscription, buyer, _IDS | {"item_id", "price_id", "latest_invoice_id"}),
        "invoices": _facts(session, StripeInvoice, buyer, _IDS | {"number", "hosted_url", "pdf_url"}),
        "records": _facts(session, BillingRecord, buyer, _IDS | {"description", "checkout_id", "invoice_id"}),
        "checkouts": [each.state for each in _rows(session, Checkout, buyer.org_id)],
        "running dunnings": [each.id for each in _rows(session, Dunning, buyer.org_id) if each.ended_at is None],
        "ours": [
            (versions.get(each.plan_version_id, "free"), each.state, each.started_at, each.ended_at, each.collection,
             each.billing_starts_at, each.billing_ends_at, each.limited_at)
            for each in queries.list_subscriptions(session, buyer.org_id)
        ],
        "usage periods": [
            (each.starts_at, each.ends_at, versions.get(each.plan_version_id, "free"))
            for each in queries.list_periods(session, buyer.org_id, NOON, business_now() + timedelta(days=40))
        ],
        "terms": [
            (each.starts_at, versions.get(each.plan_version_id, "free"))
            for each in queries.list_terms(session, buyer.org_id)
        ],
        "history": sorted(
            (each.kind, each.at)
            for each in _rows(session, SubscriptionEvent, buyer.org_id)
            if each.kind in {"started", "ended"}
        ),
        "plan": queries.get_entitlements(session, buyer.org_id, business_now()).plan_key,
    }  # fmt: skip


_IDS = frozenset({"id", "org_id", "customer_id", "subscription_id", "stripe_subscription_id", "transaction_id",
                  "synced_at"})  # fmt: skip


def _rows(session: Session, table: type[Any], org_id: UUID) -> list[Any]:
    chosen = select(table).where(table.org_id == org_id)
    if hasattr(table, "created_at"):
        chosen = chosen.order_by(table.created_at)
    return list(session.scalars(chosen))


def _facts(session: Session, table: type[Any], buyer: Buyer, without: frozenset[str] | set[str]) -> list[Picture]:
    """Rows as plain facts; of ids only whether there is one."""
    kept = [name for name in (each.name for each in table.__table__.columns) if name not in without]
    ids = [name for name in ("transaction_id", "subscription_id", "invoice_id", "card_id") if name in without]
    ids = [name for name in ids if name in table.__table__.columns]
    return [
        {name: getattr(row, name) for name in kept} | {name: getattr(row, name) is not None for name in ids}
        for row in _rows(session, table, buyer.org_id)
    ]
