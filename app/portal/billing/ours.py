"""Our own invoices on the billing page: the latest, and those that are overdue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import IssuedFilter, select_newest_issued
from app.kit.postgres.together import ask
from app.portal.billing.troubles import Trouble
from app.portal.shell.issued import Badge, describe_due, describe_issued_state, find_page, format_date
from app.portal.shell.page_parts import Action
from app.statements.wording import format_amount

_MOST = 24


@dataclass(frozen=True, slots=True)
class OurInvoiceRow:
    """An invoice in the list. `due` is empty where nothing is to be paid."""

    number: str
    href: str
    badge: Badge
    issued: str
    due_on: str
    total: str
    due: str


@dataclass(frozen=True, slots=True)
class OurInvoices:
    """The latest invoices, and a trouble for each that is overdue."""

    rows: Sequence[OurInvoiceRow] = ()
    troubles: Sequence[Trouble] = ()
    more: str | None = None


def get_our_invoices(session: Session, org_id: UUID, now: datetime) -> OurInvoices:
    """Read an organisation's latest invoices of ours, in one query."""
    found = ask(session, select_our_invoices(org_id, now))
    shown = found[:_MOST]
    return OurInvoices(
        rows=[_build_row(row, now) for row in shown],
        troubles=[_build_trouble(row, now) for row in reversed(shown) if row.is_overdue(now)],
        more=f"The latest {_MOST} invoices." if len(found) > _MOST else None,
    )


def select_our_invoices(org_id: UUID, now: datetime) -> Select[IssuedInvoice]:
    """Select an organisation's latest invoices of ours."""
    return select_newest_issued(IssuedFilter(org_id), now, None, _MOST + 1)


def _build_row(issued: IssuedInvoice, now: datetime) -> OurInvoiceRow:
    return OurInvoiceRow(
        number=issued.number,
        href=find_page(issued),
        badge=describe_issued_state(issued, now),
        issued=format_date(issued.issued_on),
        due_on=format_date(issued.due_on),
        total=format_amount(issued.total, issued.currency),
        due=format_amount(issued.due, issued.currency) if issued.due else "–",
    )


def _build_trouble(issued: IssuedInvoice, now: datetime) -> Trouble:
    amount = format_amount(issued.due, issued.currency)
    words = [describe_due(issued, now), "Your plan and its limits are as before. If you have just paid, ignore this."]
    act = Action("View the invoice", find_page(issued))
    return Trouble("strong", f"Invoice {issued.number} over {amount} is overdue", words, [act])
