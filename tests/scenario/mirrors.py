"""Orgs that pay, as mirrors show them: the rows that `sync` leaves, on dates of the calendar, without asking Stripe."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update

from app.catalog.queries import find_newest_version
from app.kit.ids import new_id
from app.payments.checkout_models import Checkout
from app.payments.dunning.models import Dunning
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripePrice, StripeSubscription
from app.subscriptions.models import Subscription
from tests.factories import utc
from tests.scenario import Org, Scenario

BEGAN, RENEWS = utc("2026-11-01 00:00"), utc("2026-12-01 00:00")
GRACE_ENDS = utc("2026-11-28 12:00")
FEE = 4900


def payer(scenario: Scenario, *, state: str = "active", cancels: bool = False, limited: bool = False, records: int = 1,
          card: dict[str, Any] | None = None, calls: int = 5, zone: str = "UTC") -> Org:  # fmt: skip
    """An org on Pro since 1 November that Stripe collects for, with a paid first invoice.

    past_due: the renewal failed, with a grace to 28 November; `limited`: the grace is over.
    """
    org = scenario.org(zone=zone).on("pro", since="2026-11-01 00:00").uses(calls)
    session = org.session
    changed = {"collection": "stripe", "state": state, "cancel_at": RENEWS if cancels else None,
               "limited_at": scenario.clock.at if limited else None}  # fmt: skip
    session.execute(update(Subscription).where(Subscription.org_id == org.id).values(**changed))
    ours = session.scalars(select(Subscription).where(Subscription.org_id == org.id)).one()
    customer = _customer(org.id, card or {})
    theirs = StripeSubscription(
        id=_id("sub"), org_id=org.id, customer_id=customer.id, subscription_id=ours.id, status=state,
        item_id=_id("si"), price_id=_price(session), period_start=BEGAN, period_end=RENEWS, anchor_at=BEGAN,
        cancel_at=RENEWS if cancels else None, cancel_at_period_end=cancels, latest_invoice_id=None,
        created_at=BEGAN, ended_at=None, retrieved_at=BEGAN,
    )  # fmt: skip
    session.add(customer)
    session.flush()
    session.add(theirs)
    session.flush()
    for number in range(records):
        _paid(session, org.id, theirs.id, BEGAN - timedelta(days=30 * number), number)
    if state in {"past_due", "unpaid"}:
        _owed(session, org.id, theirs.id, limited=limited)
    session.commit()
    return org


def record(org: Org, **changed: Any) -> None:
    """One more movement in the history."""
    facts = {"state": "completed", "reason": "one_off", "description": "Pro, monthly", "amount": FEE, "currency": "USD",
             "created_at": org.now, "settled_at": org.now}  # fmt: skip
    org.session.add(BillingRecord(id=new_id(), org_id=org.id, **{**facts, **changed}))
    org.scenario.session.commit()


def visit(org: Org, *, state: str = "open", plan: str = "pro", session_id: str | None = None) -> UUID:
    """A checkout that somebody of the org was sent to; while it is opening its session is not known."""
    version_id, session = org.scenario.plan_named(plan).version_id, org.session
    made = Checkout(
        id=new_id(), org_id=org.id, purpose="subscription", plan_version_id=version_id, interval="month",
        currency="USD", amount=FEE, state=state, opened_by=org.owner, opened_at=org.now,
        session_id=session_id or (None if state == "opening" else _id("cs_test")),
        closed_at=None if state in {"opening", "open"} else org.now, failure=None,
    )  # fmt: skip
    session.add(made)
    checkout_id = made.id
    session.commit()
    return checkout_id


def _customer(org: UUID, card: dict[str, Any]) -> StripeCustomer:
    facts = {"card_brand": "visa", "card_last4": "4242", "card_exp_month": 12, "card_exp_year": 2034, **card}
    return StripeCustomer(id=_id("cus"), org_id=org, email="ada@example.com", delinquent=False, card_id=_id("pm"),
                          created_at=BEGAN, retrieved_at=BEGAN, **facts)  # fmt: skip


def _price(session: Any) -> str:
    version = find_newest_version(session, "pro")
    found = session.scalars(select(StripePrice).where(StripePrice.plan_version_id == version.id)).first()
    if found is None:
        found = StripePrice(id=_id("price"), plan_version_id=version.id, interval="month", currency="USD", amount=FEE,
                            product_id="tollkeeper_pro", lookup_key=_id("key"), pushed_at=BEGAN)  # fmt: skip
        session.add(found)
        session.flush()
    return str(found.id)


def _paid(session: Any, org: UUID, subscription_id: str, at: datetime, number: int) -> None:
    bill = _invoice(org, subscription_id, at, status="paid", amount_paid=FEE, amount_remaining=0, paid_at=at)
    session.add(bill)
    reason = "subscription_renewal" if number else "subscription_start"
    session.add(
        BillingRecord(
            id=new_id(), org_id=org, state="completed", reason=reason,
            description="Pro, monthly", amount=FEE, currency="USD", invoice_id=bill.id, transaction_id=_id("pi"),
            card_brand="visa", card_last4="4242", created_at=at, settled_at=at,
        )
    )  # fmt: skip


def _owed(session: Any, org: UUID, subscription_id: str, *, limited: bool) -> None:
    at = utc("2026-11-21 12:00") if not limited else utc("2026-11-13 12:00")
    bill = _invoice(org, subscription_id, at, status="open", amount_paid=0, amount_remaining=FEE,
                    next_attempt_at=None if limited else at + timedelta(days=3))  # fmt: skip
    session.add(bill)
    session.add(
        BillingRecord(
            id=new_id(), org_id=org, state="failed", reason="subscription_renewal", description="Pro, monthly",
            amount=FEE, currency="USD", invoice_id=bill.id, failure_code="card_declined",
            failure="Your card was declined.", card_brand="visa", card_last4="0341", created_at=at, settled_at=at,
        )
    )  # fmt: skip
    session.add(
        Dunning(id=new_id(), org_id=org, stripe_subscription_id=subscription_id, started_at=at, mails=1,
                next_mail_at=None, grace_ends_at=GRACE_ENDS if not limited else at + timedelta(days=7),
                limited_at=at + timedelta(days=7) if limited else None)
    )  # fmt: skip


def _invoice(org: UUID, subscription_id: str, at: datetime, **changed: Any) -> StripeInvoice:
    name = _id("in")
    facts: dict[str, Any] = {"next_attempt_at": None, "paid_at": None, **changed}
    return StripeInvoice(
        id=name, org_id=org, stripe_subscription_id=subscription_id, number=f"TK-{name[-6:].upper()}",
        billing_reason="subscription_cycle", currency="USD", total=FEE, tax=0, amount_due=FEE, period_start=at,
        period_end=at + timedelta(days=30), attempt_count=1, hosted_url=f"https://invoice.stripe.com/i/{name}",
        pdf_url=f"https://pay.stripe.com/invoice/{name}/pdf", created_at=at, finalized_at=at, retrieved_at=at, **facts,
    )  # fmt: skip


def _id(kind: str) -> str:
    return f"{kind}_{uuid4().hex[:16]}"
