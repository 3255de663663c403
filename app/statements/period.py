"""What a usage period's meters come to, by the terms in force: the history shows it, and the close bills it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.kit.periods import Period, share_of_month
from app.rating import Rated
from app.rating.schemas import parse_charge
from app.statements.figures import MeterUse, UsageTerms, rate_usage


def rate_period_row(row: Row[Any], used: Decimal | None = None) -> Rated | None:
    """Rate a meter's usage of a period, as `queries.list_period_rows` has it; None where its terms name no charge.

    With `used`, as if that were the quantity.
    """
    if row.model is None:
        return None
    portion = share_of_month(Period(row.starts_at, row.ends_at), row.time_zone)
    charge = parse_charge(row.model, row.properties, row.currency)
    return rate_usage(
        UsageTerms(allowance=row.allowance, charge=charge, minimum_portion=portion),
        MeterUse(row.used if used is None else used),
    )
