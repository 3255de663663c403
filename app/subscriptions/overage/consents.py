"""Reads and ends consents to pay for overage. The org is the first argument."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.periods import Period
from app.kit.postgres.together import ask
from app.subscriptions.overage.models import OverageConsent


def find_consent(session: Session, org_id: UUID) -> OverageConsent | None:
    """Find the consent in force, as it is stored now."""
    return next(iter(ask(session, select_consent(org_id))), None)


def select_consent(org_id: UUID) -> Select[OverageConsent]:
    """Select the consent in force, as it is stored now."""
    query = select(OverageConsent).where(OverageConsent.org_id == org_id, OverageConsent.ended_at.is_(None))
    return query.execution_options(populate_existing=True)


def list_consents(session: Session, org_id: UUID) -> Sequence[OverageConsent]:
    """List all consents of the org, ended ones too, newest first."""
    query = select(OverageConsent).where(OverageConsent.org_id == org_id)
    return session.scalars(query.order_by(OverageConsent.started_at.desc())).all()


def list_consents_of(session: Session, org_ids: Collection[UUID]) -> dict[UUID, list[OverageConsent]]:
    """List the same of several orgs, by org."""
    query = select(OverageConsent).where(OverageConsent.org_id.in_(org_ids))
    found: dict[UUID, list[OverageConsent]] = {org_id: [] for org_id in org_ids}
    for row in session.scalars(query.order_by(OverageConsent.started_at.desc())):
        found[row.org_id].append(row)
    return found


def has_consent_in(session: Session, org_id: UUID, period: Period) -> bool:
    """Whether the org had agreed to pay for overage at any instant of a period."""
    return any(overlaps(consent, period) for consent in list_consents(session, org_id))


def overlaps(consent: OverageConsent, period: Period) -> bool:
    """Whether a consent holds at any instant of a period."""
    ended_at = consent.ended_at or period.end
    return consent.started_at < period.end and max(consent.started_at, period.start) < ended_at


def end_consent(session: Session, org_id: UUID, at: datetime, reason: str, *, actor: Actor, now: datetime) -> bool:
    """End the consent in force, if there is one; audited. The caller holds the usage lock and writes the terms."""
    consent = find_consent(session, org_id)
    if consent is None:
        return False
    consent.ended_at, consent.ended_for = max(at, consent.started_at), reason
    session.flush()
    audit(session, actor, "overage.switched_off", on=("overage_consent", consent.id), org_id=org_id,
          before={"on": True}, after={"on": False, "reason": reason}, now=now)  # fmt: skip
    return True
