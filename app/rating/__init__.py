"""Pure prices: a charge and a quantity in, an exact amount with its breakdown out.

Knows no database, no Flask, no clock, no plan and no org. One module a pricing model; `MODELS` in `schemas` lists them.
"""

from app.rating.charge import Charge, Rated, TierLine
from app.rating.pricing import marginal, price
from app.rating.shares import split

__all__ = ["Charge", "Rated", "TierLine", "marginal", "price", "split"]
