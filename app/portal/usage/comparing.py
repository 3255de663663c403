"""How the usage page compares figures: with the days before, a part with the whole, the busiest day. Pure."""

from __future__ import annotations

from decimal import Decimal

from app.kit.money import ZERO, round_half_away
from app.portal.usage.figures import MeterUsage
from app.web.filters import quantity

_MANY_TIMES = 10


def describe_change(total: Decimal, before: Decimal | None) -> tuple[str | None, str | None]:
    """The change in words and its trend, up or down; growth of ten times and more is a multiple."""
    if before is None:
        return None, None
    if before <= 0:
        return ("No usage then", None)
    change = int((total - before) * 100 / before)
    if change == 0:
        return "About the same now", None
    if change >= _MANY_TIMES * 100:
        return f"About {_round_times(total / before)} times as much now", "up"
    return (f"{abs(change)} % {'more' if change > 0 else 'less'} now", "up" if change > 0 else "down")


def find_busiest(usage: MeterUsage) -> str | None:
    """The day, or month, with the most use."""
    day, (amount, _) = max(usage.whole.items(), key=lambda item: item[1][0], default=(None, (ZERO, 0)))
    return f"{day.day} {day:%b}: {quantity(amount)}" if day and amount > 0 else None


def round_share(part: Decimal, whole: Decimal) -> int:
    """Whole percent, halves rounded up from 1 on; the shares of a table need not add up to 100."""
    percentage = part * 100 / whole if whole > 0 else ZERO
    return 0 if percentage < 1 else min(100, round_half_away(percentage))


def _round_times(ratio: Decimal) -> str:
    """A ratio of ten and more to two significant digits: 2,307.69 is 2,300."""
    step = 10 ** max(0, ratio.adjusted() - 1)
    return quantity(round_half_away(ratio / step) * step)
