"""The smallest amounts that can be charged, in minor units. Pure.

Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts. Stripe measures in the currency of the
account's bank; the stand-in settles every currency in itself.
"""

from __future__ import annotations

from sandbox.standin.engine import proration
from sandbox.standin.errors import StripeError, invalid

MINIMUMS = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17_500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "usd": 50,
}  # fmt: skip


def is_too_small(amount: int, currency: str) -> bool:
    """Whether something is due, but less than can be charged. A currency that is not in the table has no minimum."""
    return 0 < amount < MINIMUMS.get(currency, 1)


def too_small(subject: str, currency: str, param: str | None = None) -> StripeError:
    """400 `amount_too_small`; `subject` begins the message: "Amount must be"."""
    least = proration.format_money(MINIMUMS[currency], currency).partition(" ")[2]
    return invalid(f"{subject} at least {least} {currency}", code="amount_too_small", param=param)
