"""Reads whether an org pays for overage, could, and with which card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.postgres.together import AnySelect
from app.payments import queries as payments
from app.subscriptions import queries as subscriptions
from app.subscriptions.overage.consents import find_consent, select_consent
from app.subscriptions.overage.switch import OverageOffer, covers, find_offer


@dataclass(frozen=True, slots=True)
class OverageState:
    """The offer, when it was switched on (None: off), whether its prices have changed since, and the card."""

    offer: OverageOffer
    since: datetime | None
    lapsed: bool
    card_id: str | None

    @property
    def on(self) -> bool:
        """Whether usage above the allowance is charged now."""
        return self.since is not None and not self.lapsed


def select_overage_state(org_id: UUID, now: datetime) -> Sequence[AnySelect]:
    """Select what `find_overage_state` reads."""
    return (
        subscriptions.select_subscription(org_id), subscriptions.select_plan_in_force(org_id, now),
        accounts.select_org(org_id), select_consent(org_id), payments.select_customer(org_id),
    )  # fmt: skip


def find_overage_state(session: Session, org_id: UUID, now: datetime) -> OverageState | None:
    """Find the state; None where a plan with a fee is in force, or the plan charges for no usage."""
    offer = find_offer(session, org_id, now)
    if offer is None:
        return None
    consent, customer = find_consent(session, org_id), payments.find_customer(session, org_id)
    lapsed = consent is not None and not covers(session, consent, offer)
    return OverageState(offer, consent.started_at if consent else None, lapsed, customer.card_id if customer else None)
