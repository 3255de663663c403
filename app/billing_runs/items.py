"""What is still to be sent of an invoice: an item for each line, and one for what is taken off it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.billing_runs.wording import describe_discount, describe_lines
from app.catalog import queries as catalog
from app.invoices import queries
from app.invoices.discounts import read_percentages
from app.invoices.models import InvoiceLine
from app.kit.periods import Period
from app.stripe_gateway.invoice_items import DISCOUNT, UsageItem
from app.stripe_gateway.money_shapes import LINE


def list_missing_items(session: Session, org_id: UUID, invoice_id: UUID) -> list[UsageItem]:
    """List the items of lines that are not known to be at Stripe, with the tax of their plan."""
    lines = queries.list_invoice_lines(session, org_id, invoice_id)
    missing = [line for line in lines if line.stripe_item_id is None]
    percentages = read_percentages(queries.get_invoice(session, org_id, invoice_id).discounts)
    plans = catalog.get_billing_terms(session, {line.plan_version_id for line in missing})
    items: list[UsageItem] = []
    for line, words in zip(missing, describe_lines(session, org_id, missing), strict=True):
        less = describe_discount(percentages if line.amount > 0 else [], words)
        items += _build_items(line, plans[line.plan_version_id], words, less)
    return items


def _build_items(line: InvoiceLine, plan: Row[Any], words: str, less: str) -> Iterator[UsageItem]:
    period = Period(line.period_start, line.period_end)
    amounts = {LINE: (line.amount, words), DISCOUNT: (-line.discount, less)}
    for names, (amount, description) in amounts.items():
        if amount:
            yield UsageItem(
                line.id, amount, line.currency, description, period, plan.tax_behavior, plan.tax_code, names
            )
