"""When a change of plan takes effect: at once, at the end of the billing period, or not before something else. Pure.

Pages, API and the confirmation ask `decide_change`, so none offers what another refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.subscriptions.changes.rank import PlanPrices, find_monthly_price, rank_plan

Timing = Literal["at_once", "at_period_end", "choose", "first", "refused"]
OpenPayment = Literal["past_due", "unpaid", "paused", "pending_update", "processing"]
CardKind = Literal["card", "delayed", "none"]
Reason = Literal[
    "same", "default", "no_price", "credit",
    "past_due", "unpaid", "paused", "pending_update", "processing", "ending", "planned", "no_card",
    "delayed_card", "other_price",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PricedPlan:
    """A plan at one of its intervals."""

    plan: PlanPrices
    interval: str


@dataclass(frozen=True, slots=True)
class ChangeStanding:
    """What the organisation's subscription at Stripe allows now.

    `open_payment` is the payment that has to be settled before anything is changed; `ending`: its end is planned;
    `planned`: another change takes effect so soon that one at once might lapse unpaid after it.
    `card` says how a payment now would be made: with a card, by a method that takes days (`delayed`), or not (`none`).
    `known_price`: its price is one of the catalogue's, and nobody manages it by hand.
    """

    open_payment: OpenPayment | None = None
    trialing: bool = False
    ending: bool = False
    planned: bool = False
    card: CardKind = "card"
    known_price: bool = True


@dataclass(frozen=True, slots=True)
class ChangeDecision:
    """When a change takes effect. `reason` says why it is not at once; `choices` are offered instead (`choose`).

    `first`: something is to be done before, and `reason` says what.
    """

    timing: Timing
    reason: Reason | None = None
    choices: Sequence[tuple[str, Timing]] = ()


def decide_change(current: PricedPlan, wanted: PricedPlan, standing: ChangeStanding) -> ChangeDecision:
    """Decide about a change from `current` to `wanted`.

    Worked example: Pro by the month to Max by the year: at once. Pro by the year to Max by the month: `choose` between
    Max by the year at once and Max by the month at the period's end.
    """
    refusal = _find_refusal(current, wanted)
    if refusal is not None:
        return ChangeDecision("refused", refusal)
    first = _find_first(standing)
    if first is not None:
        return ChangeDecision("first", first)
    if standing.trialing:
        return ChangeDecision("at_once")
    timing = _find_timing(current, wanted)
    if timing == "choose":
        return ChangeDecision("choose", None, [("year", "at_once"), ("month", "at_period_end")])
    return _decide_by_card(timing, standing)


def settle_timing(decision: ChangeDecision, total: int) -> ChangeDecision:
    """The decision once the total is known: nothing is done at once with a total below zero."""
    if decision.timing == "at_once" and total < 0:
        return ChangeDecision("at_period_end", "credit")
    return decision


def _find_refusal(current: PricedPlan, wanted: PricedPlan) -> Reason | None:
    if (current.plan.key, current.interval) == (wanted.plan.key, wanted.interval):
        return "same"
    if wanted.plan.is_default:
        return "default"
    return None if wanted.plan.prices.get(wanted.interval) else "no_price"


def _find_first(standing: ChangeStanding) -> Reason | None:
    """What is to be done before any change: a payment first of all."""
    if standing.open_payment is not None:
        return standing.open_payment
    if not standing.known_price:
        return "other_price"
    return "ending" if standing.ending else None


def _decide_by_card(timing: Timing, standing: ChangeStanding) -> ChangeDecision:
    """A change at once is paid at once: it needs a card, and time in which to be paid."""
    if timing == "at_once" and standing.planned:
        return ChangeDecision("first", "planned")
    if timing == "at_once" and standing.card == "none":
        return ChangeDecision("first", "no_card")
    if timing == "at_once" and standing.card == "delayed":
        return ChangeDecision("at_period_end", "delayed_card")
    return ChangeDecision(timing)


def _find_timing(current: PricedPlan, wanted: PricedPlan) -> Timing:
    same_plan = current.plan.key == wanted.plan.key
    higher = not same_plan and rank_plan(wanted.plan) > rank_plan(current.plan)
    if current.interval == "year" and wanted.interval == "month":
        return "choose" if higher and wanted.plan.prices.get("year") else "at_period_end"
    if higher or (same_plan and current.interval == "month"):
        return "at_once"
    return "at_period_end"


def is_lower(current: PlanPrices, wanted: PlanPrices) -> bool:
    """Whether `wanted` ranks below `current`; a plan without a price ranks nowhere."""
    if current.key == wanted.key or find_monthly_price(wanted) is None:
        return False
    return rank_plan(wanted) < rank_plan(current)


def name_change(before: PricedPlan, after: PricedPlan) -> str:
    """What a change that took effect is called in the history (`models.EVENTS`)."""
    if before.plan.key == after.plan.key:
        return "plan_changed" if before.interval == after.interval else "interval_changed"
    if find_monthly_price(before.plan) is None or find_monthly_price(after.plan) is None:
        return "plan_changed"
    return "downgraded" if is_lower(before.plan, after.plan) else "upgraded"
