"""Closed periods as a close leaves them, rated by the product's own rating, without waiting for a period to end."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.billing_runs.models import PeriodClose
from app.catalog.queries import list_meters
from app.invoices import queries
from app.invoices.breakdown import store_rating
from app.invoices.discounts import PercentOff, compute_discount
from app.invoices.document import Party
from app.invoices.models import OFFLINE, Invoice, InvoiceLine
from app.invoices.offline.issue import InvoiceText, issue_invoice
from app.invoices.service import InvoiceOpening, LineFacts, add_lines, finalize, open_invoice, write_lines
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.kit.money import ZERO
from app.kit.periods import Period
from app.payments.models import StripeInvoice
from app.rating.pricing import price
from app.rating.schemas import parse_charge
from app.subscriptions.models import Override
from tests.factories import unique, utc
from tests.scenario import Org

PENNIES = ("per_unit", {"unit_amount": "0.01"})


@dataclass(frozen=True)
class Used:
    """A meter's usage and its charge; `charge` None: nothing was rated."""

    quantity: str
    charge: tuple[str, dict[str, Any]] | None = PENNIES
    allowance: str | None = "50000"
    meter: str = "api_calls"
    imported: str = "0"
    reason: str | None = None
    policy: str = "charge"
    cap: str | None = None
    sources: tuple[tuple[str, str], ...] = ()
    currency: str = "USD"


def month(number: int) -> Period:
    """A month of 2026 in UTC."""
    return Period(utc(f"2026-{number:02}-01"), utc(f"2026-{number + 1:02}-01"))


def closes(org: Org, span: Period, *used: Used, billed: bool = True, error: str | None = None) -> list[InvoiceLine]:
    """Close a period: its lines, which wait for an invoice."""
    session, now = org.scenario.session, org.now
    org.scenario.session.rollback()
    meters = {meter.key: meter.id for meter in list_meters(session)}
    facts = [_state(org, span, each, meters[each.meter]) for each in used]
    write_lines(session, {org.id: facts}, now)
    session.add(
        PeriodClose(
            org_id=org.id, period_start=span.start, period_end=span.end, mark=1, cluster="1", rated_at=now,
            billed_at=now if billed else None, failures=3 if error else 0, replays=0, error=error,
            failed_at=now if error else None,
        )
    )  # fmt: skip
    session.commit()
    return list(session.scalars(queries.select_lines_of_periods(org.id, [span.start])))


def bills(
    org: Org, lines: list[InvoiceLine], *, kind: str = "manual", status: str | None = "paid", percent_off: int = 0,
    **facts: Any,
) -> Invoice:  # fmt: skip
    """Put the lines with an amount on an invoice; `status` is Stripe's, None: nothing is at Stripe.

    One of ours is issued, with a number in a series of its own.
    """
    session, now = org.scenario.session, org.now
    charged = [line for line in lines if line.amount]
    opening = InvoiceOpening(
        org.id, kind, charged[0].currency, charged[0].period_end,
        discounts=[PercentOff("coupon", Decimal(percent_off))] if percent_off else [],
    )  # fmt: skip
    invoice = open_invoice(session, opening, now)
    taken = {line.id: compute_discount(line.amount, opening.discounts, line.currency) for line in charged}
    add_lines(session, invoice, charged, taken)
    if kind == OFFLINE:
        text = InvoiceText(
            series=unique("TEST"), time_zone="UTC", seller=Party("Toll Ltd", ["12 Toll Street"]),
            buyer=Party("High Tide", ["1 Quay"]),
            lines=[{"description": "API calls", "amount": line.amount} for line in charged],
        )  # fmt: skip
        issue_invoice(session, invoice, text, actor=SYSTEM, now=now)
    elif status is not None:
        invoice.stripe_invoice_id = unique("in")
        session.add(_mirror(org, invoice, charged, status, **facts))
        if status != "draft":
            finalize(session, invoice, now)
    session.commit()
    return invoice


def _mirror(org: Org, invoice: Invoice, lines: list[InvoiceLine], status: str, **facts: Any) -> StripeInvoice:
    total, draft = sum(line.amount for line in lines), status == "draft"
    given = {
        "id": invoice.stripe_invoice_id, "org_id": org.id, "stripe_subscription_id": None,
        "number": None if draft else f"TK-{invoice.stripe_invoice_id}", "status": status, "billing_reason": "manual",
        "currency": invoice.currency, "total": total, "tax": 0, "amount_due": total,
        "amount_paid": total if status == "paid" else 0, "amount_remaining": 0 if status == "paid" else total,
        "period_start": lines[0].period_start, "period_end": lines[0].period_end, "attempt_count": 0, "due_at": None,
        "next_attempt_at": None, "hosted_url": None if draft else f"https://invoice.stripe.com/i/{invoice.id}",
        "pdf_url": None, "created_at": org.now, "finalized_at": None, "paid_at": None, "retrieved_at": org.now,
    }  # fmt: skip
    return StripeInvoice(**given | facts)


def _state(org: Org, span: Period, used: Used, meter_id: int) -> LineFacts:
    rated = None
    if used.charge is not None:
        allowance = None if used.allowance is None else Decimal(used.allowance)
        rated = price(parse_charge(*used.charge, used.currency), Decimal(used.quantity), allowance)
    return LineFacts(
        meter_id=meter_id, period=span, plan_version_id=org.plan_version, quantity=Decimal(used.quantity),
        imported=Decimal(used.imported), events=7, currency=used.currency,
        exact_amount=rated.amount if rated else ZERO, amount=rated.rounded if rated else 0, reason=used.reason,
        terms={"policy": used.policy, "allowance": used.allowance, "hard_limit": None, "cap": used.cap,
               "sources": dict(used.sources), "charge_id": _keep_charge(org, used)},
        breakdown=store_rating(rated) if rated else {},
    )  # fmt: skip


def _keep_charge(org: Org, used: Used) -> str | None:
    """Keep a charge where terms can name it: as one agreed with an org, long over."""
    if used.charge is None:
        return None
    override = Override(
        id=new_id(), org_id=org.id, key=f"charge:{used.meter}", currency=used.currency, reason="Worked example",
        value={"model": used.charge[0], "properties": used.charge[1]}, given_at=org.now, starts_at=org.now,
        ended_at=org.now,
    )  # fmt: skip
    org.scenario.session.add(override)
    org.scenario.session.commit()  # reading the org again would roll it back
    return str(override.id)


def find_lines(session: Session, org: Org) -> list[InvoiceLine]:
    """All lines of the org, oldest first."""
    query = select(InvoiceLine).where(InvoiceLine.org_id == org.id)
    return list(session.scalars(query.order_by(InvoiceLine.period_start, InvoiceLine.meter_id)))
