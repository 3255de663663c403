"""Reads what the usage page and its file show: from roll-ups, or from events where filters are combined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.catalog.models import ADDITIVE
from app.kit.money import ZERO
from app.kit.periods import Period, midnight
from app.metering import breakdowns
from app.metering.events import filtered
from app.metering.rollups.columns import list_columns
from app.metering.rollups.overview import OverviewRow, list_overview
from app.portal.usage.figures import (
    Amount,
    MeterUsage,
    build_filtered,
    build_parts,
    list_top,
    pick_value,
    sum_before,
    sum_days,
)
from app.portal.usage.requests import UsageQuery

_WHOLE = ""


def month_before(now: datetime) -> datetime:
    """Since when refused events are shown."""
    return now - timedelta(days=30)


@dataclass(frozen=True, slots=True)
class MeterRef:
    """A meter as shown on the page, with what its terms limit in the running period."""

    id: int
    key: str
    name: str
    unit: str
    aggregation: str
    allowance: Decimal | None = None
    cap: Decimal | None = None
    per_day: Decimal | None = None
    per_hour: Decimal | None = None

    @property
    def adds_up(self) -> bool:
        """Whether its days sum to its total."""
        return self.aggregation in ADDITIVE


@dataclass(frozen=True)
class UsageFrame:
    """The request's context: organisation, zone, running period, parsed query and meters."""

    org: UUID
    zone: str
    now: datetime
    period: Period
    query: UsageQuery
    meter: MeterRef
    meters: Sequence[MeterRef]

    @property
    def cut(self) -> tuple[datetime | None, datetime | None]:
        """The exact bounds if the period starts within a day, so that the page matches the counter."""
        exact = self.query.range.exact
        if exact is None or exact.start == midnight(self.query.range.start, self.zone):
            return None, None
        return exact.start, exact.end

    @property
    def month_ago(self) -> datetime:
        """Since when refused events are shown."""
        return month_before(self.now)

    @property
    def bucket(self) -> Literal["day", "month"]:
        """What the columns are read by: days, but months of a meter that does not add up."""
        return "month" if self.query.span == "month" and not self.meter.adds_up else "day"


def read_usage(session: Session, frame: UsageFrame, overview: Sequence[OverviewRow]) -> MeterUsage:
    """Read the meter's figures by the chosen dimension, with its filters: at most two statements, three if too many."""
    query = frame.query
    if not query.filters:
        return _read_rollups(session, frame, overview)
    combined = len(query.filters) > 1 or query.by not in query.filters
    found = _read_events(session, frame) if combined else None
    if found or len(query.filters) > 1:
        return found or MeterUsage({}, (ZERO, 0), too_many=True)
    return _read_value(session, frame, overview, too_many=combined)


def read_overview(session: Session, frame: UsageFrame) -> list[OverviewRow]:
    """Read the page's other sections, and what is offered to choose from: one statement."""
    days, (since, until) = frame.query.range, frame.cut
    today = frame.now.astimezone(ZoneInfo(frame.zone)).date()
    whole_months = since is None and days.start.day == 1 and days.end >= today
    return list_overview(
        session, frame.org, frame.meter.id, (days.start, days.end), bucket="month" if whole_months else "day",
        filters=frame.query.filters, since=since, until=until,
    )  # fmt: skip


def _read_rollups(session: Session, frame: UsageFrame, overview: Sequence[OverviewRow]) -> MeterUsage:
    days, (since, until) = frame.query.range, frame.cut
    by = _WHOLE if frame.query.by == "meter" else frame.query.by
    shares = breakdowns.list_usage_by_dimension(
        session, frame.org, days.start, days.end, by, meter_id=frame.meter.id if by else None, since=since, until=until
    )
    divided = by and frame.meter.adds_up
    columns = list_columns(
        session, frame.org, frame.meter.id, (days.before().start, days.start, days.end), bucket=frame.bucket,
        dimension=by if divided else _WHOLE, values=list_top(shares) if divided else [], since=since, until=until,
    )  # fmt: skip
    whole = sum_days(columns)
    return MeterUsage(
        whole=whole,
        total=_total(frame, whole.values(), overview),
        before=sum_before(columns) if frame.meter.adds_up else None,
        parts=build_parts(shares, columns) if divided else [],
        shares=shares,
    )


def _read_value(session: Session, frame: UsageFrame, overview: Sequence[OverviewRow], *, too_many: bool) -> MeterUsage:
    """The figures of one value, of which roll-ups are kept however many events there are."""
    days, (since, until) = frame.query.range, frame.cut
    [(name, value)] = frame.query.filters.items()
    columns = list_columns(
        session, frame.org, frame.meter.id, (days.before().start, days.start, days.end), bucket=frame.bucket,
        dimension=name, values=[value] if value else [], compared=True, since=since, until=until,
    )  # fmt: skip
    found = pick_value(columns, value)
    whole = sum_days(found)
    total = _total(frame, whole.values(), overview)
    label = breakdowns.label_or_erased(next((row.label for row in overview if row.part == "filter"), None), name)
    part: breakdowns.Part = "value" if value else "not given"
    share = breakdowns.Share(frame.meter.id, part, value or "", label, *total, 1 if value else 0)
    return MeterUsage(
        whole=whole,
        total=total,
        before=sum_before(found) if frame.meter.adds_up else None,
        shares=[] if too_many or not total[1] else [share],
        too_many=too_many,
    )


def _read_events(session: Session, frame: UsageFrame) -> MeterUsage | None:
    days, (since, until) = frame.query.range, frame.cut
    earliest = days.before().start
    found = filtered.read_filtered(
        session, frame.org, frame.meter.id, (earliest, days.start, days.end), dimension=frame.query.by,
        filters=frame.query.filters, since=since, until=until,
    )  # fmt: skip
    if found is None:
        return None
    compared = found.read_from <= earliest
    return build_filtered(found, frame.meter.id, frame.query.by, days.start, compared=compared)


def _total(frame: UsageFrame, days: Iterable[Amount], overview: Sequence[OverviewRow]) -> Amount:
    """The sum of the days if they add up; a maximum and distinct values are counted over the whole range."""
    if frame.meter.adds_up:
        amounts = list(days)
        return sum((amount for amount, _ in amounts), ZERO), sum(events for _, events in amounts)
    found = next((row for row in overview if row.part == "total"), None)
    return (found.quantity or ZERO, int(found.events or 0)) if found else (ZERO, 0)
