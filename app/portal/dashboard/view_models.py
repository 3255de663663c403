"""View models of the home page and dashboard. Templates render them and decide nothing.

Amounts are Decimals in major units, quantities are Decimals, times are timezone-aware, texts are whole sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.web.charts import RunningChart, Sparkline


@dataclass(frozen=True)
class WindowBar:
    """The fullest minute, hour or day limit of a meter: how full it is, as figure, state and sentence."""

    percent: int
    state: str
    words: str


@dataclass(frozen=True)
class MeterBar:
    """One meter of the open period. `state` is ok, near (80), high (90), full (100), over or unlimited.

    It is that of the fullest limit, `bar_state` that of the period's.
    """

    key: str
    name: str
    unit: str
    used: Decimal
    limit: Decimal | None
    percent: int
    resets_at: datetime
    state: str = "ok"
    bar_state: str | None = None
    policy: str | None = None
    forecast: str | None = None
    reserved: Decimal = Decimal(0)
    reserved_percent: int = 0
    href: str | None = None
    windows: str | None = None
    window: WindowBar | None = None
    spark: Sparkline | None = None


@dataclass(frozen=True)
class PromptView:
    """A call to action. `kind` is info, near, strong or full."""

    kind: str
    title: str
    words: str
    action_href: str | None = None
    action_label: str | None = None
    second_href: str | None = None
    second_label: str | None = None


@dataclass(frozen=True)
class ChecklistStep:
    """One step of the checklist; `code` is a command to copy and run."""

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
    """Cost of the open period: the plan's fee plus usage, so far and by the forecast of each meter."""

    currency: str
    so_far: Decimal
    forecast: Decimal | None = None
    note: str | None = None


@dataclass(frozen=True)
class RunningTotalView:
    """The chart of the meter that presses most. `description` says all of it in words, `sentences` what lies ahead."""

    title: str
    description: str
    sentences: Sequence[str]
    chart: RunningChart


@dataclass(frozen=True)
class DashboardView:
    """The dashboard. `state_kind` is ok, near, high, full, over or empty; the checklist shows while steps are left."""

    plan_name: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    as_of: datetime
    state_kind: str
    state_sentence: str
    meters: Sequence[MeterBar]
    cost: CostView | None = None
    running: RunningTotalView | None = None
    prompts: Sequence[PromptView] = ()
    events: Sequence[EventRow] = ()
    steps: Sequence[ChecklistStep] = ()
    poll_seconds: int = 30
    is_trial: bool = False

    @property
    def state_icon(self) -> str:
        """The icon beside the summary."""
        return {"ok": "check", "empty": "clock"}.get(self.state_kind, "alert")
