"""Why a plan cannot be bought right now, and what to do instead. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.billing import words
from app.portal.billing.status import BillingStatus
from app.portal.shell.page_parts import Section, Sentence, TextSpan
from app.portal.shell.plan_detail import PlanDetailView
from app.web.addresses import path_to
from app.web.filters import when

_FREE_PAGE = "You won't be charged for anything on this page."


@dataclass(frozen=True, slots=True)
class ObstacleContext:
    """The plan being viewed, its price in words, and the organisation's billing status."""

    plan: PlanDetailView
    amount: str
    interval: str
    at: BillingStatus
    others: Sequence[tuple[str, str]] = ()
    """The plan's other prices that can be changed to: label and URL."""

    @property
    def until(self) -> str:
        """When the current plan ends: as planned, else with its paid period."""
        return when(self.at.last_day, self.at.time_zone) if self.at.last_day else "the end of its paid period"


def build_obstacle(kind: str, context: ObstacleContext) -> Section:
    """The card shown instead of the form. `kind` is current, role, change_role, off, agreement or default."""
    return _OBSTACLES[kind](context)


def _current(context: ObstacleContext) -> Section:
    compare = TextSpan("compare it with the others", context.plan.back)
    lead: list[str | TextSpan] = ["There is nothing to change. ", TextSpan("Open billing", path_to("billing.index"))]
    if context.at.is_trial:
        free = ". A larger plan raises your allowances at once and is free until then, too. "
        lead = ["Your trial runs until ", context.until, free, TextSpan("Open billing", path_to("billing.index"))]
    if context.at.ends_at:
        billing = TextSpan("open billing", path_to("billing.index"))
        lead = ["It ends on ", context.until, ". To keep it, undo the cancellation: ", billing]
    if context.at.planned is not None:
        what = words.describe_planned(context.at.plan_name, context.at.planned, context.at.time_zone)
        lead = [f"{what}. To keep it as it is, ", TextSpan("undo that", path_to("billing.index"))]
    others: list[Sentence] = [[TextSpan(label, url), "."] for label, url in context.others]
    return Section("You are on this plan", [[*lead, ", or ", compare, "."], *others])


def _change_role(context: ObstacleContext) -> Section:
    price = f"{context.plan.name} is {context.amount} a {context.interval}, before tax."
    more = "People who can change the plan see the cost here."
    return Section("Ask an owner", [f"{price} {more}"], ask="Your role cannot change the plan.",
                   people=context.plan.people)  # fmt: skip


def _role(context: ObstacleContext) -> Section:
    price = f"{context.amount} today, then {context.amount} every {context.interval}, before tax."
    return Section("Ask an owner", [f"{context.plan.name} is {price}"], ask="Your role cannot change the plan.",
                   people=context.plan.people)  # fmt: skip


def _off(context: ObstacleContext) -> Section:
    name = context.plan.name
    price = f"{context.amount} a {context.interval}"
    words = (
        f"{name} is {price}, before tax. Online payments are not switched on in this installation."
        f" Ask your Tollkeeper team for {name}: its limits apply as soon as they switch you."
    )
    return Section("Payments are not switched on", [words], last=_FREE_PAGE)


def _default(context: ObstacleContext) -> Section:
    line: list[str | TextSpan] = [f"{context.plan.name} is free. You are on it whenever you have no paid plan."]
    if context.at.renews_at and not context.at.ends_at:
        line += [
            " ",
            TextSpan(f"Cancel {context.at.plan_name}", path_to("billing.confirm_cancel")),
            " to return to it.",
        ]
    return Section("No payment needed", [line])


def _agreement(context: ObstacleContext) -> Section:
    words = f"{context.plan.name} has a custom price. Contact your Tollkeeper team."
    return Section("Custom price", [words])


_OBSTACLES = {
    "current": _current,
    "change_role": _change_role,
    "role": _role,
    "off": _off,
    "default": _default,
    "agreement": _agreement,
}
