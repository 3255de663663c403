"""Which plan to advise, from a replay: never one against what is used now (rule 2.6). Pure functions."""

from __future__ import annotations

from typing import Literal

from app.statements.replay import Replay, ReplayedPlan

Objection = Literal["refuses", "dearer_now", "too_early"]


def find_best_fit(replay: Replay) -> ReplayedPlan | None:
    """The plan that costs least over the replay's periods, among those without objection; None: none is advised.

    Worked example: 900 calls on Free in October, on Pro since yesterday: Pro, though Free has 1,000 calls.
    """
    if not any(any(each.used.values()) for each in replay.periods) or not any(plan.own for plan in replay.plans):
        return None
    allowed = [plan for plan in replay.plans if find_objection(plan, replay) is None]
    return min(allowed, key=lambda plan: plan.total) if allowed else None


def find_objection(plan: ReplayedPlan, replay: Replay) -> Objection | None:
    """Why a plan is not advised, whatever its total.

    `refuses`: it would have refused use in one of the periods, or would in the running one. `dearer_now`: the running
    period would cost more on it than on the own plan. `too_early`: its fee is lower than the own plan's, and either no
    whole period on the own plan is known or the running one has no forecast: what was used before was used under other
    limits.
    """
    if not plan.fits:
        return "refuses"
    own = next((each for each in replay.plans if each.own), None)
    if own is None or plan.own:
        return None
    running, own_running = plan.costs[-1], own.costs[-1]
    if own.fits and running.amount > own_running.amount:
        return "dearer_now"
    return "too_early" if running.fee < own_running.fee and not replay.seasoned else None
