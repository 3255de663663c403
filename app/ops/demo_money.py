"""Gives the demo companies that pay: plans since months, invoices as they fell due, and the payments of those who pay.

All of it goes through the rooms' own functions, at the instants at which it would have happened.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.orgs.service import create_org
from app.billing_runs.offline import issue_waiting
from app.catalog.queries import find_newest_version
from app.invoices.offline.queries import IssuedFilter, list_owed
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.ops.demo_companies import COMPANIES, SINCE_DAYS, Company, Happening, happenings
from app.payments.offline.record import Payment, record_payment
from app.subscriptions.service import assign_plan
from app.web.database import transaction
from app.web.runtime import business_now, runtime, wall_now

_KNOWN = text("SELECT count(*) FROM accounts_orgs WHERE name = ANY (:names)")
_PAID_AFTER = timedelta(days=6)


def ensure_companies(report: Callable[[str], None]) -> None:
    """Create the companies and their past, unless that was done by an earlier run."""
    with transaction() as session:
        if session.scalar(_KNOWN, {"names": [company.name for company in COMPANIES]}):
            return
    report(f"{len(COMPANIES)} companies that pay by invoice: see /admin/analytics/revenue")
    base = business_now().replace(microsecond=0)
    orgs = {company.name: _open(company, base - timedelta(days=SINCE_DAYS)) for company in COMPANIES}
    for each in happenings(base):
        with transaction() as session:
            _happen(session, orgs[each.company.name], each)


def _open(company: Company, at: datetime) -> UUID:
    with transaction() as session:
        org = create_org(session, company.name, owner_id=None, actor=SYSTEM, now=wall_now(), opened_at=at,
                         currency=company.currency)  # fmt: skip
        return org.id


def _happen(session: Session, org_id: UUID, each: Happening) -> None:
    if each.step is not None:
        version = find_newest_version(session, each.step.plan)
        if version is None:
            raise RuntimeError(f"the catalogue has no plan called {each.step.plan}")
        assign_plan(session, org_id, version.id, interval=each.step.interval, currency=each.company.currency,
                    actor=SYSTEM, now=each.at)  # fmt: skip
        return
    issue_waiting(session, org_id, each.at, each.at, grace=runtime().settings.close_grace)
    if each.company.pays:
        _pay(session, org_id, each.at)


def _pay(session: Session, org_id: UUID, at: datetime) -> None:
    """Pay what has been open for some days."""
    for issued in list_owed(session, IssuedFilter(org_id=org_id), at, None, 10):
        if issued.issued_at + _PAID_AFTER <= at:
            day = at.astimezone(ZoneInfo(issued.time_zone)).date()
            payment = Payment(new_id(), day, issued.remaining, f"Transfer {issued.number}")
            record_payment(session, issued.invoice_id, payment, actor=SYSTEM, now=at)
