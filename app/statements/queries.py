"""Reads behind the figures: an organisation's terms, periods and counters, one query per question."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, Numeric, Row, Text, TextualSelect, Uuid, text
from sqlalchemy.orm import Session

from app.kit.postgres.arrays import encode_keys
from app.kit.postgres.together import ask, fill
from app.rating import Charge
from app.rating.schemas import parse_charge
from app.subscriptions.terms.resolver import MeterTerms

Rows = Sequence[Row[Any]]


class PeriodRow(NamedTuple):
    """A meter used or charged for in a usage period, or none; the rows of `list_period_rows` begin with these columns.

    `sources` is JSON as text: many rows say the same. `policy` is None where the meter has no terms.
    """

    org_id: UUID
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    currency: str
    meter_id: int | None
    policy: str | None
    allowance: Decimal | None
    hard_limit: Decimal | None
    cap: Decimal | None
    sources: str | None
    used: Decimal
    imported: Decimal
    events: int
    plan_changed: bool
    plan_version_id: UUID
    charge_id: UUID | None


# Plan, subscription and the period that contains :now, then every meter with its terms, counter and open windows.
# Before the period is open, meters have no terms. `days` is each meter's use by day, from :back days ago.
_CURRENT = text("""
WITH org AS (SELECT created_at, time_zone FROM accounts_orgs WHERE id = :org_id),
subscription AS (
    SELECT plan_version_id, interval, collection, state, limited_at, restriction_lifted_until, trial_ends_at
    FROM subscriptions_open WHERE org_id = :org_id
),
period AS (
    SELECT starts_at, ends_at, plan_version_id, time_zone, currency FROM subscriptions_periods
    WHERE org_id = :org_id AND starts_at <= :now AND ends_at > :now
),
days AS (
    SELECT day.meter_id, jsonb_object_agg(day.day, day.quantity::text) AS used
    FROM org, usage_series('day', :org_id, (:now AT TIME ZONE org.time_zone)::date - CAST(:back AS integer),
                           (:now AT TIME ZONE org.time_zone)::date, NULL, NULL, '') day
    WHERE CAST(:back AS integer) > 0
    GROUP BY day.meter_id
),
refused AS (
    SELECT day.meter_id, jsonb_object_agg(day.day, day.quantity::text) AS quantities
    FROM (SELECT meter_id, (hour AT TIME ZONE org.time_zone)::date AS day, sum(quantity) AS quantity
          FROM org, metering_refused WHERE org_id = :org_id AND CAST(:back AS integer) > 0 GROUP BY 1, 2) day
    GROUP BY day.meter_id
)
SELECT org.created_at AS org_since, org.time_zone, period.currency, period.starts_at, period.ends_at,
       pv.plan_key, pv.plan_name, pv.number AS plan_version, pv.id AS plan_version_id,
       subscription.interval, subscription.collection, subscription.state,
       subscription.limited_at, subscription.restriction_lifted_until,
       coalesce(period.ends_at <= subscription.trial_ends_at, false) AS is_trial,
       EXISTS (SELECT FROM payments_prices_unknown unknown WHERE unknown.org_id = :org_id) AS own_price,
       EXISTS (SELECT FROM subscriptions_planned move WHERE move.org_id = :org_id AND move.origin = 'staff') AS moves,
       fees.amounts AS fees, meter.id AS meter_id, meter.key, meter.name, meter.unit, meter.aggregation,
       terms.meter_id IS NOT NULL AS resolved, coalesce(terms.valid_until <= :now, false) AS expired,
       terms.mentioned, terms.policy, terms.allowance, terms.hard_limit, terms.cap, terms.sources, terms.charge_id,
       counter.meter_id IS NOT NULL AS counted, coalesce(counter.billable, 0) AS used,
       coalesce(counter.reserved, 0) AS reserved, coalesce(counter.unbilled, 0) AS imported,
       charge.model, charge.properties, windows.found AS windows, days.used AS days, refused.quantities AS refused,
       EXISTS (SELECT FROM metering_counters WHERE org_id = :org_id) AS ever_used,
       EXISTS (SELECT FROM subscriptions_superseded before
               WHERE before.org_id = :org_id AND before.period_start = period.starts_at) AS plan_changed
FROM org
LEFT JOIN period ON true
LEFT JOIN subscription ON true
LEFT JOIN catalog_versions pv ON pv.id = coalesce(period.plan_version_id, plan_in_force(:org_id, :now))
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(currency || ' ' || interval, amount) AS amounts FROM catalog_prices
    WHERE plan_version_id = coalesce(subscription.plan_version_id, pv.id)) fees ON true
LEFT JOIN catalog_meters meter ON true
LEFT JOIN subscriptions_terms terms
       ON terms.org_id = :org_id AND terms.period_start = period.starts_at AND terms.meter_id = meter.id
LEFT JOIN metering_counters counter
       ON counter.org_id = :org_id AND counter.period_start = period.starts_at AND counter.meter_id = meter.id
