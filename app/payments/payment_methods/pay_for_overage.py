"""Switches pay for overage on, which needs a card, and off. The caller opens the transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotAllowed
from app.payments import queries
from app.payments.gateway import get_gateway
from app.subscriptions.overage.models import SWITCHED_OFF
from app.subscriptions.overage.switch import switch_off, switch_on
from app.subscriptions.periods import lock_usage
from app.web.filters import payment_method

_NO_CARD = "Add a card first. Usage above your allowance is charged to it."
_OTHER_CARD = "The card has been changed meanwhile. Check it and switch it on again. Nothing was charged."


def pay_for_overage(
    session: Session, org_id: UUID, version_id: UUID, card_id: str, *, actor: Actor, now: datetime
) -> None:
    """Switch it on for the plan version and the card that were shown. Idempotent.

    Raises `Unavailable` (payments off), `NotAllowed` (suspended), `Conflict` (no card, or what was shown has changed).
    """
    get_gateway()
    lock_usage(session, org_id)  # whoever removes the card ends the consent under it, too
    if accounts.get_org(session, org_id).suspended_at is not None:
        raise NotAllowed("Your organisation is suspended. Please contact us.", code="org_suspended")
    customer = queries.find_customer(session, org_id)
    if customer is None or customer.card_id is None:
        raise Conflict(_NO_CARD)
    if customer.card_id != card_id:
        raise Conflict(_OTHER_CARD)
    card = payment_method(customer.card_brand, customer.card_last4, " ending ")
    switch_on(session, org_id, version_id, card=card, actor=actor, now=now)


def stop_paying_for_overage(session: Session, org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Switch it off; False if it was off."""
    return switch_off(session, org_id, SWITCHED_OFF, actor=actor, now=now)
