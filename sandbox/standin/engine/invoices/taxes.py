"""Tax by tax rates: of each line for itself, on what is left of it after discounts, rounded once.

Stripe rounds each line or each rate's sum, as the account chooses; ours rounds each line
(https://docs.stripe.com/billing/taxes/tax-rates). A line without rates of its own has the invoice's; a credit has those
of the line that it credits (`_tax_rates`). Stripe Tax is not here.
"""

from __future__ import annotations

from fractions import Fraction

from sandbox.standin.engine import proration
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

EXEMPT = frozenset({"exempt", "reverse"})


def get_rates(world: World, idents: list[str], param: str) -> list[Obj]:
    """Get the tax rates of a parameter; 400 for an unknown one."""
    return [world.get("tax_rate", ident, param) for ident in idents]


def tax_lines(world: World, invoice: Obj) -> None:
    """Set every line's taxes."""
    usual = [rate["id"] for rate in invoice["default_tax_rates"]]
    exempt, code = invoice["customer_tax_exempt"] in EXEMPT, invoice["currency"]
    for line in invoice["lines"]["data"]:
        own: list[str] = line.get("_tax_rates", usual)
        line["taxes"] = [_tax(world.get("tax_rate", ident), net(line), code, exempt=exempt) for ident in own]


def net(line: Obj) -> int:
    """What a line comes to after its discounts, before tax."""
    discounted: int = sum(part["amount"] for part in line["discount_amounts"])
    return int(line["amount"]) - discounted


def sums(lines: list[Obj]) -> list[Obj]:
    """The taxes of all lines, one entry for each rate."""
    found: dict[str, Obj] = {}
    for part in (part for line in lines for part in line["taxes"]):
        ident = part["tax_rate_details"]["tax_rate"]
        if ident in found:
            for name in ("amount", "taxable_amount"):
                found[ident][name] += part[name]
        else:
            found[ident] = dict(part)
    return list(found.values())


def amount(parts: list[Obj], *, inclusive: bool) -> int:
    """The sum of the taxes that are on top of prices, or of those that are part of them."""
    behavior = "inclusive" if inclusive else "exclusive"
    return sum(part["amount"] for part in parts if part["tax_behavior"] == behavior)


def _tax(rate: Obj, taxable: int, currency: str, *, exempt: bool) -> Obj:
    percent = Fraction(str(rate["percentage"]))
    part = percent / (100 + percent) if rate["inclusive"] else percent / 100
    return {
        "amount": 0 if exempt else proration.rounded(taxable * part, currency),
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "customer_exempt" if exempt else "not_available",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }
