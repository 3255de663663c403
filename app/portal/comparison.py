"""The rows of the plan comparison: allowances, what happens above them, limits, features. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.portal import wording
from app.portal.offers import Offer
from app.portal.views_models import CompareGroup, CompareRow
from app.portal.windows import EACH
from app.rating import marginal
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
    each = marginal(terms.charge, allowance, allowance)
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
