"""What a usage period's meters come to, by the terms in force: the history shows it, and the close bills it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.kit.periods import Period, share_of_month
from app.rating import Charge, Rated
from app.rating.bounds import WHOLE
from app.rating.schemas import parse_charge
from app.statements.figures import MeterUse, UsageTerms, rate_usage

Charges = dict[UUID, Charge]
"""Charges by id, parsed already: many orgs share a plan's."""


def rate_period_row(row: Row[Any], parsed: Charges | None = None) -> Rated | None:
    """Rate a meter's usage of a period, as `queries.list_period_rows` has it; None where its terms name no charge.

    `parsed` keeps the charges of many rows; a charge never changes under its id.
    """
    if row.model is None:
        return None
    parsed = {} if parsed is None else parsed
    charge = parsed.get(row.charge_id)
    if charge is None:
        charge = parsed[row.charge_id] = parse_charge(row.model, json.loads(row.properties), row.currency)
    bounded = charge.bounds.minimum is not None
    portion = share_of_month(Period(row.starts_at, row.ends_at), row.time_zone) if bounded else WHOLE
    return rate_usage(UsageTerms(allowance=row.allowance, charge=charge, minimum_portion=portion), MeterUse(row.used))
