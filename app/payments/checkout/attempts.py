"""The rows of checkouts, written before Stripe is asked and closed when nobody can pay them any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.ids import new_id
from app.payments import billing_records, queries
from app.payments.checkout.request import CheckoutRequest
from app.payments.mirrors.sync_checkout import close_checkout
from app.payments.models import BillingRecord, Checkout
from app.payments.price_push.price_selection import list_prices_sold
from app.web.database import transaction

_ANOTHER = "Another choice took its place."


@dataclass(frozen=True, slots=True)
class CheckoutAttempt:
    """A checkout as it stands in our books, as plain facts to use outside of a transaction."""

    id: UUID
    org_id: UUID
    choice: CheckoutRequest
    session_id: str | None
    opened_at: datetime


def attempt_of(session: Session, row: Checkout) -> CheckoutAttempt:
    """The facts of a checkout's row."""
    version = catalog.find_version(session, row.plan_version_id) if row.plan_version_id else None
    offered = list_prices_sold(version) if version else []
    sold = next((each for each in offered if (each.interval, each.currency) == (row.interval, row.currency)), None)
    return CheckoutAttempt(
        row.id, row.org_id, CheckoutRequest(row.purpose, row.currency or "USD", sold), row.session_id, row.opened_at
    )


def record_attempt(
    org_id: UUID, choice: CheckoutRequest, older: CheckoutAttempt | None, actor: Actor, now: datetime
) -> CheckoutAttempt:
    """Write down a new checkout and its pending billing record, in a transaction of its own. Audited.

    An older one that is still open (and that Stripe has expired) is closed as replaced; its record, if still pending,
    goes over to the new one: it is one payment that somebody is about to make.
    """
    with transaction() as session:
        taken = _replace(session, older, now) if older else None
        row = _row(org_id, choice, actor, now)
        session.add(row)
        session.flush()
        if choice.sold is not None:
            billing_records.pending_for_checkout(session, row, now, taken=taken)
        after = {"purpose": choice.purpose, "currency": choice.currency}
        if choice.sold is not None:
            after |= {"plan": choice.sold.plan_key, "interval": choice.sold.interval}
        audit(session, actor, "checkout.opened", on=("checkout", row.id), org_id=org_id, after=after, now=now)
        return attempt_of(session, row)


def close_attempt(visit: CheckoutAttempt, state: str, words: str, now: datetime) -> None:
    """Close a checkout ("failed", "expired") in a transaction of its own; its pending record fails with it."""
    with transaction() as session:
        close_checkout(session, queries.checkout(session, visit.org_id, visit.id), state, words, now)


def _row(org_id: UUID, choice: CheckoutRequest, actor: Actor, now: datetime) -> Checkout:
    sold = choice.sold
    return Checkout(
        id=new_id(),
        org_id=org_id,
        purpose=choice.purpose,
        plan_version_id=sold.version_id if sold else None,
        interval=sold.interval if sold else None,
        currency=choice.currency,
        amount=sold.amount if sold else None,
        state="opening",
        opened_by=actor.id,
        opened_at=now,
    )


def _replace(session: Session, older: CheckoutAttempt, now: datetime) -> BillingRecord | None:
    """Close the older checkout, if it is open still; returns its record, if that waits still, set free."""
    row = queries.checkout(session, older.org_id, older.id)
    if row.state not in queries.OPEN_CHECKOUT:
        return None
    record = billing_records.of_checkout(session, older.org_id, older.id)
    taken = record if record is not None and record.state == "pending" else None
    if taken is not None:
        taken.checkout_id = None
        session.flush()
    close_checkout(session, row, "replaced", _ANOTHER, now)
    return taken
