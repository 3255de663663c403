"""What the customer's pages show, ready to be written down: templates read these and decide nothing.

Amounts are Decimals in whole units of their currency, quantities Decimals, instants aware; words are whole sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from app.web.charts import Chart

Link = tuple[str, str, bool]  # words, address, whether it is the one that is shown


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the own org who may change the plan."""

    name: str
    email: str


@dataclass(frozen=True)
class MeterBar:
    """One meter of the open period. `state` is ok, near (80), high (90), full (100), over or unlimited."""

    key: str
    name: str
    unit: str
    used: Decimal
    limit: Decimal | None
    percent: int
    resets_at: datetime
    state: str = "ok"
    policy: str | None = None
    forecast: str | None = None
    reserved: Decimal = Decimal(0)
    reserved_percent: int = 0
    href: str | None = None
    windows: str | None = None


@dataclass(frozen=True)
class PromptView:
    """What needs a decision. `kind` is info, near, strong or full; the fields go with a dismissal."""

    kind: str
    title: str
    words: str
    action_href: str | None = None
    action_label: str | None = None
    second_href: str | None = None
    second_label: str | None = None
    dismiss_action: str | None = None
    dismiss_fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of the first-run checklist; `code` is a line to copy and run."""

    title: str
    words: str
    done: bool = False
    waiting: bool = False
    action_href: str | None = None
    action_label: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class EventRow:
    """One of the latest usage events."""

    at: datetime
    meter: str
    quantity: Decimal
    unit: str
    kind: str
    source: str


@dataclass(frozen=True)
class CostView:
    """Cost of the open period: the plan's fee, usage above the allowances, and where it ends at this pace."""

    currency: str
    so_far: Decimal
    forecast: Decimal | None = None
    note: str | None = None


@dataclass(frozen=True)
class DashboardView:
    """The dashboard. `state_kind` is ok, near, high, full, over or empty; with steps left it shows the checklist."""

    plan_name: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    as_of: datetime
    state_kind: str
    state_sentence: str
    meters: Sequence[MeterBar]
    cost: CostView | None = None
    prompts: Sequence[PromptView] = ()
    events: Sequence[EventRow] = ()
    steps: Sequence[Step] = ()
    poll_seconds: int = 30

    @property
    def state_icon(self) -> str:
        """The mark beside the sentence."""
        return {"ok": "check", "empty": "clock"}.get(self.state_kind, "alert")


@dataclass(frozen=True)
class PlanColumn:
    """One plan of the comparison. `price` is none where it is agreed apart; `button_label` says what the press does."""

    key: str
    name: str
    summary: str
    price: Decimal | None
    price_note: str
    button_label: str | None
    button_href: str | None
    current: bool = False
    suggested: bool = False
    highlights: Sequence[str] = ()


@dataclass(frozen=True)
class CompareRow:
    """One line of the comparison, a cell a plan. A cell "yes" or "no" is drawn as a mark and read as the word."""

    label: str
    cells: Sequence[str]
    hint: str | None = None


@dataclass(frozen=True)
class CompareGroup:
    """Lines of the comparison under one heading."""

    title: str
    rows: Sequence[CompareRow]


@dataclass(frozen=True)
class ReplayRow:
    """What the last period's usage would have cost on a plan."""

    plan: str
    amount: Decimal
    cheapest: bool = False
    note: str | None = None


@dataclass(frozen=True)
class PlansView:
    """The comparison of what is sold, in one interval and currency."""

    currency: str
    interval: str
    intervals: Sequence[Link]
    currencies: Sequence[Link]
    plans: Sequence[PlanColumn]
    groups: Sequence[CompareGroup]
    tax_note: str
    replay: Sequence[ReplayRow] = ()
    replay_period: str | None = None

    @property
    def per(self) -> str:
        """What a price is for."""
        return "a year" if self.interval == "year" else "a month"


@dataclass(frozen=True)
class UsageRow:
    """One line of the usage table; `share` is the part of the total in whole percent, for the little bar."""

    label: str
    quantity: Decimal
    events: int
    share: int
    before: Decimal | None = None
    href: str | None = None


@dataclass(frozen=True)
class RefusedRow:
    """Events that were not counted, and why."""

    at: datetime
    meter: str
    reason: str
    count: int


@dataclass(frozen=True)
class UsageView:
    """One meter over the days of a range. `breakdown` is by the chosen dimension; all sums meet in `total`."""

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
    total_events: int
    before: Decimal | None
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
    refused: Sequence[RefusedRow] = ()
