"""Monthly recurring revenue of an organisation at an instant, in minor units. Pure.

What it is charged each period, less the discounts that hold then, per month: a twelfth of a year's price, 52/12 of a
week's, 365/12 of a day's. Rounded once for an organisation, halves away from zero. Without tax, and without usage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache

from app.kit.money import round_fraction
from app.subscriptions.changes.proration import ChangeDiscount, discount_price
from app.subscriptions.recurring.facts import RecurringDiscount, RecurringFee
from app.subscriptions.states import RECURRING

A_MONTH = {"day": Fraction(365, 12), "week": Fraction(52, 12), "month": Fraction(1), "year": Fraction(1, 12)}
"""How many of an interval make a month."""


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """What an organisation is charged on a recurring basis, as `subscriptions.recurring` keeps it.

    `paused`: nothing is collected. `cancel_at` is a planned end.
    """

    state: str
    currency: str
    fees: tuple[RecurringFee, ...] = ()
    discounts: tuple[RecurringDiscount, ...] = ()
    paused: bool = False
    trial_ends_at: datetime | None = None
    cancel_at: datetime | None = None


def mrr_at(charge: ChargeFacts, at: datetime) -> int:
    """The recurring revenue at an instant at which these facts hold.

    Trials, pauses and what is unpaid or has ended count nothing; what is past due counts until it is given up.

    Worked example: 1,200.00 a year less 10 % is 90.00; 10.00 a week is 43.33.
    """
    if not is_counted(charge, at):
        return 0
    return _per_month(charge.fees, tuple(each for each in charge.discounts if _holds(each, at)), charge.currency)


def committed_at(charge: ChargeFacts, at: datetime, planned: Sequence[RecurringFee] | None = None) -> int:
    """The recurring revenue once all that is planned is done: discounts with an end are over, `planned` replaces the
    fees (None: no change is planned), and what is cancelled for a later day is gone.

    Worked example: 49.00 a month, half price for three months, changing to 19.00 at the period's end: 19.00.
    """
    if not is_counted(charge, at) or charge.cancel_at is not None:
        return 0
    lasting = tuple(each for each in charge.discounts if each.lasts)
    return _per_month(charge.fees if planned is None else tuple(planned), lasting, charge.currency)


def is_counted(charge: ChargeFacts, at: datetime) -> bool:
    """Whether fees are recurring revenue at an instant."""
    tried = charge.trial_ends_at is not None and at < charge.trial_ends_at
    return charge.state in RECURRING and not charge.paused and not tried


@lru_cache(maxsize=4096)  # thousands of organisations on a few plans, looked at month by month
def _per_month(fees: tuple[RecurringFee, ...], discounts: tuple[RecurringDiscount, ...], currency: str) -> int:
    """Discounts come off each invoice; what is billed together is discounted together."""
    invoices: defaultdict[tuple[str, int], Fraction] = defaultdict(Fraction)
    for fee in fees:
        invoices[fee.interval, fee.every] += Fraction(fee.amount) * fee.quantity
    off = [_read(each) for each in discounts if each.amount_off is None or each.currency == currency]
    months = (discount_price(sum_, off) * Fraction(A_MONTH[unit], every) for (unit, every), sum_ in invoices.items())
    return round_fraction(sum(months, Fraction(0)))


def _holds(discount: RecurringDiscount, at: datetime) -> bool:
    return discount.ends_at is None or at < discount.ends_at


def _read(discount: RecurringDiscount) -> ChangeDiscount:
    return ChangeDiscount(None if discount.percent_off is None else Fraction(discount.percent_off), discount.amount_off)
