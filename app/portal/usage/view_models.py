"""View models of the usage page; quantities are Decimals, times are timezone-aware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.portal.shell.links import Link
from app.portal.usage.refusals import RefusedRow
from app.portal.usage.sections import UsageSections
from app.web.charts import ColumnChart


@dataclass(frozen=True)
class UsageRow:
    """A row of the usage table; `share` is its whole percentage of the total, drawn as a small bar.

    `quantity` is None where it is not known: of values that do not add up.
    """

    label: str
    quantity: Decimal | None
    events: int
    share: int
    href: str | None = None


@dataclass(frozen=True)
class ExportLink:
    """A file of what the page shows, or of the events behind it."""

    label: str
    href: str
    note: str


@dataclass(frozen=True)
class UsageView:
    """One meter over a range of days. `breakdown` is by the chosen dimension; all sums add up to `total`.

    `chips` are the filters in force, each with the address without it. `note` says what the page cannot answer, with
    links to what it can; `limit_note` what limit is too far above the chart to be drawn.
    """

    meter_name: str
    unit: str
    zone: str
    start: date
    end: date
    as_of: datetime
    meters: Sequence[Link]
    spans: Sequence[Link]
    dimensions: Sequence[Link]
    presets: Sequence[Link]
    hidden: dict[str, str]
    chips: Sequence[tuple[str, str]]
    clear_href: str
    total: Decimal
    total_unit: str
    total_events: int
    before: Decimal | None
    before_label: str
    change: str | None
    trend: str | None
    busiest: str | None
    chart: ColumnChart
    chart_title: str
    chart_description: str
    limit_note: str | None
    breakdown_heading: str
    breakdown: Sequence[UsageRow]
    note: str | None
    sections: UsageSections
    csv_href: str
    excel_href: str
    exports: Sequence[ExportLink]
    cut: bool = False
    refused: Sequence[RefusedRow] = ()
