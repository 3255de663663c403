"""What the rows of a plan's fee and of Stripe's other lines say. Pure; amounts in minor units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.kit.periods import Period
from app.payments.models import StripePrice
from app.portal.invoices.focus import schema
from app.portal.invoices.focus.documents import BilledDocument

_ONE = Decimal(1)
Cells = dict[str, Any]


def list_fees(document: BilledDocument) -> Iterator[Mapping[str, Any]]:
    """Yield Stripe's lines that are none of ours."""
    ours = {str(line.row.id) for line in document.lines}
    yield from (line for line in (document.remote.lines if document.remote else None) or [] if line["line"] not in ours)


def build_fee_cells(
    prices: Mapping[str, StripePrice], plans: Mapping[UUID, Row[Any]], line: Mapping[str, Any]
) -> Cells:
    """A line of a plan's price is a purchase; any other has no price that we know, and is an adjustment."""
    amount = line["amount"]
    billed = amount - line["discount"]
    start, end = datetime.fromisoformat(line["start"]), datetime.fromisoformat(line["end"])
    cells: Cells = {
        "billed_cost": billed,
        "charge_description": line["description"] or "No description",
        "span": Period(start, end) if start < end else None,
    }
    price = prices.get(line["price"] or "")
    plan = plans.get(price.plan_version_id) if price else None
    if price is None or plan is None:
        return cells | {"charge_category": schema.ADJUSTMENT}
    named = {"own_plan": f"{plan.key}, version {plan.number}"}
    return cells | named | price_plan(plan.key, plan.name, price.plan_version_id, price.interval, amount)


def price_plan(key: str, name: str, version_id: UUID, interval: str, amount: int) -> Cells:
    """The price of a plan for one billing period, or for a part of it; what goes back is minus one."""
    return {
        "charge_category": schema.PURCHASE,
        "charge_frequency": schema.RECURRING,
        "contracted_cost": Decimal(amount),
        "contracted_unit_price": Decimal(abs(amount)),
        "list_cost": Decimal(amount),
        "list_unit_price": Decimal(abs(amount)),
        "pricing_category": schema.STANDARD,
        "pricing_quantity": _ONE if amount >= 0 else -_ONE,
        "pricing_unit": "Units",
        "sku_id": key,
        "sku_meter": f"{name} plan",
        "sku_price_id": f"{version_id}/{interval}",
    }
