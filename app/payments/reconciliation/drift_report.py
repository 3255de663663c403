"""Compares our mirrors with Stripe's objects field by field. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.payments.mirrors.models import StripeCreditNote, StripeRefund
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripeSubscription
from app.stripe_gateway.credit_notes import RemoteNote
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.stripe_gateway.types import Card, Customer, Refund, RemoteSubscription
from app.subscriptions.states import KEPT

_SUBSCRIPTION = ("status", "price_id", "period_start", "period_end", "anchor_at", "cancel_at",
                 "cancel_at_period_end", "latest_invoice_id", "trial_starts_at", "trial_ends_at", "collection_paused",
                 "pending_price_id", "pending_expires_at", "schedule_id", "quantity", "item_count")  # fmt: skip
_INVOICE = ("status", "number", "currency", "total", "tax", "included_tax", "amount_due", "amount_paid",
            "amount_remaining", "attempt_count", "next_attempt_at", "discount", "starting_balance", "ending_balance",
            "voided_at", "uncollectible_at")  # fmt: skip
_NOTE = ("status", "number", "currency", "total", "due", "paid", "outside")
_REFUND = ("status", "amount", "currency")
_SETTLED = {"paid": {"completed", "refunded"}, "void": {"failed"}, "uncollectible": {"failed"}}


@dataclass(frozen=True, slots=True)
class StripeDifference:
    """A differing field: its value here and at Stripe. `repaired` means they now agree."""

    kind: str
    id: str
    org_id: UUID
    field: str
    here: str
    there: str
    repaired: bool = False

    @property
    def missing_here(self) -> bool:
        """Whether Stripe has an object that we have no mirror of."""
        return (self.field, self.here) == ("existence", "missing")

    def describe(self) -> str:
        """Describe the difference and its outcome in one line."""
        outcome = "repaired" if self.repaired else "NOT REPAIRED"
        return f"{self.kind} {self.id}: {self.field} is {self.here} here, {self.there} at Stripe; {outcome}"


Fields = list[tuple[str, str, str]]
"""(field, here, there)"""


def compare_subscription(
    mirror: StripeSubscription | None, remote: RemoteSubscription, own_terms: str | None
) -> Fields:
    """List how a subscription's mirror differs.

    What it has of its own instead of a plan's price, in words, remains until staff change it at Stripe.
    """
    plan = [("plan", "kept", own_terms)] if own_terms else []
    if mirror is None:
        return [("existence", "missing", remote.status), *plan]
    differing = _compare(mirror, remote, _SUBSCRIPTION) + plan
    if (mirror.ended_at is None) != (remote.ended_at is None):
        differing.append(("ended_at", _render(mirror.ended_at), _render(remote.ended_at)))
    if mirror.subscription_id is None and remote.status in KEPT:
        differing.append(
            ("plan given", "none", remote.status)
        )  # an org's second subscription: charged, but grants nothing
    return differing


def compare_invoice(mirror: StripeInvoice | None, record: BillingRecord | None, remote: RemoteInvoice) -> Fields:
    """List how an invoice's mirror and its billing record differ."""
    if mirror is None:
        return [("existence", "missing", remote.status)]
    differing = _compare(mirror, remote, _INVOICE)
    expected = _SETTLED.get(remote.status)
    if expected is not None and (record is None or record.state not in expected):
        differing.append(("billing record", record.state if record else "missing", remote.status))
    if remote.status != "draft" and record is not None and record.amount != remote.amount_due:
        differing.append(("billing record's amount", str(record.amount), str(remote.amount_due)))
    return differing


def compare_customer(mirror: StripeCustomer, remote: Customer, card: Card | None) -> Fields:
    """List how a customer's mirror differs; `card` is the one its invoices are charged to."""
    if remote.deleted or mirror.deleted_at is not None:
        deleted_here = mirror.deleted_at is not None
        return [] if deleted_here == remote.deleted else [("deleted", _render(deleted_here), _render(remote.deleted))]
    differing = _compare(mirror, remote, ("delinquent", "balance"))
    if mirror.email != remote.email:
        differing.append(("email", "another", "another"))  # reports contain no personal addresses
    if mirror.card_id != (card.id if card else None):
        differing.append(("card_id", _render(mirror.card_id), _render(card.id if card else None)))
    return differing


def compare_movements(known: int, unexplained: int, remote: Customer) -> Fields:
    """List how the movements of a customer's balance fall short of it, or of what its invoices took from it."""
    if remote.deleted:
        return []
    differing = [] if known == remote.balance else [("balance movements", str(known), str(remote.balance))]
    return differing + ([("balance movements of invoices", "missing", str(unexplained))] if unexplained else [])


def compare_credit_note(mirror: StripeCreditNote | None, remote: RemoteNote) -> Fields:
    """List how a credit note's mirror differs."""
    if mirror is None:
        return [("existence", "missing", remote.status)]
    refunded = sum(int(part["amount"]) for part in mirror.refunds)
    refunds = [] if refunded == remote.refunded else [("refunds", str(refunded), str(remote.refunded))]
    return _compare(mirror, remote, _NOTE) + refunds


def compare_refund(mirror: StripeRefund | None, remote: Refund) -> Fields:
    """List how a refund's mirror differs."""
    return [("existence", "missing", remote.status)] if mirror is None else _compare(mirror, remote, _REFUND)


def _compare(mirror: object, remote: object, names: tuple[str, ...]) -> Fields:
    pairs: list[tuple[str, Any, Any]] = [(name, getattr(mirror, name), getattr(remote, name)) for name in names]
    return [(name, _render(here), _render(there)) for name, here, there in pairs if here != there]


def _render(value: object) -> str:
    return "none" if value is None else str(value)
