"""Plan comparison rows: allowances, overage, limits and features. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.rating import overage_price
from app.statements import wording
from app.statements.offers import Offer
from app.statements.windows import EACH
from app.web.filters import quantity

UNLIMITED = "Unlimited"
NO_LIMIT = "No limit"
_ABSENT = "–"
LIMIT_NAMES = {
    "jobs_at_once": "Concurrent jobs",
    "file_bytes": "Maximum file size",
    "requests_per_minute": "API requests a minute",
    "retention_days": "Event details kept for",
}
ENFORCED = ("requests_per_minute",)
"""Limits that are held here. What nothing holds yet is not compared as if it were sold."""
_UNITS = (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3))


@dataclass(frozen=True)
class CompareRow:
    """A row with one cell per plan. Cells "yes" and "no" are drawn as icons and read out as words."""

    label: str
    cells: Sequence[str]
    hint: str | None = None


@dataclass(frozen=True)
class CompareGroup:
    """Rows under one heading."""

    title: str
    rows: Sequence[CompareRow]


def build_groups(offers: Sequence[Offer], currency: str, *, trials: bool = False) -> list[CompareGroup]:
    """Every row in which the plans may differ, grouped; empty groups are left out. `trials`: free trials too."""
    meters = {meter.key: meter for offer in offers for meter in offer.meters.values()}
    allowances = [
        CompareRow(m.name, [describe_allowance(o, key) for o in offers], wording.pluralise(m.unit))
        for key, m in meters.items()
    ]
    above = [CompareRow(m.name, [describe_overage(o, key, currency) for o in offers]) for key, m in meters.items()]
    limits = [
        CompareRow(LIMIT_NAMES[key], [_limit(o, key) for o in offers])
        for key in ENFORCED
        if any(key in o.limits for o in offers)
    ]
    labels = {key: label for offer in offers for key, (label, _) in offer.features.items()}
    features = [CompareRow(label, [_feature(o, key) for o in offers]) for key, label in labels.items()]
    groups = [
        CompareGroup("Included each month", allowances),
        CompareGroup("Above the allowance", above),
        CompareGroup("Limits", _windows(offers) + limits),
        CompareGroup("Features", features),
        CompareGroup("Free trial", _trials(offers) if trials else []),
    ]
    return [group for group in groups if group.rows]


def _trials(offers: Sequence[Offer]) -> list[CompareRow]:
    if not any(offer.trial_days for offer in offers):
        return []
    above = {"block": "Refused", "charge": "Counted at no cost"}
    return [
        CompareRow("Length", [f"{o.trial_days} days" if o.trial_days else _ABSENT for o in offers]),
        CompareRow("Above an allowance", [above[o.trial_overage] if o.trial_days else _ABSENT for o in offers]),
    ]


def describe_allowance(offer: Offer, meter: str) -> str:
    """How much of a meter the plan includes."""
    granted = offer.meters.get(meter)
    if granted is None or granted.rule.allowance is None:  # a meter the plan doesn't mention is unlimited
        return UNLIMITED
    return quantity(granted.rule.allowance)


def describe_overage(offer: Offer, meter: str, currency: str) -> str:
    """What happens above the allowance: use is refused, at a price, or free."""
    if meter not in offer.meters:
        return _ABSENT
    terms = offer.terms(meter, currency)
    if terms.limit is None:
        return _ABSENT
    if terms.refuses:
        return "Refused"
    if terms.charge is None:
        return "Custom price" if terms.policy == "charge" else "Counted at no cost"
    unit_price = overage_price(terms.charge)
    words = wording.format_unit_price(unit_price, currency) if unit_price else "At a price"
    return words if terms.cap is None else f"{words}, to {quantity(terms.cap)}"


def format_size(count: Decimal) -> str:
    """Format bytes in decimal units, as catalogues do: 10,000,000 is 10 MB."""
    for unit, power in _UNITS:
        if count >= 10**power:
            return f"{quantity((count / 10**power).quantize(Decimal('0.1')))} {unit}"
    return f"{quantity(count)} bytes"


def _windows(offers: Sequence[Offer]) -> list[CompareRow]:
    """One row per meter and span (minute, hour, day) that any of the plans limits."""
    names = {meter.key: meter.name for offer in offers for meter in offer.meters.values()}
    rows = [
        (f"{name} {suffix}", [_window(offer, key, span) for offer in offers])
        for key, name in names.items()
        for span, suffix in EACH.items()
    ]
    return [CompareRow(label, cells) for label, cells in rows if any(cell != NO_LIMIT for cell in cells)]


def _window(offer: Offer, meter: str, span: str) -> str:
    granted = offer.meters.get(meter)
    cap: Decimal | None = getattr(granted.rule, f"per_{span}") if granted else None
    return NO_LIMIT if cap is None else quantity(cap)


def _limit(offer: Offer, key: str) -> str:
    return format_limit(key, offer.limits[key]) if key in offer.limits else _ABSENT


def format_limit(key: str, value: Decimal | None) -> str:
    """Format a limit that belongs to no meter; None is unlimited."""
    if value is None:
        return "Forever" if key == "retention_days" else UNLIMITED
    if key == "file_bytes":
        return format_size(value)
    return f"{quantity(value)} days" if key == "retention_days" else quantity(value)


def _feature(offer: Offer, key: str) -> str:
    return format_feature(offer.features.get(key, (None, False))[1])


def format_feature(value: Any) -> str:
    """Format a feature's value: yes, no, a text, or a list with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value).capitalize()


def list_changes(shown: Sequence[Offer], currency: str) -> list[CompareRow]:
    """The rows in which two plans differ, or every row if there is only one plan."""
    return [row for row in _rows(shown, currency) if len(shown) == 1 or row.cells[0] != row.cells[1]]


def describe_offer_price(offer: Offer, currency: str, interval: str) -> str:
    """What a plan costs at an interval."""
    fee = offer.fee(currency, interval)
    if fee is None:
        return "Custom price"
    return f"{wording.format_amount(fee, currency)} a {interval}, before tax and discounts"


def _rows(shown: Sequence[Offer], currency: str) -> list[CompareRow]:
    return [row for group in build_groups(shown, currency) for row in _named(group.title, group.rows)]


def _named(title: str, rows: Sequence[CompareRow]) -> list[CompareRow]:
    if title.startswith("Above"):
        return [CompareRow(f"{row.label}, above the allowance", row.cells) for row in rows]
    if title.startswith("Included"):
        return [CompareRow(f"{row.label} a month", row.cells) for row in rows]
    return list(rows)
