"""An organisation's payments for staff, parsed from the JSON of the page's single query. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.subscriptions.states import LATE, PAID
from app.web.filters import payment_method


@dataclass(frozen=True, slots=True)
class Record:
    """A billing record; `amount` in minor units."""

    created_at: datetime
    description: str
    state: str
    amount: int
    refunded: int
    currency: str
    transaction_id: str | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A Stripe event about the organisation's customer."""

    id: str
    type: str
    state: str
    error: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Second:
    """A subscription that Stripe charges beside the one in force; `amount` in minor units."""

    id: str
    plan: str
    state: str
    amount: int
    currency: str
    interval: str
    renews_at: datetime


@dataclass(frozen=True, slots=True)
class Payments:
    """An organisation's state at Stripe as of `retrieved_at`; no customer id means it was never created there."""

    customer_id: str | None = None
    customer_deleted: bool = False
    card: str | None = None
    contact_error: str | None = None
    retrieved_at: datetime | None = None
    subscription_id: str | None = None
    state: str | None = None
    period_end: datetime | None = None
    ends_at: datetime | None = None
    seconds: Sequence[Second] = field(default_factory=tuple)
    records: Sequence[Record] = field(default_factory=tuple)
    events: Sequence[PaymentEvent] = field(default_factory=tuple)

    @property
    def keeps_charging(self) -> bool:
        """Whether Stripe charges for the plan again at the end of the period."""
        return self.state in {*PAID, *LATE} and self.ends_at is None

    @property
    def ends_planned(self) -> bool:
        """Whether the plan runs, and its end is planned."""
        return self.state in {*PAID, *LATE} and self.ends_at is not None


def parse_payments(rows: Mapping[str, Any]) -> Payments:
    """Parse the JSON of the query."""
    customer, subscription = rows["customer"], rows["subscription"] or {}
    if customer is None:
        return Payments()
    ends = subscription.get("ended_at") or subscription.get("cancel_at")
    return Payments(
        customer_id=customer["id"],
        customer_deleted=customer["deleted_at"] is not None,
        card=_card(customer),
        contact_error=customer["contact_error"],
        retrieved_at=_at(subscription.get("retrieved_at") or customer["retrieved_at"]),
        subscription_id=subscription.get("id"),
        state=subscription.get("status"),
        period_end=_at(subscription.get("period_end")),
        ends_at=_at(ends),
        seconds=[_second(second) for second in rows["seconds"] or ()],
        records=[_record(record) for record in rows["records"] or ()],
        events=[_event(event) for event in rows["events"] or ()],
    )


def _card(customer: Mapping[str, Any]) -> str | None:
    words = payment_method(customer["card_brand"], customer["card_last4"], " ending in ")
    if not words or customer["card_exp_month"] is None:
        return words or None
    return f"{words}, expires {customer['card_exp_month']:02}/{customer['card_exp_year']}"


def _second(row: Mapping[str, Any]) -> Second:
    renews_at = datetime.fromisoformat(row["period_end"])
    return Second(row["id"], row["plan"], row["status"], row["amount"], row["currency"], row["interval"], renews_at)


def _record(row: Mapping[str, Any]) -> Record:
    made = datetime.fromisoformat(row["created_at"])
    return Record(
        made,
        row["description"],
        row["state"],
        row["amount"],
        row["refunded"],
        row["currency"],
        row["transaction_id"],
        row["failure"],
    )


def _event(row: Mapping[str, Any]) -> PaymentEvent:
    return PaymentEvent(row["id"], row["type"], row["state"], row["error"], datetime.fromisoformat(row["received_at"]))


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
