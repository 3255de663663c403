"""View models of the usage page; quantities are Decimals, times are timezone-aware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.portal.shell.links import Link
from app.portal.usage.refusals import RefusedRow
from app.web.charts import Chart


@dataclass(frozen=True)
class UsageRow:
    """A row of the usage table; `share` is its whole percentage of the total, drawn as a small bar.

    `quantity` is None where it is not known: of values that do not add up.
    """

    label: str
    quantity: Decimal | None
    events: int
    share: int
    before: Decimal | None = None
    href: str | None = None


@dataclass(frozen=True)
class UsageView:
    """One meter over a range of days. `breakdown` is by the chosen dimension; all sums add up to `total`."""

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
    total: Decimal
    total_unit: str
    total_events: int
    before: Decimal | None
    before_label: str
    change: str | None
    trend: str | None
    busiest: str | None
    chart: Chart | None
    chart_title: str
    chart_description: str
    rows_heading: str
    rows: Sequence[UsageRow]
    breakdown_heading: str
    breakdown: Sequence[UsageRow]
    csv_href: str
    excel_href: str
    refused: Sequence[RefusedRow] = ()
