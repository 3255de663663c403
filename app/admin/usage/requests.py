"""Reads what staff ask about usage from a URL and writes it into one: meter, days, parts, plan. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.catalog.models import Meter
from app.kit.errors import NotFound
from app.metering.rollups.total_parts import DAY, Dimension, Span
from app.web.addresses import path_to

PRESETS = {"7d": ("7 days", 7), "30d": ("30 days", 30), "90d": ("90 days", 90), "12m": ("12 months", 366)}
USUAL = "30d"
MOST_DAYS = 400
BY: dict[str, Dimension] = {"plan": "plan", "provider": "provider", "kind": "kind"}
_PLAN = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
# The most days that are drawn as days, and as weeks; more are drawn as months.
_BY_DAY, _BY_WEEK = 62, 200


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """UTC days, both inclusive; `preset` is a preset's name or "". `plan` is a plan's key."""

    first: date
    last: date
    preset: str
    by: Dimension
    plan: str | None = None

    @property
    def span(self) -> Span:
        """How wide the columns are: few enough to be told apart."""
        days = (self.last - self.first).days + 1
        return "day" if days <= _BY_DAY else "week" if days <= _BY_WEEK else "month"

    @property
    def days(self) -> dict[str, str]:
        """The days as a URL has them."""
        return {"days": self.preset} if self.preset else {"from": self.first.isoformat(), "to": self.last.isoformat()}


def find_meter(meters: Sequence[Meter], key: str | None) -> Meter:
    """The meter of a key, or the first; raises `NotFound` for one that there is not."""
    meter = next((each for each in meters if key in {None, "", each.key}), None)
    if meter is None:
        raise NotFound("There is no such meter.")
    return meter


def last_days(today: date) -> UsageFilter:
    """The last 30 days, whole."""
    return UsageFilter(today - (PRESETS[USUAL][1] - 1) * DAY, today, USUAL, "")


def parse_usage_filter(args: Mapping[str, str], today: date) -> UsageFilter:
    """Read the filter; what is missing or wrong falls back to the last 30 days, by plan, of all plans."""
    plan = args.get("plan", "")
    first, last, preset = _parse_days(args, today)
    return UsageFilter(
        first, last, preset, BY.get(args.get("by", ""), "plan"), plan if _PLAN.match(plan) else None
    )  # fmt: skip


def _parse_days(args: Mapping[str, str], today: date) -> tuple[date, date, str]:
    try:
        first, last = date.fromisoformat(args["from"]), date.fromisoformat(args["to"])
    except (KeyError, ValueError):
        preset = args.get("days", "") if args.get("days") in PRESETS else USUAL
        return today - (PRESETS[preset][1] - 1) * DAY, today, preset
    first, last = min(first, last), min(max(first, last), today + DAY)
    return max(min(first, last), date.fromordinal(max(1, last.toordinal() - MOST_DAYS + 1))), last, ""


def usage_path(endpoint: str, meter: str, asked: UsageFilter, **changed: Any) -> str:
    """The address of a page with the same filter; `changed` replaces parts of it, None leaves one out."""
    query = {"meter": meter, "by": asked.by or None, "plan": asked.plan, **asked.days} | changed
    return path_to(endpoint, **{name: value for name, value in query.items() if value is not None})
