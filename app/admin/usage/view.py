"""Builds staff's page of usage: figures with their definitions, columns, parts, and what shapes the days. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.admin.analytics.view import FigureCard
from app.admin.usage.answers import average
from app.admin.usage.columns import USAGE, USERS, draw_usage, name_row, part_href
from app.admin.usage.definitions import DEFINITIONS
from app.admin.usage.report import UsageReport, UsageTotals
from app.admin.usage.requests import BY, PRESETS, usage_path
from app.admin.usage.shapes_view import ShapesView, build_shapes_view
from app.catalog.models import Meter
from app.kit.money import ZERO
from app.metering.rollups.total_parts import UsagePart
from app.portal.shell.links import Link
from app.statements import wording
from app.web import charts
from app.web.addresses import path_to
from app.web.filters import day, percent, quantity

_NONE = "\N{EN DASH}"
_TENTH = Decimal("0.1")
_PAGES = ((USAGE, "Usage"), (USERS, "Organisations"))
_WHOLE = {"max": "peak", "unique": "distinct"}


@dataclass(frozen=True, slots=True)
class PartLine:
    """A row of the parts: its quantity and events, its share where parts add up, and what it was before."""

    name: str
    href: str | None
    quantity: str
    share: str
    events: str
    before: str


@dataclass(frozen=True)
class UsageChoices:
    """What can be chosen above the page. `chips` are filters in force: (words, address without it)."""

    pages: Sequence[Link]
    meters: Sequence[Link]
    by: Sequence[Link]
    action: str
    first: date
    last: date
    presets: Sequence[Link]
    hidden: dict[str, str]
    chips: Sequence[tuple[str, str]]
    clear: str


@dataclass(frozen=True)
class StaffUsageView:
    """The page. `lines` end with what is not given and sum to `foot`; `shapes` is None of one plan."""

    meter: Meter
    unit: str
    period: str
    before: str
    choices: UsageChoices
    figures: Sequence[FigureCard]
    chart: charts.ColumnChart | None
    title: str
    description: str
    by: str
    lines: Sequence[PartLine]
    foot: Sequence[str]
    note: str | None
    shapes: ShapesView | None
    files: dict[str, str]
    as_of: datetime


def build_usage_view(report: UsageReport, meters: Sequence[Meter], now: datetime) -> StaffUsageView:
    """Build the page."""
    meter, asked = report.meter, report.asked
    unit, whole = wording.pluralise(meter.unit), report.part("whole")
    then = report.part("whole", before=True)
    period = describe_days(asked.first, asked.last)
    total = quantity(whole.quantity or ZERO) if whole else "0"
    lines = _list_lines(report)
    return StaffUsageView(
        meter=meter,
        unit=unit,
        period=period,
        before=describe_days(*report.before),
        choices=build_choices(report, meters, USAGE),
        figures=_list_figures(report),
        chart=draw_usage(report, unit) if whole or then else None,
        title=f"{meter.name} by {asked.span}",
        description=f"{meter.name} of all organisations, {period}: {total} {unit}.",
        by="version" if asked.plan else asked.by,
        lines=lines,
        foot=_build_foot(whole, then, report),
        note=None if report.adds else "Maxima and distinct values do not add up: parts may overlap.",
        shapes=build_shapes_view(report, report.shapes, unit) if report.shapes else None,
        files=build_files(report, ("parts",) if asked.plan else ("parts", "hours", "endpoints", "file-sizes")),
        as_of=now,
    )


def describe_days(first: date, last: date) -> str:
    """3 November 2026, or two of them."""
    names = [str(day(each, plain=True)) for each in (first, last)]
    return names[0] if first == last else " to ".join(names)


def build_files(totals: UsageTotals, names: Sequence[str]) -> dict[str, str]:
    """The addresses of the page's files."""
    return {name: usage_path("admin.usage_csv", totals.meter.key, totals.asked, name=name) for name in names}


