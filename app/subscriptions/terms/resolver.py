"""Resolves what an org is granted: plan, overrides, collection, trial, restriction, in this order.

Pure; the only such rule. Rules: `docs/concepts.md`, "Terms in force". Nobody else turns a plan into a limit or decides
what is billed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

PLAN, OVERRIDE, RESTRICTION, NOT_COLLECTED, TRIAL = "plan", "override", "restriction", "not_collected", "trial"
SOURCES = (PLAN, OVERRIDE, RESTRICTION, NOT_COLLECTED, TRIAL)
UNBILLED = (NOT_COLLECTED, TRIAL)
"""Why a charge of the plan bills nothing."""
WINDOWS = ("per_minute", "per_hour", "per_day")
CAP, CHARGE = "cap", "charge"


@dataclass(frozen=True, slots=True)
class MeterRule:
    """What a plan version says about a meter. None: unlimited, or no such limit.

    `charge_id` names the charge for usage above the allowance, in the currency that the org pays in. `immediate` is one
    that is to be paid for as the work is done: nothing collects that yet, so it holds as where nobody collects.
    """

    policy: str
    allowance: Decimal | None = None
    hard_limit: Decimal | None = None
    per_minute: Decimal | None = None
    per_hour: Decimal | None = None
    per_day: Decimal | None = None
    charge_id: UUID | None = None
    immediate: bool = False


UNMENTIONED = MeterRule("warn")
"""A meter that the plan does not mention: recorded, unlimited, not billed (decision 7)."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Whether somebody collects payment: `now` decides what is refused, `ever` (in the period) what can be owed."""

    now: bool
    ever: bool


COLLECTED = Collection(now=True, ever=True)
UNCOLLECTED = Collection(now=False, ever=False)


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """A meter's terms in force. `policy`, `allowance` and `hard_limit` are as the plan or an override says.

    `cap` is the quantity above which usage is refused; None: never. Usage above the allowance costs what the charge
    `charge_id` says; None: nothing. `sources` names the source of every value that is not the plan's.
    """

    mentioned: bool
    policy: str
    allowance: Decimal | None
    hard_limit: Decimal | None
    cap: Decimal | None
    per_minute: Decimal | None
    per_hour: Decimal | None
    per_day: Decimal | None
    charge_id: UUID | None
    sources: Mapping[str, str]

    @property
    def cap_source(self) -> str:
        """Which rule sets the cap, one of SOURCES."""
        return self.sources.get(CAP, PLAN)


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """A limit that belongs to no meter, or a feature; None is unlimited."""

    value: Any
    source: str = PLAN


def resolve_meter(
    rule: MeterRule | None,
    collection: Collection,
    *,
    overrides: Mapping[str, Any] | None = None,
    trial: str | None = None,
    restricted_to: MeterRule | None = None,
) -> MeterTerms:
    """Resolve a meter's terms. `rule` is the plan's, None if the plan does not mention the meter.

    `overrides` maps names of `MeterRule`'s fields to values. `trial` is what holds above the allowance while the plan
    is tried: "block", or "charge", which lets the policy hold; nothing used then is billed. `restricted_to` is the
    default plan's rule, for an org that is restricted until it pays: it lowers cap and windows and changes nothing
    that is owed.
    """
    own = replace(rule or UNMENTIONED, **(overrides or {}))
    if own.immediate and "charge_id" not in (overrides or {}):
        collection = UNCOLLECTED
    sources = {CHARGE if name == "charge_id" else name: OVERRIDE for name in overrides or ()}
    cap, sources[CAP] = _resolve_cap(own, collection, sources)
    if trial == "block" and _is_lower(own.allowance, cap) and own.policy != "block":
        cap, sources[CAP] = own.allowance, TRIAL
    bills = own.policy == "charge" and collection.ever and trial is None
    if own.policy == "charge" and not bills:
        sources[CHARGE] = NOT_COLLECTED if trial is None else TRIAL
    values: dict[str, Decimal | None] = {CAP: cap, **{name: getattr(own, name) for name in WINDOWS}}
    if restricted_to is not None:
        lower = resolve_meter(restricted_to, UNCOLLECTED)
        for name, value in values.items():
            if _is_lower(getattr(lower, name), value):
                values[name], sources[name] = getattr(lower, name), RESTRICTION
    return MeterTerms(
        mentioned=rule is not None or bool(overrides),
        policy=own.policy,
        allowance=own.allowance,
        hard_limit=own.hard_limit,
        charge_id=own.charge_id if bills else None,
        sources={name: source for name, source in sources.items() if source != PLAN},
        **values,
    )


def resolve_limits(
    plan: Mapping[str, Any],
    *,
    overrides: Mapping[str, Any] | None = None,
    restricted_to: Mapping[str, Decimal | None] | None = None,
) -> dict[str, LimitTerms]:
    """Resolve limits that belong to no meter, by key; a restriction lowers those that the default plan sets lower."""
    resolved = {key: LimitTerms(value) for key, value in plan.items()}
    resolved |= {key: LimitTerms(value, OVERRIDE) for key, value in (overrides or {}).items()}
    for key, value in (restricted_to or {}).items():
        if _is_lower(value, resolved[key].value if key in resolved else None):
            resolved[key] = LimitTerms(value, RESTRICTION)
    return resolved


def resolve_features(plan: Mapping[str, Any], *, overrides: Mapping[str, Any] | None = None) -> dict[str, LimitTerms]:
    """Resolve features by key. A restriction leaves them alone."""
    return resolve_limits(plan, overrides=overrides)


def choose_currency(subscribed: str | None, own: str | None, priced: Iterable[str]) -> str:
    """Choose the currency that usage is priced in: the subscription's, else the org's own, else one of the plan's."""
    return subscribed or own or min(priced, key=lambda code: (code != "USD", code), default="USD")


def is_free(*, default: bool, amounts: Sequence[int], charged: bool) -> bool:
    """Whether a plan version can never cost anything, so that nobody collects payment for it.

    That is the default plan, or one with only zero prices and no charges. One without prices has a custom price.
    """
    return default or not (charged or not amounts or any(amounts))


def _resolve_cap(own: MeterRule, collection: Collection, sources: Mapping[str, str]) -> tuple[Decimal | None, str]:
    """The own cap and its source: under `charge`, what nobody would collect is refused."""
    hard, allowance = sources.get("hard_limit", PLAN), sources.get("allowance", PLAN)
    if own.policy == "block":
        return (own.allowance, allowance) if own.hard_limit is None else (own.hard_limit, hard)
    if own.policy == "charge" and not collection.now and _is_lower(own.allowance, own.hard_limit):
        return own.allowance, NOT_COLLECTED
    return own.hard_limit, hard


def _is_lower(value: Decimal | None, than: Decimal | None) -> bool:
    """Compare two limits; None is unlimited."""
    return value is not None and (than is None or value < than)
