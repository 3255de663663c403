"""What a usage period's meters come to, by the terms in force: the history shows it, and the close bills it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.kit.periods import Period, share_of_month
from app.rating import Charge, Rated
from app.rating.bounds import WHOLE
from app.statements.figures import rate_quantity
from app.statements.queries import PeriodRow, parse_stored


def rate_period_row(row: Row[Any]) -> Rated | None:
    """Rate a meter's usage of a period, as `queries.list_period_rows` has it; None where its terms name no charge."""
    return rate_row(row, row.used)


def rate_row(row: Row[Any], used: Decimal) -> Rated | None:
    """Rate a quantity by the terms of such a row."""
    return rate_by(parse_row_charge(row), row, used)


def rate_by(charge: Charge | None, row: PeriodRow | Row[Any], used: Decimal) -> Rated | None:
    """Rate a quantity by a charge, with the allowance and the period of a row."""
    if charge is None:
        return None
    bounded = charge.bounds.minimum is not None
    portion = share_of_month(Period(row.starts_at, row.ends_at), row.time_zone) if bounded else WHOLE
    return rate_quantity(charge, used, row.allowance, portion)


def parse_row_charge(row: Row[Any]) -> Charge | None:
    """Parse the charge that a row's terms name."""
    return None if row.model is None else parse_stored(row.model, row.properties, row.currency)
