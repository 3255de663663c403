"""Gives and takes back overrides, on behalf of staff."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import FieldError, InvalidRequest, NotFound
from app.kit.fields import MOST_REASON
from app.kit.ids import new_id
from app.kit.periods import Period
from app.subscriptions import periods
from app.subscriptions.models import Override, UsagePeriod
from app.subscriptions.overrides.active import describe
from app.subscriptions.overrides.dearer import is_dearer, load_priced
from app.subscriptions.overrides.held import HeldOverride, describe_held
from app.subscriptions.overrides.keys import PRICES, OverrideKey, parse_key, parse_value
from app.subscriptions.terms.in_force import get_terms, preview_terms
from app.subscriptions.terms.writer import write_terms

_AGREED = ("key", "value", "currency", "reason", "plan_id", "ends_at")


@dataclass(frozen=True, slots=True)
class NewOverride:
    """What staff give: a value, why, until when (None: until taken back), and whether it outlives the plan."""

    key: str
    value: Any
    reason: str
    ends_at: datetime | None = None
    stays: bool = False


def give_override(session: Session, org_id: UUID, given: NewOverride, *, actor: Actor, now: datetime) -> Override:
    """Give an org an override, in place of the one that holds for the key. Audited; repeating it changes nothing.

    It begins now, or with the next usage period if it makes the running one dearer. Raises `NotFound` (org),
    `InvalidRequest` (an unknown key, a value it does not take, no reason, an end in the past).
    """
    key = parse_key(given.key)
    periods.lock_usage(session, org_id)
    period = periods.ensure_period(session, org_id, now, now)
    row = _build_row(session, key, given, period, actor=actor, now=now)
    meter_id = _check(session, key, given, now)
    open_rows = _list_open(session, org_id, key.replaces)
    former = _find_unexpired(open_rows, now)
    if former is not None and _says_same(former, row):
        return former
    before, held = None if former is None else describe(former), get_terms(session, org_id, now).meters
    for open_row in open_rows:
        open_row.ended_at = now
    session.flush()  # before the new row, of which there is one at a time
    session.add(row)
    session.flush()
    if (
        key.for_periods
        and meter_id is not None
        and is_dearer(*load_priced(session, held[meter_id], preview_terms(session, org_id, now).meters[meter_id]))
    ):
        _postpone(row, period)
    write_terms(session, org_id, now, now)
    audit(session, actor, "override.given", on=("override", row.id), org_id=org_id,
          before=before, after=describe(row), now=now)  # fmt: skip
    return row


def end_override(session: Session, org_id: UUID, key: str, *, actor: Actor, now: datetime) -> HeldOverride:
    """Take an override back. One of an allowance, policy or price holds to the end of the running period. Audited.

    Raises `NotFound` if no override holds for the key, `InvalidRequest` for what is no key.
    """
    keys = {str(parse_key(key))}
    periods.lock_usage(session, org_id)
    period = periods.ensure_period(session, org_id, now, now)
    row = _find_unexpired(_list_open(session, org_id, keys), now)
    if row is None:
        raise NotFound("There is no such override.")
    row.ended_at = now
    write_terms(session, org_id, now, now)
    audit(session, actor, "override.ended", on=("override", row.id), org_id=org_id,
          before=describe(row), after=None, now=now)  # fmt: skip
    return describe_held(row, now, Period(period.starts_at, period.ends_at))


def _build_row(
    session: Session, key: OverrideKey, given: NewOverride, period: UsagePeriod, *, actor: Actor, now: datetime
) -> Override:
    currency = period.currency or "USD"
    version = None if given.stays else catalog.find_version(session, period.plan_version_id)
    return Override(
        id=new_id(),
        org_id=period.org_id,
        key=str(key),
        value=parse_value(key, given.value, currency),
        currency=currency if key.kind in PRICES else None,
        reason=given.reason.strip(),
        plan_id=None if version is None else version.plan_id,
        given_by=actor.id,
        given_at=now,
        starts_at=now,
        ends_at=given.ends_at,
    )


def _says_same(former: Override, row: Override) -> bool:
    agreed = all(getattr(former, name) == getattr(row, name) for name in _AGREED)
    return agreed and type(former.value) is type(row.value)  # False is no 0


def _postpone(row: Override, period: UsagePeriod) -> None:
    """Begin with the next period instead."""
    row.starts_at = period.ends_at
    if row.ends_at is not None and row.ends_at <= row.starts_at:
        raise _invalid("ends_at", "must be after the running period, with the end of which this would begin")


def _list_open(session: Session, org_id: UUID, keys: Collection[str]) -> list[Override]:
    query = select(Override).where(Override.org_id == org_id, Override.key.in_(keys), Override.ended_at.is_(None))
    return list(session.scalars(query))


def _find_unexpired(rows: Iterable[Override], now: datetime) -> Override | None:
    return next((row for row in rows if row.ends_at is None or row.ends_at > now), None)


def _check(session: Session, key: OverrideKey, given: NewOverride, now: datetime) -> int | None:
    """Check what was given; returns the meter's id."""
    meters = {meter.key: meter.id for meter in catalog.list_meters(session)}
    if key.meter is not None and key.meter not in meters:
        raise _invalid("key", f"there is no meter {key.meter!r}")
    if not 1 <= len(given.reason.strip()) <= MOST_REASON:
        raise _invalid("reason", f"must have 1 to {MOST_REASON} characters: why this organisation has it")
    if given.ends_at is not None and given.ends_at <= now:
        raise _invalid("ends_at", "must be in the future")
    return meters[key.meter] if key.meter else None


def _invalid(field: str, detail: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {detail}.", [FieldError(field, detail)])
