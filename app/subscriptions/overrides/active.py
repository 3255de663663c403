"""Which overrides hold in a usage period, and what they replace. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.kit.periods import Period
from app.subscriptions.models import Override
from app.subscriptions.overrides.keys import FEATURE, LIMIT, PRICES, OverrideKey, parse_key, read_number

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ActiveOverrides:
    """The overrides of an org that hold on a plan in a period, the last given first to count.

    `valid_until` is the instant at which one of them begins or ends within the period.
    """

    holding: Sequence[tuple[OverrideKey, Override]]
    changes: Sequence[tuple[OverrideKey, datetime]]

    def for_meter(self, meter: str, currency: str) -> dict[str, Any]:
        """What is replaced in a meter's rule: field names of `MeterRule` to values."""
        replaced: dict[str, Any] = {}
        for key, override in self.holding:
            if key.meter != meter:
                continue
            if key.kind in PRICES:
                if override.currency == currency:
                    replaced["charge_id"] = override.id
            else:
                replaced[key.kind] = override.value if key.kind == "policy" else read_number(override.value)
        return replaced

    def limits(self) -> dict[str, Any]:
        """Replaced limits that belong to no meter, by key."""
        return {key.name: read_number(held.value) for key, held in self.holding if key.kind == LIMIT}

    def features(self) -> dict[str, Any]:
        """Replaced features, by key."""
        return {key.name: held.value for key, held in self.holding if key.kind == FEATURE}

    def valid_until(self, meter: str | None) -> datetime | None:
        """When the first override of a meter (None: of no meter) begins or ends."""
        return min((at for key, at in self.changes if key.meter == meter), default=None)


def instant_in(period: Period, now: datetime) -> datetime:
    """The instant as of which a period is resolved: now, or its first or last where now is outside it."""
    return min(max(now, period.start), period.end - _TICK)


def find_active(overrides: Iterable[Override], period: Period, plan_id: UUID, now: datetime) -> ActiveOverrides:
    """Find the overrides that hold in a period on a plan, as seen at `now`.

    Allowance, policy and prices hold for whole periods, from the one in which they begin to the one that holds their
    end. Others hold at an instant: now, or the period's first or last where now is outside it.
    """
    at = instant_in(period, now)
    holding, changes = [], []
    for override in sorted(overrides, key=lambda given: given.given_at):
        if override.plan_id not in {None, plan_id}:
            continue
        key, end = parse_key(override.key), find_end(override)
        if key.for_periods:
            if has_begun(override, period) and (end is None or end > period.start):
                holding.append((key, override))
            continue
        if override.starts_at <= at and (end is None or end > at):
            holding.append((key, override))
        changes += [(key, edge) for edge in (override.starts_at, end) if edge is not None and at < edge < period.end]
    return ActiveOverrides(holding, changes)


def has_begun(override: Override, period: Period) -> bool:
    """Whether one for whole periods has begun in a period: one that was put off, in the first after it was given.

    Not by its instant: a change of zone or plan moves the boundary that it was put off to.
    """
    put_off = override.starts_at > override.given_at
    return period.start > override.given_at if put_off else override.starts_at < period.end


def find_end(override: Override) -> datetime | None:
    """When an override ends: as agreed, or earlier if it was taken back, replaced or lost; None while it does not."""
    return min((end for end in (override.ends_at, override.ended_at) if end is not None), default=None)


def describe(override: Override) -> Mapping[str, Any]:
    """Describe an override for the audit log."""
    return {
        "key": override.key,
        "value": override.value,
        "reason": override.reason,
        "starts_at": override.starts_at,
        "ends_at": override.ends_at,
        "stays": override.plan_id is None,
    }
