"""The dashboard by what lies ahead: from no usage at all to a limit that was passed, with made-up days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.kit.periods import Period
from app.portal.dashboard.view import build_dashboard
from app.portal.dashboard.view_models import DashboardView
from app.rating.schemas import parse_charge
from app.statements.ahead import MeterDays, Pace
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures, MeterUse, UsageTerms, compute_figures
from app.statements.windows import Window
from tests.portal.specimens import END, NOW, PERIOD, START, ZONE, standing
from tests.support.terms import usage_terms
from tests.web.stage import staged

D = Decimal
TODAY = date(2026, 11, 21)
CENT = parse_charge("per_unit", {"unit_amount": "0.01"}, "USD")


def days(count: int, weekday: int, weekend: int, today: int = 0) -> dict[date, Decimal]:
    """The last `count` days, Saturdays and Sundays apart, and today's."""
    past = [TODAY - timedelta(days=i) for i in range(1, count + 1)]
    wobble = (0, 9, -7, 4, -3, 8, -11)
    amounts = {day: D((weekday if day.weekday() < 5 else weekend) * (100 + wobble[day.day % 7]) // 100) for day in past}
    return {**amounts, TODAY: D(today)}


def meter(terms: UsageTerms, used: dict[date, Decimal], *, key: str = "calls",
          name: str = "API calls", period: Period = PERIOD, since: datetime = START,
          windows: tuple[Window, ...] = ()) -> MeterFigures:  # fmt: skip
    """A meter that has used, in the period, what its days say."""
    first = period.start.date() + timedelta(days=1 if period.start.hour else 0)
    total = sum((amount for day, amount in used.items() if day >= first), D(0))
    return compute_figures(key, name, "call", "sum", terms=terms, use=MeterUse(total), windows=windows,
                           pace=Pace(period, since, NOW, ZONE), days=MeterDays(used))  # fmt: skip


def stand(*meters: MeterFigures, period: Period = PERIOD, fee: int = 4900, ever_used: bool = True) -> CurrentUsage:
    """Where an org stands with these meters."""
    name = "Pro" if fee else "Free"
    return replace(standing("ok"), meters=list(meters), period=period, plan_key=name.lower(), plan_name=name, fee=fee,
                   ever_used=ever_used)  # fmt: skip


BEGAN = Period(datetime(2026, 11, 20, 23, tzinfo=START.tzinfo), datetime(2026, 12, 20, 23, tzinfo=START.tzinfo))
BLOCK, CHARGE = usage_terms("block", D(10_000)), usage_terms("charge", D(10_000), charge=CENT)
DAY_LIMIT = (Window("day", D(500), D(410), datetime(2026, 11, 21, 23, tzinfo=END.tzinfo)),)
USUAL = meter(usage_terms("warn", None), days(56, 300, 80, 40), key="tokens", name="Tokens")

USAGES: dict[str, Callable[[], CurrentUsage]] = {
    "no-usage": lambda: stand(meter(BLOCK, {}), ever_used=False, fee=0),
    "nothing-this-period": lambda: stand(meter(BLOCK, {TODAY - timedelta(days=40): D(5)}), fee=0),
    "first-day": lambda: stand(meter(BLOCK, days(30, 400, 60, 80), period=BEGAN), period=BEGAN),
    "first-hours": lambda: stand(meter(BLOCK, {TODAY: D(12)}, since=NOW - timedelta(hours=3)), fee=0),
    "little-history": lambda: stand(meter(BLOCK, days(4, 500, 500, 200), since=NOW - timedelta(days=4))),
    "few-days": lambda: stand(meter(BLOCK, days(10, 300, 100, 120))),
    "fine": lambda: stand(meter(BLOCK, days(56, 250, 40, 100), windows=DAY_LIMIT), USUAL),
    "meets-limit": lambda: stand(meter(BLOCK, days(56, 520, 90, 200), windows=DAY_LIMIT)),
    "over-limit": lambda: stand(meter(BLOCK, days(56, 800, 90, 200))),
    "charge": lambda: stand(meter(CHARGE, days(56, 900, 90, 200))),
    "charge-ahead": lambda: stand(meter(CHARGE, days(56, 520, 90, 200))),
    "unlimited": lambda: stand(meter(usage_terms("warn", None), days(56, 520, 90, 200))),
    "free": lambda: stand(meter(usage_terms("block", D(1_000)), days(25, 20, 4, 9)), fee=0),
}


@staged
def dashboard(kind: str) -> DashboardView:
    """The dashboard in one of `USAGES`."""
    return build_dashboard(USAGES[kind]())
