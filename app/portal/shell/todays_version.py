"""What a subscriber's plan is sold as today, where that is another version than their own. Pure."""

from __future__ import annotations

from app.statements.offers import TodaysVersion
from app.statements.wording import format_amount


def describe_today(today: TodaysVersion | None, currency: str | None, interval: str) -> str | None:
    """Say as which version the plan is sold, and its price if it has one there; None: the own version is today's.

    Worked example: version 2 at 12.00 USD a month: "Sold today as version 2, at $12.00 a month."
    """
    if today is None:
        return None
    fee = today.prices.get((currency, interval)) if currency else None
    price = f", at {format_amount(fee, currency)} a {interval}" if fee and currency else ""
    return f"Sold today as version {today.number}{price}."
