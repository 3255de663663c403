"""The rows of the plan comparison: allowances, what happens above them, limits, features. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.rating import marginal_price
from app.statements import wording
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.statements.windows import EACH
from app.web.filters import quantity

UNLIMITED = "Unlimited"
NO_LIMIT = "No limit"
_ABSENT = "–"
_LIMITS = {
    "jobs_at_once": "Jobs at once",
    "file_bytes": "Largest file",
    "requests_per_minute": "API requests a minute",
    "retention_days": "Details kept for",
}
_UNITS = (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3))


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


def groups(offers: Sequence[Offer], currency: str) -> list[CompareGroup]:
    """Every line in which the plans may differ, grouped; lines that no plan has are left out."""
    meters = {each.key: each for offer in offers for each in offer.meters.values()}
    allowances = [
        CompareRow(m.name, [allowance(o, key) for o in offers], wording.units(m.unit)) for key, m in meters.items()
    ]
    above = [CompareRow(m.name, [overage(o, key, currency) for o in offers]) for key, m in meters.items()]
    limits = [
        CompareRow(words, [_limit(o, key) for o in offers])
        for key, words in _LIMITS.items()
        if any(key in o.limits for o in offers)
    ]
    labels = {key: label for offer in offers for key, (label, _) in offer.features.items()}
    features = [CompareRow(label, [_feature(o, key) for o in offers]) for key, label in labels.items()]
    found = [
        CompareGroup("Included each month", allowances),
        CompareGroup("Above what is included", above),
        CompareGroup("Limits", _windows(offers) + limits),
        CompareGroup("Features", features),
    ]
    return [group for group in found if group.rows]


def allowance(offer: Offer, meter: str) -> str:
    """How much of a meter is included."""
    granted = offer.meters.get(meter)
    if granted is None or granted.allowance is None:  # what a plan does not mention it does not limit
        return UNLIMITED
    return quantity(granted.allowance)


def overage(offer: Offer, meter: str, currency: str) -> str:
    """What happens above it: refused, a price, or nothing."""
    if meter not in offer.meters:
        return _ABSENT
    terms = offer.terms(meter, currency)
    if terms.refused_above is None and terms.allowance is None:
        return _ABSENT
    if terms.policy == "block":
        return "Refused"
    if terms.policy == "warn":
        return "Counted, not billed"
    if terms.charge is None:
        return "By agreement"
    allowance = terms.allowance or Decimal(0)
    each = marginal_price(terms.charge, allowance, allowance)
    words = f"{wording.price_of_unit(each, currency)} each" if each else "Billed"
    return words if terms.hard_limit is None else f"{words}, to {quantity(terms.hard_limit)}"


def size(count: Decimal) -> str:
    """Bytes in words, as catalogues write them: 10,000,000 is 10 MB."""
    for unit, power in _UNITS:
        if count >= 10**power:
            return f"{quantity((count / 10**power).quantize(Decimal('0.1')))} {unit}"
    return f"{quantity(count)} bytes"


def _windows(offers: Sequence[Offer]) -> list[CompareRow]:
    """A line for each meter and span (minute, hour, day) in which some plan limits it."""
    names = {each.key: each.name for offer in offers for each in offer.meters.values()}
    rows = [
        (f"{name} {each}", [_window(offer, key, span) for offer in offers])
        for key, name in names.items()
        for span, each in EACH.items()
    ]
    return [CompareRow(label, cells) for label, cells in rows if any(cell != NO_LIMIT for cell in cells)]


def _window(offer: Offer, meter: str, span: str) -> str:
    granted = offer.meters.get(meter)
    most: Decimal | None = getattr(granted, f"per_{span}", None)
    return NO_LIMIT if most is None else quantity(most)


def _limit(offer: Offer, key: str) -> str:
    if key not in offer.limits:
        return _ABSENT
    value = offer.limits[key]
    if value is None:
        return "For ever" if key == "retention_days" else UNLIMITED
    if key == "file_bytes":
        return size(value)
    return f"{quantity(value)} days" if key == "retention_days" else quantity(value)


def _feature(offer: Offer, key: str) -> str:
    value: Any = offer.features.get(key, (None, False))[1]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value).capitalize()


def changes(shown: Sequence[Offer], currency: str) -> list[CompareRow]:
    """The lines in which two plans differ; all of them where there is one plan only."""
    return [row for row in _rows(shown, currency) if len(shown) == 1 or row.cells[0] != row.cells[1]]


def unfit(offer: Offer, standing: CurrentUsage) -> list[str]:
    """Which of this period's use the plan's limits would not hold."""
    found = []
    for meter in standing.meters:
        most = offer.terms(meter.key, standing.currency).refused_above
        if most is not None and meter.use.used > most:
            found.append(
                f"{meter.name}: {quantity(meter.use.used)} used this period, {offer.name} allows {quantity(most)}."
            )
    return found


def _rows(shown: Sequence[Offer], currency: str) -> list[CompareRow]:
    return [row for group in groups(shown, currency) for row in _named(group.title, group.rows)]


def _named(title: str, rows: Sequence[CompareRow]) -> list[CompareRow]:
    if title.startswith("Above"):
        return [CompareRow(f"{row.label}, above what is included", row.cells) for row in rows]
    if title.startswith("Included"):
        return [CompareRow(f"{row.label} a month", row.cells) for row in rows]
    return list(rows)
