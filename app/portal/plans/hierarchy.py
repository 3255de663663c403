"""What a plan adds to the one before it: "Everything in Pro, plus". Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.statements.comparison import ENFORCED, LIMIT_NAMES, format_feature, format_limit
from app.statements.offers import Offer, OfferMeter
from app.statements.windows import EACH
from app.subscriptions.terms.resolver import UNMENTIONED
from app.web.filters import quantity

MOST_POINTS = 5
_PER = {"minute": "per-minute", "hour": "hourly", "day": "daily"}


def find_base(offer: Offer, shown: Sequence[Offer]) -> Offer | None:
    """The plan shown before this one, if this one has everything that it has."""
    number = next((number for number, each in enumerate(shown) if each is offer), 0)
    before = shown[number - 1] if number else None
    return before if before is not None and _includes(offer, before) and list_points(offer, before) else None


def list_points(offer: Offer, base: Offer | None) -> list[str]:
    """What a plan includes; given another plan, only what it has more of."""
    meters = [point for meter in offer.meters.values() for point in _list_meter_points(meter, base)]
    limits = [
        f"{format_limit(key, offer.limits[key])} {within_sentence(LIMIT_NAMES[key])}"
        for key in ENFORCED
        if base is not None and key in offer.limits and _exceeds(offer.limits[key], base.limits.get(key))
    ]
    features = [
        _describe_feature(label, value)
        for key, (label, value) in offer.features.items()
        if base is not None and value and value != base.features.get(key, (None, False))[1]
    ]
    return (meters + limits + features)[:MOST_POINTS]


def within_sentence(name: str) -> str:
    """A name inside a sentence: "Minutes" becomes "minutes", "API calls" stays."""
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def _list_meter_points(meter: OfferMeter, base: Offer | None) -> list[str]:
    before = None if base is None else base.meters.get(meter.key)
    allowance, name = meter.rule.allowance, within_sentence(meter.name)
    granted = f"{'Unlimited' if allowance is None else quantity(allowance)} {name} a month"
    windows = {span: getattr(meter.rule, f"per_{span}") for span in EACH}
    if base is None:
        capped = [f"at most {quantity(cap)} {EACH[span]}" for span, cap in windows.items() if cap is not None]
        return [", ".join([granted, *capped])] if allowance != 0 else []
    if before is None:
        return []
    points = [granted] if _exceeds(allowance, before.rule.allowance) else []
    more = [span for span, cap in windows.items() if _exceeds(cap, getattr(before.rule, f"per_{span}"))]
    return points + [_describe_window(name, span, windows[span]) for span in more]


def _describe_window(name: str, span: str, cap: Decimal | None) -> str:
    return f"No {_PER[span]} limit on {name}" if cap is None else f"{quantity(cap)} {name} {EACH[span]}"


def _includes(offer: Offer, base: Offer) -> bool:
    """Whether a plan has at least what another one has, in everything that it says."""
    return (
        all(_covers(offer.meters.get(key), meter) for key, meter in base.meters.items())
        and all(_is_enough(offer.limits.get(key), base.limits[key]) for key in ENFORCED if key in base.limits)
        and all(_has(offer.features.get(key, (None, False))[1], value) for key, (_, value) in base.features.items())
    )


def _covers(meter: OfferMeter | None, base: OfferMeter) -> bool:
    rule = meter.rule if meter is not None else UNMENTIONED
    names = ("allowance", "per_minute", "per_hour", "per_day")
    return all(_is_enough(getattr(rule, name), getattr(base.rule, name)) for name in names)


def _has(value: Any, base: Any) -> bool:
    if isinstance(base, list):
        return isinstance(value, list) and set(base) <= set(value)
    return bool(value) or not base


def _is_enough(limit: Decimal | None, base: Decimal | None) -> bool:
    """Whether a limit is at least another; None is unlimited."""
    return limit is None or (base is not None and limit >= base)


def _exceeds(limit: Decimal | None, base: Decimal | None) -> bool:
    return not _is_enough(base, limit)


def _describe_feature(label: str, value: Any) -> str:
    return label if value is True else f"{label}: {format_feature(value)}"
