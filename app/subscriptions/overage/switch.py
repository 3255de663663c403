"""Switches pay for overage on and off. While it is on, `charge` holds as `charge` on a plan without a fee."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.catalog.models import PlanCharge, PlanVersion
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.ids import new_id
from app.subscriptions import periods, queries
from app.subscriptions.overage.consents import end_consent, find_consent
from app.subscriptions.overage.models import REPLACED, OverageConsent
from app.subscriptions.terms.resolver import choose_currency
from app.subscriptions.terms.rules import load_rules
from app.subscriptions.terms.writer import write_terms

_NO_PLAN = "Your plan does not charge for usage above its allowance by itself, so there is nothing to switch on."
_IMMEDIATE = "Your plan charges for work as it is done, which cannot be switched on yet."
_CHANGED = "The plan's terms have changed meanwhile. Check them and switch it on again. Nothing was charged."


@dataclass(frozen=True, slots=True)
class OverageOffer:
    """What an org can agree to: the charges of its plan version in a currency. `refusal` says why it cannot."""

    version: PlanVersion
    currency: str
    charges: tuple[PlanCharge, ...]
    refusal: str | None


def find_offer(session: Session, org_id: UUID, now: datetime) -> OverageOffer | None:
    """Find what the org can agree to now; None where somebody collects payment, or the plan charges for no usage."""
    current = queries.find_subscription(session, org_id)
    if current is not None and current.collection != "none":
        return None
    version = catalog.find_version(session, queries.get_plan_in_force(session, org_id, now))
    if version is None:
        return None
    own = accounts.get_org(session, org_id).currency
    priced = [price.currency for price in version.prices]
    currency = choose_currency(current.currency if current else None, own, priced)
    charges = tuple(charge for charge in version.charges if charge.currency == currency)
    immediate = any(charge.collect == "immediate" for charge in charges)
    return OverageOffer(version, currency, charges, _IMMEDIATE if immediate else None) if charges else None


def switch_on(
    session: Session, org_id: UUID, version_id: UUID, *, card: str, actor: Actor, now: datetime
) -> OverageConsent:
    """Switch pay for overage on by the terms of a plan version; audited. Repeating it changes nothing.

    Takes the org's usage lock. `card` names the card for the audit log. Raises `Conflict` if there is nothing to agree
    to, or the org is on another version.
    """
    periods.lock_usage(session, org_id)
    offer = find_offer(session, org_id, now)
    if offer is None or offer.refusal is not None:
        raise Conflict(offer.refusal if offer and offer.refusal else _NO_PLAN)
    if offer.version.id != version_id:
        raise Conflict(_CHANGED)
    known = find_consent(session, org_id)
    if known is not None and (known.plan_version_id, known.currency) == (version_id, offer.currency):
        return known
    end_consent(session, org_id, now, REPLACED, actor=actor, now=now)
    periods.ensure_period(session, org_id, now, now)
    consent = OverageConsent(
        id=new_id(), org_id=org_id, plan_version_id=version_id, currency=offer.currency, started_at=now,
        started_by=actor.id,
    )  # fmt: skip
    session.add(consent)
    write_terms(session, org_id, now, now)
    audit(session, actor, "overage.switched_on", on=("overage_consent", consent.id), org_id=org_id,
          before={"on": False}, after={"on": True, **_describe(offer), "card": card}, now=now)  # fmt: skip
    return consent


def switch_off(session: Session, org_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Switch it off: from now on usage above the allowance is refused; what was recorded above it stays owed.

    Audited; False if it was off. Takes the org's usage lock.
    """
    periods.lock_usage(session, org_id)
    if find_consent(session, org_id) is None:
        return False
    periods.ensure_period(session, org_id, now, now)
    ended = end_consent(session, org_id, now, reason, actor=actor, now=now)
    write_terms(session, org_id, now, now)
    return ended


def _describe(offer: OverageOffer) -> dict[str, Any]:
    limits = {granted.meter_id: granted.hard_limit for granted in offer.version.meters}
    return {
        "plan": offer.version.plan.key,
        "version": str(offer.version.number),
        "currency": offer.currency,
        "charges": [
            {
                "meter": charge.meter.key,
                "model": charge.model,
                "properties": charge.properties,
                "hard_limit": None if (limit := limits.get(charge.meter_id)) is None else str(limit),
            }
            for charge in offer.charges
        ],
    }


def covers(session: Session, consent: OverageConsent, offer: OverageOffer) -> bool:
    """Whether a consent covers an offer: the version agreed to prices usage alike, in the same currency."""
    agreed, offered = consent.plan_version_id, offer.version.id
    if consent.currency != offer.currency:
        return False
    rules = load_rules(session, {agreed, offered}) if agreed != offered else {}
    return agreed == offered or rules[agreed].overage == rules[offered].overage


def is_paying_for_overage(session: Session, org_id: UUID, now: datetime) -> bool:
    """Whether pay for overage is on, by the prices of now."""
    consent = find_consent(session, org_id)
    offer = find_offer(session, org_id, now) if consent is not None else None
    return consent is not None and offer is not None and covers(session, consent, offer)
