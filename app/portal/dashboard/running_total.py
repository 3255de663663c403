"""The chart that answers "shall I be all right": the running total of the meter that presses most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.kit.periods import Period, midnight
from app.portal.dashboard.view_models import RunningTotalView
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.outlook import describe_outlook, find_pressing, list_running_totals
from app.statements.wording import format_moment, unit_for
from app.web.charts import ChartTotal, draw_running_chart
from app.web.filters import quantity

_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)
_LABELS = 8

Row = list[str | Decimal | None]


def build_running_total(usage: CurrentUsage) -> RunningTotalView | None:
    """Build the chart; None while there is nothing to draw."""
    meter = find_pressing(usage)
    if meter is None:
        return None
    zone = usage.time_zone
    past = [ChartTotal(each.at, each.total) for each in list_running_totals(meter, usage.period, usage.as_of, zone)]
    ahead = _list_expected(meter)
    meeting = meter.reaches_limit_at
    sentences = describe_outlook(meter, usage)
    return RunningTotalView(
        title=f"{meter.name} in this period",
        description=" ".join([_describe_use(meter), *sentences]),
        sentences=sentences,
        chart=draw_running_chart(
            past,
            ahead,
            end=usage.period.end,
            limit=(meter.limit, _name_limit(meter, meter.limit)) if meter.limit is not None else None,
            meeting=(meeting, format_moment(meeting, usage.as_of, zone, short=True)) if meeting else None,
            labels=_list_labels(usage.period, zone),
            rows=_list_rows(past, ahead, zone),
        ),
    )


def _list_expected(meter: MeterFigures) -> list[ChartTotal]:
    """The forecast's totals; none where further use is refused, for then the total stays where it is."""
    if meter.ahead is None or meter.is_refused:
        return []
    return [ChartTotal(each.at, each.total, each.low, each.high) for each in meter.ahead.points]


def _describe_use(meter: MeterFigures) -> str:
    unit = unit_for(meter.use.used if meter.limit is None else meter.limit, meter.unit)
    of = "" if meter.limit is None else f" of {quantity(meter.limit)}"
    return f"{quantity(meter.use.used)}{of} {unit} used."


def _name_limit(meter: MeterFigures, limit: Decimal) -> str:
    return f"{'Limit' if meter.terms.refuses else 'Allowance'} {quantity(limit)}"


def _list_labels(period: Period, zone: str) -> list[tuple[datetime, str]]:
    """The period's days at even steps, at most eight; none so near the end that its text would stick out."""
    first = period.start.astimezone(ZoneInfo(zone)).date()
    count = (period.end - period.start) // _DAY
    days = [first + i * _DAY for i in range(0, max(count - 1, 1), -(-count // _LABELS) or 1)]
    return [(max(midnight(day, zone), period.start), f"{day.day} {day:%b}") for day in days]


def _list_rows(past: Sequence[ChartTotal], ahead: Sequence[ChartTotal], zone: str) -> list[Row]:
    ranged = any(each.high is not None for each in ahead)
    empty: Row = [None] * (3 if ranged else 1 if ahead else 0)
    rows: list[Row] = [[_name_day(each.at, zone), each.total, *empty] for each in past[1:-1]]
    rows.append(["Now", past[-1].total, *empty])
    for each in ahead[1:]:
        figures: Row = [each.total, each.low, each.high]
        rows.append([_name_day(each.at, zone), None, *figures[: len(empty)]])
    return rows


def _name_day(end: datetime, zone: str) -> str:
    day = (end - _INSTANT).astimezone(ZoneInfo(zone)).date()
    return f"{day.day} {day:%b}"
