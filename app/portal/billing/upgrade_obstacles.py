"""Why a plan cannot be bought right now, and what to do instead. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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

    @property
    def until(self) -> str:
        """When the current plan ends: as planned, else with its paid period."""
        return when(self.at.last_day, self.at.time_zone) if self.at.last_day else "the end of its paid period"


def build_obstacle(kind: str, context: ObstacleContext) -> Section:
    """The card shown instead of the form. `kind` is current, role, off, agreement, paying or default."""
    return _OBSTACLES[kind](context)


def _current(context: ObstacleContext) -> Section:
    compare = TextSpan("compare it with the others", context.plan.back)
    lead: list[str | TextSpan] = ["There is nothing to change. ", TextSpan("Open billing", path_to("billing.index"))]
    if context.at.ends_at:
        billing = TextSpan("open billing", path_to("billing.index"))
        lead = ["It ends on ", context.until, ". To keep it, undo the cancellation: ", billing]
    return Section("You are on this plan", [[*lead, ", or ", compare, "."]])


def _paying(context: ObstacleContext) -> Section:
    name, current = context.plan.name, context.at.plan_name
    first: Sentence
    if context.at.ends_at:
        first = [f"{current} ends on ", context.until, f". After that you can choose {name} here."]
    else:
        cancel = TextSpan(f"Cancel {current}", path_to("billing.confirm_cancel"))
        more = f", and you are not charged for it again. Then choose {name} here."
        first = [cancel, ": it ends on ", context.until, more]
    lead = f"Switching directly from one paid plan to another is not available yet. There are two ways to get {name}:"
    points = [first, "Or contact your Tollkeeper team, who can move you sooner."]
    return Section(f"You already pay for {current}", [lead], points, last=_FREE_PAGE)


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
    "paying": _paying,
    "role": _role,
    "off": _off,
    "default": _default,
    "agreement": _agreement,
}