LEFT JOIN subscriptions_charges charge ON charge.id = terms.charge_id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(s.span, s.cap::text, coalesce(w.used, 0)::text, s.ends_at)
                     ORDER BY s.ends_at - s.starts_at DESC) AS found
    FROM usage_spans(period.time_zone, :now, :now, terms.per_minute, terms.per_hour, terms.per_day) s
    LEFT JOIN metering_windows w
           ON w.org_id = :org_id AND w.meter_id = meter.id AND w.span = s.span AND w.starts_at = s.starts_at
    WHERE num_nonnulls(terms.per_minute, terms.per_hour, terms.per_day) > 0
) windows ON true
LEFT JOIN days ON days.meter_id = meter.id
LEFT JOIN refused ON refused.meter_id = meter.id
ORDER BY terms.mentioned IS NOT TRUE, meter.id
""")
# Usage in periods: what was used, and what is charged for, for a minimum or a base fee is owed without use. A counter
# without terms is that of a meter which the catalogue has archived since.
_PERIODS = """
SELECT {whose}, period.ends_at, period.time_zone,
       coalesce(period.currency, 'USD') AS currency, line.meter_id, line.policy, line.allowance, line.hard_limit,
       line.cap, line.sources::text AS sources, coalesce(trim_scale(line.billable), 0) AS used,
       coalesce(trim_scale(line.unbilled), 0) AS imported, coalesce(line.events, 0) AS events,
       EXISTS (SELECT FROM subscriptions_superseded before
               WHERE before.org_id = period.org_id AND before.period_start = period.starts_at) AS plan_changed,
       period.plan_version_id{as_text}, line.charge_id{as_text} {more}
FROM subscriptions_periods period
LEFT JOIN LATERAL (
    SELECT meter_id, terms.policy, terms.allowance, terms.hard_limit, terms.cap, terms.sources, terms.charge_id,
           counter.billable, counter.unbilled, counter.events
    FROM (SELECT * FROM subscriptions_terms WHERE org_id = period.org_id AND period_start = period.starts_at) terms
    FULL JOIN (SELECT * FROM metering_counters
               WHERE org_id = period.org_id AND period_start = period.starts_at) counter USING (meter_id)
    WHERE terms.charge_id IS NOT NULL OR counter.meter_id IS NOT NULL
) line ON true
{joined} ORDER BY {whose}, line.meter_id
"""
# With what a page says of the meter and of its charge.
_PERIODS_BETWEEN = text(
    _PERIODS.format(
        whose="period.org_id, period.starts_at",
        as_text="",
        more=", meter.key, meter.name, meter.unit, charge.model, charge.properties::text AS properties",
        joined="LEFT JOIN catalog_meters meter ON meter.id = line.meter_id"
        " LEFT JOIN subscriptions_charges charge ON charge.id = line.charge_id"
        " WHERE period.org_id = :org_id AND period.starts_at >= :start AND period.starts_at < :end",
    )
)
# By the number of the key; ids that most rows share as text, since making a UUID takes longer than reading a row.
_PERIODS_NAMED = text(
    _PERIODS.format(
        whose="key.number",
        as_text="::text",
        more="",
        joined="JOIN unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[])) WITH ORDINALITY"
        " key (org_id, starts_at, number) ON key.org_id = period.org_id AND key.starts_at = period.starts_at",
    )
)
# The open windows of meters whose terms are not stored yet: meter, minute, hour and day limits as parallel arrays.
_WINDOWS = text("""
SELECT terms.meter_id, jsonb_agg(jsonb_build_array(s.span, s.cap::text, coalesce(w.used, 0)::text, s.ends_at)
                                 ORDER BY s.ends_at - s.starts_at DESC) AS found
FROM unnest(CAST(:meters AS integer[]), CAST(:minutes AS numeric[]), CAST(:hours AS numeric[]),
            CAST(:days AS numeric[])) terms (meter_id, per_minute, per_hour, per_day)
JOIN accounts_orgs org ON org.id = :org_id
CROSS JOIN LATERAL usage_spans(org.time_zone, :now, :now, terms.per_minute, terms.per_hour, terms.per_day) s
LEFT JOIN metering_windows w
       ON w.org_id = :org_id AND w.meter_id = terms.meter_id AND w.span = s.span AND w.starts_at = s.starts_at
GROUP BY terms.meter_id
""")
# The fullest hours and minutes of the last two days, for which they are kept, and the running ones.
_BUSIEST_WINDOWS = text("""
SELECT meter.key, busy.span, max(busy.used) AS most,
       coalesce(max(busy.used) FILTER (WHERE busy.starts_at > :now - ('1 ' || busy.span)::interval), 0) AS now
FROM metering_windows busy JOIN catalog_meters meter ON meter.id = busy.meter_id
WHERE busy.org_id = :org_id AND busy.span IN ('hour', 'minute')
  AND busy.starts_at > :now - interval '2 days' AND busy.starts_at <= :now
