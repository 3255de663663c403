"""Pure pricing functions: turn a charge and a quantity into an exact amount and its breakdown.

Must not know the database, Flask, the clock, plans or orgs. One module per pricing model; `schemas.MODELS` lists them.
"""

from app.rating.charge import Charge, Rated, TierLine
from app.rating.pricing import UnitPrice, marginal_price, overage_price, price
from app.rating.shares import split

__all__ = ["Charge", "Rated", "TierLine", "UnitPrice", "marginal_price", "overage_price", "price", "split"]
