"""The steps from a quantity to its amount, as rows of a table whose amounts add up to the exact amount. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.invoices.breakdown import Breakdown
from app.invoices.charges import LineCharge
from app.invoices.models import FEE, LATE, InvoiceLine
from app.kit.money import exactly
from app.portal.invoices.explain.formula import PERCENTAGES, describe_division, read_per
from app.portal.invoices.lines import UsageLine
from app.rating import TierLine, UnitPrice
from app.rating.bounds import MINIMUM
from app.statements.wording import format_amount, format_exact, format_unit_price
from app.web.filters import percent, quantity

_WHOLE = {"flat": "Flat amount", "percentage": "At the rate", "graduated_percentage": "At the rate"}


_APART = {"apart": ("The rest of the difference, on a line of its own", -1)}
_LATE = {"amount": ("The whole period, rounded", 1), "billed_before": ("Billed before", -1), **_APART}
_BEFORE_CHANGE = {
    "owed_before": ("Usage before the change, by the terms of then", 1),
    "owed_by_the_period": ("The whole period, by the terms at its end", -1),
    "billed_before": ("Billed before", -1),
    **_APART,
}


@dataclass(frozen=True, slots=True)
class Step:
    """A row: what it is, and its quantity, price and amount where it has them."""

    label: str
    quantity: str = ""
    price: str = ""
    amount: str = ""


def build_steps(line: UsageLine, breakdown: Breakdown | None) -> tuple[Sequence[Step], Sequence[str]]:
    """The rows from the quantity to the last tier or bound, and the cells of the total.

    Late usage is rated with all of its period, less what was billed of that. Without a breakdown: overage before a
    change of plan, or a fee, which has no steps.
    """
    row = line.row
    total = ("Amount", "", "", format_amount(row.amount, row.currency))
    if row.kind == FEE:
        return (), ()
    if breakdown is None:
        return list(_list_sums(row, _BEFORE_CHANGE)), total
    steps = [*_list_quantities(line, breakdown), *_list_tiers(line, breakdown)]
    if breakdown.bound is not None:
        label = "Raised to the minimum" if breakdown.bound.kind == MINIMUM else "Lowered to the maximum"
        steps.append(Step(label, amount=with_minus(format_exact(breakdown.bound.subtotal, row.currency))))
    if row.kind == LATE:
        return [*steps, *_list_sums(row, _LATE)], total
    if row.exact_amount != row.amount:
        steps.append(Step("Exact amount", amount=format_exact(row.exact_amount, row.currency)))
        return steps, ("Rounded amount", "", "", format_amount(row.amount, row.currency))
    return steps, total


def _list_sums(row: InvoiceLine, names: Mapping[str, tuple[str, int]]) -> Iterator[Step]:
    """Stored amounts that add up to the line's, each under its label and with its sign."""
    for name, (label, sign) in names.items():
        if amount := row.breakdown.get(name):
            yield Step(label, amount=with_minus(format_amount(sign * amount, row.currency)))


def _list_quantities(line: UsageLine, breakdown: Breakdown) -> Iterator[Step]:
    counted = line.row.breakdown.get("counted")
    yield Step("Used", quantity(line.row.quantity if counted is None else Decimal(counted)))
    allowance = line.row.terms.get("allowance")
    if breakdown.included:
        label = "Included in the allowance" if allowance is not None else "Included without limit"
        yield Step(label, with_minus(quantity(-breakdown.included)))
        yield Step("Charged for", quantity(breakdown.excess))
    properties = line.rated_by.properties
    if "divide_by" in properties:
        yield Step(f"Divided {describe_division(properties)}", quantity(breakdown.units))


def _list_tiers(line: UsageLine, breakdown: Breakdown) -> Iterator[Step]:
    charge, currency = line.rated_by, line.row.currency
    for tier in breakdown.tiers:
        yield Step(
            name_tier(charge.model, tier),
            quantity(tier.quantity),
            " + ".join(_list_prices(charge, tier, currency)) or "No charge",
            format_exact(tier.subtotal, currency),
        )


def name_tier(model: str, tier: TierLine) -> str:
    """What a tier is called, by its bounds."""
    if tier.start == 0 and tier.end is None:
        return _WHOLE.get(model, "At the unit price")
    if tier.end is None:
        return f"Above {quantity(tier.start)}"
    return (
        f"Up to {quantity(tier.end)}"
        if tier.start == 0
        else f"Above {quantity(tier.start)}, up to {quantity(tier.end)}"
    )


def _list_prices(charge: LineCharge, tier: TierLine, currency: str) -> Iterator[str]:
    """The price of a tier's units, then its flat amount."""
    model, properties = charge
    if model == "package" and tier.unit_amount:
        size, unit = quantity(Decimal(str(properties["size"]))), format_exact(tier.unit_amount, currency)
        yield f"{quantity(tier.blocks)} {'block' if tier.blocks == 1 else 'blocks'} of {size} at {unit}"
    elif model in PERCENTAGES and tier.unit_amount:
        yield percent(tier.unit_amount) if _is_short(tier.unit_amount) else f"{tier.unit_amount:f} %"
    elif tier.unit_amount:
        with exactly():
            price = UnitPrice(tier.unit_amount * read_per(properties), read_per(properties))
        yield format_unit_price(price, currency)
    if tier.flat_amount:
        yield f"{format_exact(tier.flat_amount, currency)} flat"


def _is_short(rate: Decimal) -> bool:
    """Whether a rate has at most the one decimal that `percent` shows."""
    return rate == round(rate, 1)


def with_minus(number: str) -> str:
    """The number with a real minus sign, for display."""
    return number.replace("-", "\N{MINUS SIGN}")
