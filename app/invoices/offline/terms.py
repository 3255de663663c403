"""Within how many days an org pays our own invoices."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.invoices.offline.models import MOST_DAYS, USUAL_DAYS, InvoiceTerms
from app.kit.actor import Actor
from app.kit.errors import FieldError, InvalidRequest
from app.kit.postgres.together import ask


def get_terms_days(session: Session, org_id: UUID) -> int:
    """The days between issue and due day of the org's next invoice."""
    row = next(iter(ask(session, select_terms(org_id))), None)
    return USUAL_DAYS if row is None else row.days


def select_terms(org_id: UUID) -> Select[InvoiceTerms]:
    """Select what was agreed with an org, as it is stored now."""
    return select(InvoiceTerms).where(InvoiceTerms.org_id == org_id).execution_options(populate_existing=True)


def set_terms_days(session: Session, org_id: UUID, days: int, *, actor: Actor, now: datetime) -> bool:
    """Agree other terms with an org, on behalf of staff: for invoices that are issued from now on. Audited.

    False if they are the same. Raises `InvalidRequest`.
    """
    if not 0 <= days <= MOST_DAYS:
        raise InvalidRequest(
            "The terms cannot be used.", [FieldError("days", f"must be between 0 and {MOST_DAYS} days")]
        )
    before = get_terms_days(session, org_id)
    if before == days:
        return False
    row = insert(InvoiceTerms).values(org_id=org_id, days=days, set_at=now)
    session.execute(row.on_conflict_do_update(index_elements=["org_id"], set_={"days": days, "set_at": now}))
    audit(session, actor, "invoice.terms_changed", on=("org", org_id), org_id=org_id,
          before={"days": before}, after={"days": days}, now=now)  # fmt: skip
    return True
