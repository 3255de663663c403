"""Which card was chosen when: read from Stripe's log of events, whose order does not depend on their delivery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from app.stripe_gateway import events, reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import CHECKOUT
from app.stripe_gateway.types import CardChoice

MOST = 1000
"""At most so many events of the whole account are read: ten calls."""
_TYPES = (
    "customer.updated",
    "customer.subscription.created",
    "customer.subscription.updated",
    "setup_intent.succeeded",
)
_CARD = "default_payment_method"


def list_card_choices(gw: Gateway, customer_id: str, since: datetime) -> Iterator[CardChoice]:
    """List the choices of a card for a customer's invoices at or after a time, newest first; fetched page by page.

    A choice is a new default, a subscription's own card, or a card saved in a checkout of ours.
    """
    validate_id(customer_id)
    for event in islice(events.list_latest(gw, _TYPES, since), MOST):
        card_id = _read_chosen_card(event, customer_id)
        if card_id is not None:
            request = reading.inner_or_none(event, "request")
            key = reading.text_or_none(request, "idempotency_key") if request else None
            yield CardChoice(card_id, reading.moment(event, "created"), key)


def _read_chosen_card(event: Raw, customer_id: str) -> str | None:
    """The card that an event made the one to charge; None if it is about something or somebody else."""
    kind, data = reading.text(event, "type"), reading.inner(event, "data")
    about, previous = reading.inner(data, "object"), data.get("previous_attributes") or {}
    if kind == "customer.updated":
        changed = about["id"] == customer_id and _CARD in (previous.get("invoice_settings") or {})
        return reading.object_id(reading.inner(about, "invoice_settings"), _CARD) if changed else None
    if reading.object_id(about, "customer") != customer_id:
        return None
    if kind == "setup_intent.succeeded":
        # Stripe's portal saves cards in the same way, but chooses them by changing the default.
        return reading.object_id(about, "payment_method") if CHECKOUT in reading.inner(about, "metadata") else None
    chosen = kind == "customer.subscription.created" or _CARD in previous
    return reading.object_id(about, _CARD) if chosen else None
