"""What a usage period's meters come to, by the terms in force: the history shows it, and the close bills it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from app.kit.periods import Period, share_of_month
from app.rating import Charge, Rated
from app.rating.bounds import WHOLE
from app.rating.schemas import parse_charge
from app.statements.figures import MeterUse, UsageTerms, rate_usage


class ParsedCharge(NamedTuple):
    """A charge, and the properties that it was parsed from."""

    charge: Charge
    properties: dict[str, Any]


Charges = dict[UUID, ParsedCharge]
"""Charges by id: many rows name the same, and a charge never changes under its id."""


def rate_period_row(row: Row[Any], parsed: Charges | None = None) -> Rated | None:
    """Rate a meter's usage of a period, as `queries.list_period_rows` has it; None where its terms name no charge."""
    return rate_row(row, row.used, parsed)


def rate_row(row: Row[Any], used: Decimal, parsed: Charges | None = None) -> Rated | None:
    """Rate a quantity by the terms of a row; `parsed` keeps the charges of many."""
    found = parse_row_charge(row, {} if parsed is None else parsed)
    if found is None:
        return None
    bounded = found.charge.bounds.minimum is not None
    portion = share_of_month(Period(row.starts_at, row.ends_at), row.time_zone) if bounded else WHOLE
    terms = UsageTerms(allowance=row.allowance, charge=found.charge, minimum_portion=portion)
    return rate_usage(terms, MeterUse(used))


def parse_row_charge(row: Row[Any], parsed: Charges) -> ParsedCharge | None:
    """Parse the charge that a row's terms name, or find it among those parsed before."""
    if row.model is None:
        return None
    found = parsed.get(row.charge_id)
    if found is None:
        properties = json.loads(row.properties)
        found = parsed[row.charge_id] = ParsedCharge(parse_charge(row.model, properties, row.currency), properties)
    return found
