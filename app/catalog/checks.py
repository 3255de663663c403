"""Consistency checks across the parts of a catalogue. Pure; every mistake has the path of the key to correct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.catalog.definition import MeterDef, PlanDef
from app.catalog.errors import Path
from app.catalog.reader import Mistake


def check_catalog(meters: Mapping[str, MeterDef], plans: Mapping[str, PlanDef]) -> list[Mistake]:
    """List the mistakes between parts that are each valid on their own."""
    mistakes = list(_one_default(plans))
    for plan in plans.values():
        mistakes += _prices(plan)
        mistakes += _trial(plan)
        mistakes += _allowances(plan, meters)
        mistakes += _charges(plan, meters)
        mistakes += _charged_everywhere(plan)
    return mistakes


def _one_default(plans: Mapping[str, PlanDef]) -> Iterator[Mistake]:
    defaults = [plan.key for plan in plans.values() if plan.default]
    for key in defaults[1:]:
        yield ("plans", key, "default"), f"plan {defaults[0]} is already the default; there can be only one"


def _prices(plan: PlanDef) -> Iterator[Mistake]:
    if plan.public and not plan.terms.prices:
        yield ("plans", plan.key, "prices"), "a public plan needs a price; set public = false if its price is custom"
    for (currency, interval), amount in plan.terms.prices.items():
        if plan.default and amount:
            path = ("plans", plan.key, "prices", currency, interval)
            yield path, "must be 0: orgs are on the default plan without having agreed to pay"


def _trial(plan: PlanDef) -> Iterator[Mistake]:
    """A trial ends in payment, so there must be something to pay."""
    if plan.terms.trial_days is not None and not any(plan.terms.prices.values()):
        yield ("plans", plan.key, "trial_days"), "a trial needs a price above 0: it ends in payment"
    if plan.terms.trial_days is None and plan.terms.trial_overage != "block":
        yield ("plans", plan.key, "trial_overage"), "never applies: the plan has no trial_days"


def _allowances(plan: PlanDef, meters: Mapping[str, MeterDef]) -> Iterator[Mistake]:
    for key, granted in plan.terms.meters.items():
        path: Path = ("plans", plan.key, "meters", key)
        if key not in meters:
            yield path, "is not a meter in this file; declare it under [meters]"
        if granted.allowance is None and granted.policy != "block":
            yield (*path, "policy"), "an unlimited allowance has no overage; leave the policy out"
        if granted.hard_limit is None:
            continue
        if granted.policy == "block":
            yield (*path, "hard_limit"), "under block the allowance is the limit; leave it out"
        elif granted.allowance is not None and granted.hard_limit < granted.allowance:
            yield (*path, "hard_limit"), f"must be at least the allowance, {granted.allowance}"


def _charges(plan: PlanDef, meters: Mapping[str, MeterDef]) -> Iterator[Mistake]:
    keys: set[tuple[str, str]] = set()
    priced: set[tuple[str, str]] = set()
    for number, charge in enumerate(plan.terms.charges):
        path: Path = ("plans", plan.key, "charges", number)
        granted = plan.terms.meters.get(charge.meter)
        if charge.meter and charge.meter not in meters:
            yield (*path, "meter"), f"{charge.meter!r} is not a meter in this file; declare it under [meters]"
        elif charge.meter and (granted is None or granted.policy != "charge"):
            yield (*path, "meter"), f'never applies: give meters.{charge.meter} the policy "charge"'
        if charge.collect == "immediate" and charge.model != "per_unit":
            yield (*path, "collect"), "immediate goes with per_unit only: other models price the period as a whole"
        if charge.key and (charge.key, charge.currency) in keys:
            yield (*path, "key"), f"{charge.key!r} already has a charge in {charge.currency}"
        if charge.meter and (charge.meter, charge.currency) in priced:
            yield (*path, "currency"), f"{charge.meter} already has a charge in {charge.currency}"
        keys.add((charge.key, charge.currency))
        priced.add((charge.meter, charge.currency))


def _charged_everywhere(plan: PlanDef) -> Iterator[Mistake]:
    """A plan sold in a currency must also price its usage in that currency."""
    currencies = {currency for currency, _ in plan.terms.prices}
    for key, granted in plan.terms.meters.items():
        if granted.policy != "charge":
            continue
        charged = {charge.currency for charge in plan.terms.charges if charge.meter == key}
        missing = sorted(currencies - charged)
        if missing or not charged:
            where = f" in {', '.join(missing)}" if missing else ""
            yield ("plans", plan.key, "meters", key, "policy"), f"needs a charge for this meter{where}"
