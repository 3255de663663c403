"""The replay of past months as the plans page shows it: totals by plan, and each month behind them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.plans.hierarchy import within_sentence
from app.portal.shell.links import Link
from app.statements import wording
from app.statements.advice import Objection, find_best_fit, find_objection
from app.statements.plan_context import PlanContext
from app.statements.replay import Replay, ReplayedPlan
from app.web.addresses import path_to

MONTHS = (3, 6, 12)


@dataclass(frozen=True, slots=True)
class ReplayPlanRow:
    """A plan over all months: its total, and what stands against it. `best`: it is advised."""

    plan: str
    own: bool
    total: str
    best: bool
    note: str


@dataclass(frozen=True, slots=True)
class ReplayView:
    """What templates/plans/_replay.html shows. `months` has a row for each month, with a cell for each plan."""

    lead: str
    choices: Sequence[Link]
    plans: Sequence[ReplayPlanRow]
    head: Sequence[str]
    months: Sequence[Sequence[str]]


def build_replay_view(replay: Replay, context: PlanContext, zone: str, asked: int) -> ReplayView | None:
    """Build the card; None where nothing was used."""
    if not any(any(each.used.values()) for each in replay.periods):
        return None
    best = find_best_fit(replay)
    past = len(replay.periods) - 1
    return ReplayView(
        lead=_describe(best, past),
        choices=[(f"{count} months", _url(context, count), count == asked) for count in MONTHS],
        plans=[
            ReplayPlanRow(
                plan.offer.name,
                plan.own,
                wording.format_amount(plan.total, context.currency),
                plan is best,
                describe_plan(plan, replay, zone),
            )
            for plan in replay.plans
        ],
        head=["Month", *(plan.offer.name for plan in replay.plans)],
        months=[_list_cells(replay, number, context.currency, zone) for number in range(past + 1)],
    )


def describe_plan(plan: ReplayedPlan, replay: Replay, zone: str) -> str:
    """What stands against a plan; nothing where it would have refused nothing and costs no more now."""
    objection = find_objection(plan, replay)
    return _describe_refusal(plan, replay, zone) if objection == "refuses" else _OBJECTIONS[objection]


_OBJECTIONS: dict[Objection | None, str] = {
    "dearer_now": "Dearer than your plan at what you use now",
    "too_early": "Too early to tell: your past months were used under other limits",
    None: "",
}


def _url(context: PlanContext, months: int) -> str:
    address = path_to("plans.index", interval=context.interval, currency=context.currency, months=months)
    return f"{address}#replay"


def _describe(best: ReplayedPlan | None, past: int) -> str:
    months = "" if not past else "your last month and " if past == 1 else f"your last {past} months and "
    lead = f"What {months}the running one, with its forecast, cost on each plan: fees and usage, before tax."
    if best is None:
        return lead
    return f"{lead} {'Your plan fits best.' if best.own else f'{best.offer.name} fits best.'}"


def _describe_refusal(plan: ReplayedPlan, replay: Replay, zone: str) -> str:
    """Name the meters that would have been refused, and the month or how many."""
    hit = [number for number, cost in enumerate(plan.costs) if cost.refused]
    numbers = hit or [number for number, cost in enumerate(plan.costs) if cost.short]
    keys = {key for number in numbers for key in (plan.costs[number].refused if hit else plan.costs[number].short)}
    names = ", ".join(within_sentence(plan.offer.meters[key].name) for key in plan.offer.meters if key in keys)
    months = f"in {len(numbers)} of {len(replay.periods)} months"
    if len(numbers) == 1:
        period = replay.periods[numbers[0]]
        months = "in the running month" if period.running else f"in {wording.format_period(period.period, zone)}"
    if hit:
        return f"Would refuse {names} {months}"
    return f"Has no more {names} than the limit that you reached {months}"


def _list_cells(replay: Replay, number: int, currency: str, zone: str) -> list[str]:
    period = replay.periods[number]
    name = "Running month, expected" if period.running else wording.format_period(period.period, zone)
    costs = [plan.costs[number] for plan in replay.plans]
    return [
        name,
        *(
            f"{wording.format_amount(cost.amount, currency)}{', some use refused' if cost.refused else ''}"
            for cost in costs
        ),
    ]
