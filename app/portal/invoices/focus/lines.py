"""What the rows of a usage line, or of a plan's fee on an invoice of ours, say. Pure; amounts in minor units."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.invoices.discounts import read_percentages
from app.invoices.models import BEFORE_CHANGE, FEE
from app.kit.money import plain
from app.kit.periods import Period
from app.portal.invoices.discounts import net_amount
from app.portal.invoices.focus import schema
from app.portal.invoices.focus.fees import price_plan
from app.portal.invoices.focus.parts import LinePart, take_apart
from app.portal.invoices.lines import UsageLine
from app.statements.wording import pluralise

_DATA = {"byte": "B", "kilobyte": "KB", "megabyte": "MB", "gigabyte": "GB", "terabyte": "TB"}
Cells = dict[str, Any]


def list_line_cells(line: UsageLine, *, corrects: bool) -> Iterator[Cells]:
    """Yield what each row of a line says. `corrects`: an earlier month billed what late or credited usage changes."""
    row = line.row
    shared = {
        "span": Period(row.period_start, row.period_end),
        "own_invoice_line": str(row.id),
        "own_plan": f"{line.plan.key}, version {line.plan.number}",
        "own_discounts": _name_discounts(line),
    }
    parts = take_apart(line)
    if parts:
        for part in parts:
            yield shared | _state_part(line, part)
    elif row.kind == FEE:
        priced = price_plan(line.plan.key, line.plan.name, row.plan_version_id, row.terms["interval"], row.amount)
        yield shared | priced | {"billed_cost": net_amount(line), "charge_description": line.name}
    else:
        yield shared | _state_whole(line, corrects=corrects)


def name_unit(unit: str, block: Decimal | None = None) -> str:
    """A unit as FOCUS spells it: call is Calls, in blocks of a thousand 1000 Calls, byte is B."""
    words = _DATA.get(unit.removesuffix("s")) or (unit if unit[:1].isupper() else pluralise(unit).capitalize())
    return f"{plain(block)} {words}" if block is not None else words


def _state_part(line: UsageLine, part: LinePart) -> Cells:
    """A part with its unit price; what has none, such as being raised to a minimum, is an adjustment."""
    cells: Cells = {
        "billed_cost": part.billed,
        "effective_cost": part.billed,
        "charge_description": f"{line.name}, {part.words}",
    }
    if part.price is None or part.priced is None:
        return cells | {"charge_category": schema.ADJUSTMENT}
    flat = part.consumed is None
    key = line.meter.key if line.meter else ""
    return cells | {
        "charge_category": schema.PURCHASE if flat else schema.USAGE,
        "charge_frequency": schema.RECURRING if flat else schema.USAGE_BASED,
        "consumed_quantity": part.consumed,
        "consumed_unit": None if flat else name_unit(line.unit),
        "contracted_cost": part.cost,
        "contracted_unit_price": part.price,
        "list_cost": part.cost,
        "list_unit_price": part.price,
        "pricing_category": schema.STANDARD,
        "pricing_quantity": part.priced,
        "pricing_unit": "Units" if flat else name_unit(line.unit, part.block),
        "sku_id": key,
        "sku_meter": line.meter.name if line.meter else None,
        "sku_price_id": f"{line.row.terms['charge_id']}/{part.price_key}",
        "sku_price_details": json.dumps(dict(part.details)) if part.details else None,
    }


def _state_whole(line: UsageLine, *, corrects: bool) -> Cells:
    """Late or corrected usage in one row, without a unit price: its amount is the difference of two ratings."""
    row = line.row
    cells: Cells = {"billed_cost": net_amount(line), "charge_description": line.name}
    if row.kind == BEFORE_CHANGE or not corrects:
        return cells | {"charge_category": schema.CREDIT if line.note else schema.ADJUSTMENT}
    return cells | {
        "charge_category": schema.USAGE,
        "charge_class": schema.CORRECTION,
        "charge_frequency": schema.USAGE_BASED,
        "consumed_quantity": row.quantity,
        "consumed_unit": name_unit(line.unit),
        "sku_id": line.meter.key if line.meter else None,
        "sku_meter": line.meter.name if line.meter else None,
    }


def _name_discounts(line: UsageLine) -> str | None:
    if not line.row.discount or line.invoice is None:
        return None
    taken = read_percentages(line.invoice.discounts)
    return ", ".join(f"{each.coupon} {plain(each.percent_off)} %" for each in taken) or None
