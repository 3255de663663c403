"""Says what discounts take off a line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.invoices.discounts import read_percentages
from app.kit.money import plain
from app.portal.invoices.explain.steps import Step, with_minus
from app.portal.invoices.lines import UsageLine
from app.statements.wording import format_amount


def net_amount(line: UsageLine) -> int:
    """What is left of a line's amount, in minor units."""
    return line.row.amount - line.row.discount


def describe_discount(line: UsageLine) -> str | None:
    """A sentence about the discount; None where there is none."""
    if not line.row.discount:
        return None
    if line.row.amount < 0:
        return "The usage that this reverses was discounted, so its part of the discount is reversed, too."
    return f"The discount on your plan takes {_rates(line)} off the rounded amount."


def add_discount(line: UsageLine, steps: Sequence[Step], total: Sequence[str]) -> tuple[Sequence[Step], Sequence[str]]:
    """The steps of a line and its total, followed by what a discount takes off and leaves."""
    row = line.row
    if not row.discount:
        return steps, total
    label = f"Discount, {_rates(line)}" if row.amount > 0 else "Discount reversed"
    less = with_minus(format_amount(-row.discount, row.currency))
    left = with_minus(format_amount(net_amount(line), row.currency))
    shown = [Step(total[0], amount=total[-1]), Step(label, amount=less)]
    return [*steps, *shown], ("After the discount", "", "", left)


def _rates(line: UsageLine) -> str:
    percentages = read_percentages(line.invoice.discounts) if line.invoice else []
    return " and ".join(f"{plain(each.percent_off)} %" for each in percentages)
