"""Exports the catalogue as a TOML file. Applying that file changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.catalog import queries
from app.catalog.definition import UNLIMITED, WINDOWS, Allowance, ChargeDef, MeterDef, PlanDef, canonicalise_property
from app.catalog.from_db import build_meter_def, build_plan_def
from app.catalog.models import LIMITS, PlanVersion
from app.kit.money import exponent, plain, to_major


def export_catalog(session: Session) -> str:
    """Render every meter in use and the newest version of every live plan as a catalogue file."""
    plans = [build_plan_def(version) for version in queries.list_offered_versions(session, public=False)]
    return _render([build_meter_def(meter) for meter in queries.list_meters(session)], plans)


def export_plan(session: Session, version: PlanVersion) -> str:
    """Render a version of one plan as a draft has it, with the meters that it uses. Publishing that changes nothing."""
    plan = build_plan_def(version)
    named = {*plan.terms.meters, *(charge.meter for charge in plan.terms.charges)}
    meters = [meter for meter in queries.get_meters_by_id(session).values() if meter.key in named]
    return _render([build_meter_def(meter) for meter in meters], [plan])


def render_charge(values: Mapping[str, Any]) -> str:
    """Render keys of a charge as a catalogue file has them: `model = "per_unit"`, `unit_amount = "0.01"`."""
    return "\n".join(_pair(key, canonicalise_property(value)) for key, value in values.items())


def _render(meters: Sequence[MeterDef], plans: Sequence[PlanDef]) -> str:
    labels = {key: feature.label for plan in plans for key, feature in plan.terms.features.items()}
    parts = ["\n".join(_meter(meter)) for meter in meters]
    if labels:
        parts.append("\n".join(["[features]", *(_pair(key, label) for key, label in labels.items())]))
    parts += ["\n".join(_plan(plan)) for plan in plans]
    return "\n\n".join(parts) + "\n"


def _meter(meter: MeterDef) -> Iterator[str]:
    yield f"[meters.{meter.key}]"
    yield _pair("name", meter.name)
    yield _pair("unit", meter.unit)
    yield _pair("aggregation", meter.aggregation)
    if meter.dimension:
        yield _pair("dimension", meter.dimension)


def _plan(plan: PlanDef) -> Iterator[str]:
    yield f"[plans.{plan.key}]"
    yield _pair("name", plan.name)
    yield _pair("summary", plan.summary)
    yield _pair("public", plan.public)
    if plan.default:
        yield _pair("default", value=True)
    if plan.terms.discount_usage:
        yield _pair("discount_usage", value=True)
    for name in ("tax_behavior", "tax_code", "trial_days"):
        if (value := getattr(plan.terms, name)) is not None:
            yield _pair(name, value)
    if plan.terms.trial_overage != "block":
        yield _pair("trial_overage", plan.terms.trial_overage)
    yield from _section(f"plans.{plan.key}.prices", _prices(plan))
    yield from _section(f"plans.{plan.key}.limits", {key: _amount(plan.terms.limits.get(key)) for key in LIMITS})
    yield from _section(f"plans.{plan.key}.features", {k: f.value for k, f in plan.terms.features.items()})
    for key, granted in plan.terms.meters.items():
        yield from _section(f"plans.{plan.key}.meters.{key}", _allowance(granted))
    for charge in plan.terms.charges:
        yield from _charge(plan.key, charge)


def _prices(plan: PlanDef) -> dict[str, dict[str, str]]:
    prices: dict[str, dict[str, str]] = {}
    for (currency, interval), amount in plan.terms.prices.items():
        prices.setdefault(currency, {})[interval] = plain(to_major(amount, exponent(currency)))
    return prices


def _allowance(granted: Allowance) -> dict[str, str]:
    others = {name: getattr(granted, name) for name in ("hard_limit", *WINDOWS)}
    named = {name: plain(value) for name, value in others.items() if value is not None}
    return {"allowance": _amount(granted.allowance), "policy": granted.policy, **named}


def _charge(plan: str, charge: ChargeDef) -> Iterator[str]:
    yield f"\n[[plans.{plan}.charges]]"
    for name in ("key", "meter", "currency", "model", "collect"):
        yield _pair(name, getattr(charge, name))
    for name, value in charge.properties.items():
        yield _pair(name, value)


def _section(path: str, values: dict[str, Any]) -> Iterator[str]:
    if values:
        yield f"\n[{path}]"
        yield from (_pair(key, value) for key, value in values.items())


def _amount(value: Any) -> str:
    return UNLIMITED if value is None else plain(value)


def _pair(key: str, value: Any) -> str:
    return f"{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    """Format a value as TOML. JSON strings, booleans and integers are valid TOML, except for an unescaped DEL."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_pair(key, item) for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