def build_choices(totals: UsageTotals, meters: Sequence[Meter], endpoint: str) -> UsageChoices:
    """The choices above a page of usage."""
    meter, asked = totals.meter.key, totals.asked
    anywhere: dict[str, None] = {"days": None, "from": None, "to": None}
    clear = usage_path(endpoint, meter, asked, plan=None)
    return UsageChoices(
        pages=[(words, usage_path(each, meter, asked), each == endpoint) for each, words in _PAGES],
        meters=[(each.name, usage_path(endpoint, each.key, asked), each.key == meter) for each in meters],
        by=[] if asked.plan else [
            (f"By {by}", usage_path(endpoint, meter, asked, by=by), by == asked.by) for by in BY
        ],
        action=path_to(endpoint),
        first=asked.first,
        last=asked.last,
        presets=[
            (words, usage_path(endpoint, meter, asked, **(anywhere | {"days": key})), key == asked.preset)
            for key, (words, _) in PRESETS.items()
        ],
        hidden={"meter": meter, "by": asked.by} | ({"plan": asked.plan} if asked.plan else {}),
        chips=[(f"Plan: {_name_plan(totals)}", clear)] if asked.plan else [],
        clear=clear,
    )  # fmt: skip


def _name_plan(report: UsageTotals) -> str:
    """The plan's name, as its versions say it; its key if nothing was used on it."""
    labels = [row.label.rpartition(", version ")[0] for row in report.parts if row.label]
    return labels[0] if labels else report.asked.plan or ""


def _list_figures(report: UsageReport) -> list[FigureCard]:
    now, then = report.part("whole"), report.part("whole", before=True)
    used, events = (now.quantity or ZERO, now.events) if now else (ZERO, 0)
    was = (then.quantity or ZERO, then.events) if then else None
    rows = usage_path(USERS, report.meter.key, report.asked) if now else None
    whole = _WHOLE.get(report.meter.aggregation, "total")
    found = [
        build_card(whole, quantity(used), quantity(was[0]) if was else None, rows),
        build_card("events", quantity(events), quantity(was[1]) if was else None, rows),
    ]
    if report.adds:
        days = (report.asked.last - report.asked.first).days + 1
        daily = rounded(average(was[0], days)) if was else None
        found.append(build_card("per_day", rounded(average(used, days)), daily, rows))
    return found


def build_card(key: str, value: str, before: str | None = None, rows_href: str | None = None) -> FigureCard:
    """A figure with its definition and the page of its rows."""
    label, definition = DEFINITIONS[key]
    return FigureCard(key, label, value, before, definition, rows_href)


def rounded(value: Decimal | None) -> str:
    """An average with one decimal, or whole from 100 on."""
    return _NONE if value is None else quantity(value.quantize(Decimal(1) if value >= 100 else _TENTH))


def _list_lines(report: UsageReport) -> list[PartLine]:
    """Parts over all the days: values, others, not given. What there was only before is in the others or comes last."""
    order = ("value", "others", "not given")
    rows = [row for row in report.parts if row.starts_on is None and row.part != "whole"]
    now = {(row.part, row.value): row for row in rows if not row.before}
    then = {(row.part, row.value): row for row in rows if row.before}
    keys = sorted(list(now) + [key for key in then if key not in now], key=lambda key: order.index(key[0]))
    whole = report.part("whole")
    return [_build_line(now.get(key) or then[key], now.get(key), then.get(key), whole, report) for key in keys]


def _build_line(
    row: UsagePart, now: UsagePart | None, then: UsagePart | None, whole: UsagePart | None, report: UsageReport
) -> PartLine:
    used = now.quantity if now else ZERO
    total = whole.quantity if whole and report.adds else None
    share = percent((used * 100 / total).quantize(_TENTH)) if used is not None and total else _NONE
    return PartLine(
        name_row(row, report.asked.by), part_href(row, report), _known(used), share, quantity(now.events if now else 0),
        _known(then.quantity if then else ZERO),
    )  # fmt: skip


def _known(value: Decimal | None) -> str:
    return _NONE if value is None else quantity(value)


def _build_foot(now: UsagePart | None, then: UsagePart | None, report: UsageReport) -> list[str]:
    share = [percent(100)] if report.adds else [_NONE]
    return [
        "All",
        _known(now.quantity if now else ZERO),
        *share,
        quantity(now.events if now else 0),
        _known(then.quantity if then else ZERO),
    ]
