"""Changes whom an org's invoices are made out to and copied to, and the order number and note that they repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.models import Org
from app.audit.service import write
from app.kit.actor import Actor

MOST_COPIES = 5


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """Billing details. Without a `legal_name` invoices are made out to the org's name."""

    legal_name: str | None
    address: Mapping[str, str]
    tax_id: str | None
    billing_emails: Sequence[str]
    order_number: str | None
    invoice_note: str | None


def read_billing_details(org: Org) -> BillingDetails:
    """The details as they are stored."""
    return BillingDetails(
        org.legal_name, dict(org.address), org.tax_id, list(org.billing_emails), org.order_number, org.invoice_note
    )


def change_billing_details(
    session: Session, org_id: UUID, details: BillingDetails, *, actor: Actor, now: datetime
) -> None:
    """Change the details. Invoices have them from the next one on; final ones stay as they are. Audited."""
    org = queries.get_org(session, org_id)
    before, after = asdict(read_billing_details(org)), asdict(details)
    changed = sorted(name for name in after if after[name] != before[name])
    if not changed:
        return
    org.legal_name, org.address, org.tax_id = details.legal_name, dict(details.address), details.tax_id
    org.billing_emails = list(details.billing_emails)
    org.order_number, org.invoice_note = details.order_number, details.invoice_note
    session.flush()
    # The values may be a person's, so they are erasable; the names of the fields stay.
    personal = {"before": {name: before[name] for name in changed}, "after": {name: after[name] for name in changed}}
    facts = {"changed": changed}
    write(session, actor, "org.billing_details_changed", on=("org", org_id), org_id=org_id, after=facts,
          personal=personal, now=now)  # fmt: skip
