"""Reads the tables of a catalogue file into terms. Collects every mistake with its path instead of stopping."""

from __future__ import annotations

import re
from decimal import Decimal

from app.catalog.definition import (
    WINDOWS,
    Allowance,
    ChargeDef,
    Feature,
    MeterDef,
    PlanDef,
    PlanTerms,
    canonicalise_property,
    find_limit_mistake,
)
from app.catalog.models import (
    AGGREGATIONS,
    COLLECT,
    INTERVALS,
    KEY,
    LIMITS,
    MODELS,
    MOST_TRIAL_DAYS,
    POLICIES,
    TAX_BEHAVIORS,
    TAX_CODE,
    TRIAL_OVERAGE,
)
from app.catalog.reader import Table
from app.kit.errors import InvalidRequest
from app.kit.money import exponent, parse_price, plain, to_minor
from app.rating.schemas import parse_charge

DIMENSIONS = ("client", "endpoint", "format", "job", "kind", "language", "provider", "user")
_KEY_RULE = "must be lower-case letters, digits and _, starting with a letter, at most 63 characters"
_PROPERTY = re.compile(r"[^.\[\]]+|\[\d+\]")


def read_labels(table: Table) -> dict[str, str]:
    """Read `[features]`: the display label of every feature."""
    for key in table.data:
        _spelled(table, key, key)
    return {key: table.text(key) for key in table.data}


def read_meter(table: Table) -> MeterDef:
    """Read `[meters.KEY]`."""
    _spelled(table, table.name)
    meter = MeterDef(
        key=table.name,
        name=table.text("name"),
        unit=table.text("unit"),
        aggregation=table.choice("aggregation", AGGREGATIONS),
        dimension=table.choice("dimension", DIMENSIONS) if table.raw("dimension") is not None else None,
    )
    if meter.aggregation == "unique" and meter.dimension is None:
        table.add_mistake("dimension", f"is missing; unique counts the values of one of {', '.join(DIMENSIONS)}")
    if meter.aggregation != "unique" and meter.dimension is not None:
        table.add_mistake("dimension", "only unique meters have one")
    table.reject_unknown_keys()
    return meter


def read_plan(table: Table, position: int, labels: dict[str, str]) -> PlanDef:
    """Read `[plans.KEY]`. `labels` maps declared features to their labels."""
    _spelled(table, table.name)
    terms = PlanTerms(
        prices=_prices(table.table("prices")),
        charges=tuple(_charge(charge) for charge in table.tables("charges")),
        meters={meter.name: _allowance(meter) for meter in table.table("meters").subtables()},
        limits=_limits(table.table("limits", needed=True)),
        features=_features(table.table("features"), labels),
        discount_usage=table.flag("discount_usage", default=False),
        tax_behavior=table.choice("tax_behavior", TAX_BEHAVIORS, "") or None,
        tax_code=_tax_code(table),
        trial_days=_trial_days(table),
        trial_overage=table.choice("trial_overage", TRIAL_OVERAGE, "block"),
    )
    plan = PlanDef(
        key=table.name,
        name=table.text("name"),
        summary=table.text("summary"),
        public=table.flag("public", default=True),
        default=table.flag("default", default=False),
        position=position,
        terms=terms,
    )
    table.reject_unknown_keys()
    return plan


def _tax_code(table: Table) -> str | None:
    code = table.text("tax_code", "") or None
    if code is not None and not re.fullmatch(TAX_CODE, code):
        table.add_mistake("tax_code", "must be one of Stripe's product tax codes, such as txcd_10103001")
    return code


def _trial_days(table: Table) -> int | None:
    days = table.raw("trial_days")
    if days is None or (isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= MOST_TRIAL_DAYS):
        return days
    table.add_mistake("trial_days", f"must be a whole number of days from 1 to {MOST_TRIAL_DAYS}")
    return None


def _prices(table: Table) -> dict[tuple[str, str], int]:
    prices = {}
    for currency in table.subtables():
        try:
            places = exponent(currency.name)
        except ValueError as wrong:
            currency.add_mistake(None, str(wrong))
            continue
        for interval in INTERVALS:
            if currency.raw(interval) is not None:
                prices[currency.name, interval] = _price(currency, interval, places)
        currency.reject_unknown_keys()
    return prices


def _price(table: Table, interval: str, places: int) -> int:
    value = table.raw(interval)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        table.add_mistake(interval, 'must be an amount, such as "49.00"')
        return 0
    try:
        amount = to_minor(parse_price(plain(value) if isinstance(value, Decimal) else str(value)), places)
    except ValueError as wrong:
        table.add_mistake(interval, str(wrong))
        return 0
    if amount != amount.to_integral_value():
        table.add_mistake(interval, f"must have at most {places} places in {table.name}")
    return int(amount)


def _allowance(table: Table) -> Allowance:
    _spelled(table, table.name)
    granted = Allowance(
        allowance=table.quantity("allowance", needed=True),
        policy=table.choice("policy", POLICIES, "block"),
        hard_limit=table.quantity("hard_limit", needed=False),
        **{name: table.quantity(name, needed=False) for name in WINDOWS},
    )
    for name in WINDOWS:
        if getattr(granted, name) == 0:
            table.add_mistake(name, "must be above 0")
    table.reject_unknown_keys()
    return granted


def _charge(table: Table) -> ChargeDef:
    own = {"key", "meter", "currency", "model", "collect"}
    charge = ChargeDef(
        key=table.text("key"),
        meter=table.text("meter"),
        currency=table.text("currency"),
        model=table.choice("model", MODELS),
        collect=table.choice("collect", COLLECT, "period"),
        properties={name: canonicalise_property(table.raw(name)) for name in table.data.keys() - own},
    )
    if charge.key:
        _spelled(table, charge.key, "key")
    _check_properties(table, charge)
    return charge


def _check_properties(table: Table, charge: ChargeDef) -> None:
    """Let `rating` parse the properties, and append its error paths to the table's own."""
    if table.data.get("model") not in MODELS:
        return
    try:
        parse_charge(charge.model, charge.properties, charge.currency)
    except InvalidRequest as wrong:
        for error in wrong.errors:
            parts = _PROPERTY.findall(error.field)
            path = tuple(int(part[1:-1]) if part.startswith("[") else part for part in parts)
            table.mistakes.append(((*table.path, *path), error.detail))
    except ValueError as wrong:
        table.add_mistake("currency", str(wrong))


def _limits(table: Table) -> dict[str, Decimal | None]:
    limits = {key: table.size(key) if key == "file_bytes" else table.quantity(key, needed=True) for key in LIMITS}
    for key, value in limits.items():
        if mistake := find_limit_mistake(value):
            table.add_mistake(key, mistake)
    table.reject_unknown_keys()
    return limits


def _features(table: Table, labels: dict[str, str]) -> dict[str, Feature]:
    features = {}
    for key in table.data:
        value = table.value(key)
        if key not in labels:
            table.add_mistake(key, "has no label; declare it under [features]")
        features[key] = Feature(labels.get(key, key), value)
    return features


def _spelled(table: Table, word: str, key: str | None = None) -> None:
    if not re.fullmatch(KEY, word):
        table.add_mistake(key, _KEY_RULE)