GROUP BY meter.key, busy.span
""")
# Charges by id, for terms that are not stored yet.
_CHARGES = text(
    "SELECT id, model, properties::text AS properties, currency FROM subscriptions_charges WHERE id = ANY (:ids)"
)
# The organisation's plans over time.
_TERMS = text("""
SELECT term.starts_at, pv.plan_key AS key, pv.plan_name AS name
FROM subscriptions_plans term
JOIN catalog_versions pv ON pv.id = term.plan_version_id
WHERE term.org_id = :org_id ORDER BY term.starts_at
""")


def list_current_rows(session: Session, org_id: UUID, now: datetime, *, back: int) -> Rows:
    """Plan, period and currency at `now`, one row per meter of the catalogue; a row without a meter if it has none.

    `days` has the last `back` days and today, {"2026-11-21": "12"}, and `refused` what limits refused on days; with 0
    they are not read.

    Empty if the organisation does not exist. Worked example: an org on Free with two metered allowances, one of them
    used, and a third meter in the catalogue: three rows that repeat plan, period and currency; used is 0 on two.
    """
    return session.execute(_CURRENT, {"org_id": org_id, "now": now, "back": back}).all()


def list_period_rows(session: Session, org_id: UUID, start: datetime, end: datetime) -> Rows:
    """One row per meter used or charged for in each usage period that starts in [start, end), oldest first.

    They begin with the columns of `PeriodRow`. `properties` is JSON as text too.

    Worked example: two calendar months, one meter used in each: two rows, each with its month's allowance and charge.
    """
    return ask(session, select_period_rows(org_id, start, end))


def select_period_rows(org_id: UUID, start: datetime, end: datetime) -> TextualSelect:
    """Select what `list_period_rows` lists."""
    at = DateTime(timezone=True)
    return fill(_PERIODS_BETWEEN, org_id=org_id, start=start, end=end).columns(
        org_id=Uuid, starts_at=at, ends_at=at, time_zone=Text, currency=Text, meter_id=Integer, policy=Text,
        allowance=Numeric, hard_limit=Numeric, cap=Numeric, sources=Text, used=Numeric, imported=Numeric,
        events=BigInteger, plan_changed=Boolean, plan_version_id=Uuid, charge_id=Uuid, key=Text, name=Text, unit=Text,
        model=Text, properties=Text,
    )  # fmt: skip


def list_rows_of_periods(
    session: Session, keys: Sequence[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], list[PeriodRow]]:
    """The rows of some periods, each named by its org and start, in the order of the keys.

    Worked example: the same month of two orgs, one meter used by each: two keys with a row each.
    """
    parse = cache(UUID)
    found = {}
    rows = session.execute(_PERIODS_NAMED, encode_keys(keys)).all()
    for number, group in groupby(rows, itemgetter(0)):
        key = keys[number - 1]
        found[key] = [
            PeriodRow._make((*key, *shown, parse(version), parse(charge) if charge else None))
            for _, *shown, version, charge in group
        ]
    return found


def get_windows(session: Session, org_id: UUID, terms: Mapping[int, MeterTerms], now: datetime) -> dict[int, Any]:
    """Get the open windows of meters by id, as `list_current_rows` has them.

    Worked example: a meter with 500 a day, none used: {1: [["day", "500", "0", <end of the day>]]}.
    """
    limited = {meter: found for meter, found in terms.items() if found.per_minute or found.per_hour or found.per_day}
    if not limited:
        return {}
    arguments = {
        "meters": list(limited),
        "minutes": [found.per_minute for found in limited.values()],
        "hours": [found.per_hour for found in limited.values()],
        "days": [found.per_day for found in limited.values()],
    }
    rows = session.execute(_WINDOWS, {"org_id": org_id, "now": now, **arguments})
    return {row.meter_id: row.found for row in rows}


def list_busiest_windows(session: Session, org_id: UUID, now: datetime) -> Rows:
    """The most used of each meter in an hour and in a minute of the last two days, where such a limit holds, and now.

    Worked example: at most 60 calls a minute, 40 used at 14:03, none now: ("api_calls", "minute", 40, 0).
    """
    return session.execute(_BUSIEST_WINDOWS, {"org_id": org_id, "now": now}).all()


def get_charges(session: Session, ids: Collection[UUID]) -> dict[UUID, Charge]:
    """Get charges by id.

    Worked example: the ids of Pro's charges for calls in USD and EUR: two charges, amounts in cents.
    """
    if not ids:
        return {}
    rows = session.execute(_CHARGES, {"ids": list(ids)})
    return {row.id: parse_stored(row.model, row.properties, row.currency) for row in rows}


@lru_cache(maxsize=10_000)
def parse_stored(model: str, properties: str, currency: str) -> Charge:
    """Parse a charge from its properties as JSON text, once per process: many periods name the same few."""
    return parse_charge(model, json.loads(properties), currency)


def list_plan_terms(session: Session, org_id: UUID) -> Rows:
    """When the organisation joined which plan, oldest first: Free since March, then Pro since May: two rows."""
    return session.execute(_TERMS, {"org_id": org_id}).all()
