"""What the void of an import would take away, by meter and usage period: page and API show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.admin.corrections.taken import calculate_difference, count_taken
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.metering.corrections.import_lookup import PREVIEWED, BroughtUsage, find_start, list_brought
from app.statements import queries as statements

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class UsageTaken:
    """Usage that a void takes from a meter in a period, and what that changes of the period's amount.

    `quantity` is what no longer counts; None: the period is counted anew without the events. `difference` is in minor
    units of `currency`, below zero where it lowers the amount. None: it does not follow from the quantity alone, or
    nothing is charged. `plan_changed`: what is owed for the plan before is worked out again, and not in the difference.
    """

    meter: Meter
    starts_at: datetime | None
    ends_at: datetime | None
    closed: bool
    billable: bool
    events: int
    quantity: Decimal | None
    difference: int | None
    currency: str | None
    plan_changed: bool


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What an import brought: how many events, and of these how many are voided, can be, or cannot.

    `complete` False: it brought more events than are counted here, and no differences are worked out. `can_void`: an
    event is left that a void takes, counted here or not.
    """

    events: int
    voided: int
    left: int
    period_open: int
    too_old: int
    complete: bool
    can_void: bool
    usage: Sequence[UsageTaken]


def preview_import(
    session: Session, org_id: UUID, import_id: UUID, now: datetime, most: int = PREVIEWED
) -> ImportPreview | None:
    """Preview the void, of `most` events; None if the import brought the org nothing."""
    brought, complete = list_brought(session, org_id, import_id, now, most)
    if not brought:
        return None

    def count(outcome: str) -> int:
        return sum(each.events for each in brought if each.outcome == outcome)

    going = [each for each in brought if each.outcome == "voided"]
    beyond = not complete and not going and find_start(session, org_id, import_id, now) is not None
    return ImportPreview(
        events=sum(each.events for each in brought),
        voided=count("again"),
        left=count("voided"),
        period_open=count("period_open"),
        too_old=count("too_old"),
        complete=complete,
        can_void=bool(going) or beyond,
        usage=_rate(session, org_id, going, complete=complete),
    )


def _rate(session: Session, org_id: UUID, going: Sequence[BroughtUsage], *, complete: bool) -> list[UsageTaken]:
    meters = catalog.get_meters_by_id(session)
    starts = [each.starts_at for each in going if each.starts_at is not None]
    rows: dict[tuple[Any, int], Row[Any]] = {}
    if starts and complete:
        found = statements.list_period_rows(session, org_id, min(starts), max(starts) + _INSTANT)
        rows = {(row.starts_at, row.meter_id): row for row in found}
    return [_take(each, meters[each.meter_id], rows) for each in going]


def _take(usage: BroughtUsage, meter: Meter, rows: Mapping[tuple[Any, int], Row[Any]]) -> UsageTaken:
    row, difference = rows.get((usage.starts_at, usage.meter_id)) if usage.billable else None, None
    taken = count_taken(meter.aggregation, usage.events, usage.quantity)
    if row is not None and row.model is not None and taken is not None:
        difference = calculate_difference(row, taken)
    return UsageTaken(
        meter=meter,
        starts_at=usage.starts_at,
        ends_at=usage.ends_at,
        closed=usage.closed,
        billable=usage.billable,
        events=usage.events,
        quantity=taken,
        difference=difference,
        currency=row.currency if row is not None and difference is not None else None,
        plan_changed=row is not None and row.plan_changed,
    )


def sum_differences(usage: Sequence[UsageTaken]) -> dict[str, int]:
    """What the differences come to in each currency."""
    charged = sorted((each for each in usage if each.currency), key=lambda each: each.currency or "")
    return {
        currency: sum(each.difference or 0 for each in group)
        for currency, group in groupby(charged, key=lambda each: each.currency or "")
    }
