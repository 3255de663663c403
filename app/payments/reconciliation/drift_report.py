"""Where our mirrors and Stripe's objects differ, named field by field. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripeSubscription
from app.stripe_gateway.types import Card, Customer, Invoice, RemoteSubscription

_SUBSCRIPTION = ("status", "price_id", "period_start", "period_end", "anchor_at", "cancel_at",
                 "cancel_at_period_end", "latest_invoice_id")  # fmt: skip
_GRANTING = frozenset({"trialing", "active", "past_due"})
_INVOICE = ("status", "number", "currency", "total", "tax", "amount_due", "amount_paid", "amount_remaining",
            "attempt_count", "next_attempt_at")  # fmt: skip
_SETTLED = {"paid": {"completed", "refunded"}, "void": {"failed"}, "uncollectible": {"failed"}}


@dataclass(frozen=True, slots=True)
class StripeDifference:
    """One field of one object: what stands here and what Stripe says. `repaired`: they agree now."""

    kind: str
    id: str
    org_id: UUID
    field: str
    here: str
    there: str
    repaired: bool = False

    def words(self) -> str:
        """For a person: which, what, and what became of it."""
        end = "repaired" if self.repaired else "NOT REPAIRED"
        return f"{self.kind} {self.id}: {self.field} is {self.here} here, {self.there} at Stripe; {end}"


Fields = list[tuple[str, str, str]]
"""(field, here, there)"""


def compare_subscription(mirror: StripeSubscription | None, found: RemoteSubscription) -> Fields:
    """How a subscription's mirror differs."""
    if mirror is None:
        return [("existence", "missing", found.status)]
    differing = _compare(mirror, found, _SUBSCRIPTION)
    if (mirror.ended_at is None) != (found.ended_at is None):
        differing.append(("ended_at", _shown(mirror.ended_at), _shown(found.ended_at)))
    if mirror.subscription_id is None and found.status in _GRANTING:
        differing.append(("plan given", "none", found.status))  # a second one of an org: it is charged for nothing
    return differing


def compare_invoice(mirror: StripeInvoice | None, record: BillingRecord | None, found: Invoice) -> Fields:
    """How an invoice's mirror and its billing record differ."""
    if mirror is None:
        return [("existence", "missing", found.status)]
    differing = _compare(mirror, found, _INVOICE)
    wanted = _SETTLED.get(found.status)
    if wanted is not None and (record is None or record.state not in wanted):
        differing.append(("billing record", record.state if record else "missing", found.status))
    if found.status != "draft" and record is not None and record.amount != found.amount_due:
        differing.append(("billing record's amount", str(record.amount), str(found.amount_due)))
    return differing


def compare_customer(mirror: StripeCustomer, found: Customer, card: Card | None) -> Fields:
    """How a customer's mirror differs; `card` is the one that invoices are to be charged to."""
    if found.deleted or mirror.deleted_at is not None:
        known = mirror.deleted_at is not None
        return [] if known == found.deleted else [("deleted", _shown(known), _shown(found.deleted))]
    differing = _compare(mirror, found, ("delinquent",))
    if mirror.email != found.email:
        differing.append(("email", "another", "another"))  # a report names no person's address
    if mirror.card_id != (card.id if card else None):
        differing.append(("card_id", _shown(mirror.card_id), _shown(card.id if card else None)))
    return differing


def _compare(mirror: object, found: object, names: tuple[str, ...]) -> Fields:
    pairs: list[tuple[str, Any, Any]] = [(name, getattr(mirror, name), getattr(found, name)) for name in names]
    return [(name, _shown(here), _shown(there)) for name, here, there in pairs if here != there]


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
