"""Builds staff's page of who uses a meter: who is active, and the organisations that use most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.admin.analytics.view import FigureCard
from app.admin.usage.answers import average
from app.admin.usage.columns import HEADS, USERS, list_starts, name_start
from app.admin.usage.report import UsersReport
from app.admin.usage.view import UsageChoices, build_card, build_choices, build_files, describe_days, rounded
from app.catalog.models import Meter
from app.kit.money import ZERO
from app.metering.rollups.active import ActiveCount
from app.metering.rollups.reports import TopOrg
from app.metering.rollups.total_parts import Span
from app.statements import wording
from app.web import charts
from app.web.filters import clock, day, quantity

_BY_MONTH: dict[bool, Span] = {False: "day", True: "month"}


@dataclass(frozen=True)
class StaffUsersView:
    """The page; `active` is None where nobody was, `top` None of one plan. `and_users` is empty of one."""

    meter: Meter
    unit: str
    period: str
    choices: UsageChoices
    figures: Sequence[FigureCard]
    active: charts.Chart | None
    and_users: str
    active_note: str
    top: Sequence[TopOrg] | None
    top_note: str
    files: dict[str, str]
    as_of: datetime


def build_users_view(report: UsersReport, meters: Sequence[Meter], now: datetime) -> StaffUsersView:
    """Build the page."""
    meter, asked, active = report.meter, report.asked, report.active
    return StaffUsersView(
        meter=meter,
        unit=wording.pluralise(meter.unit),
        period=describe_days(asked.first, asked.last),
        choices=build_choices(report, meters, USERS),
        figures=_list_figures(report),
        active=draw_active(report) if active.spans else None,
        and_users="" if active.whole.users is None else " and users",
        active_note=_describe_zones(report, "Whole calendar months" if active.by_month else "Days"),
        top=report.top,
        top_note=_describe_zones(report, "Days"),
        files=build_files(report, ("active",) if asked.plan else ("active", "organisations")),
        as_of=now,
    )


def draw_active(report: UsersReport) -> charts.Chart:
    """Organisations and their users, as lines; no users of one plan."""
    active, span = report.active, _BY_MONTH[report.active.by_month]
    known = {each.starts_on: each for each in active.spans}
    starts = list_starts(report.asked.first, report.asked.last, span)
    found = [known.get(start, ActiveCount(start, 0, 0)) for start in starts]
    series = [charts.Series("Organisations", [Decimal(each.orgs) for each in found], 1)]
    if active.whole.users is not None:
        series.append(charts.Series("Users", [Decimal(each.users or 0) for each in found], 2))
    return charts.lines([name_start(start, span) for start in starts], series, head=HEADS[span])


def _describe_zones(report: UsersReport, spans: str) -> str:
    as_of = report.active.as_of
    rolled_up = f"as of {clock(as_of)} on {day(as_of, plain=True)}" if as_of else "not rolled up yet"
    return f"{spans} in each organisation\N{RIGHT SINGLE QUOTATION MARK}s own time zone, {rolled_up}."


def _list_figures(report: UsersReport) -> list[FigureCard]:
    whole, active = report.part("whole"), report.active.whole
    found = [build_card("orgs", quantity(active.orgs))]
    if active.users is not None:
        found.append(build_card("users", quantity(active.users)))
    if report.adds:
        used = (whole and whole.quantity) or ZERO
        found.append(build_card("per_org", rounded(average(used, active.orgs))))
    return found
