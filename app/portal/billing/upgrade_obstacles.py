"""Why a plan cannot be bought here and now, and which way leads on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.portal.billing.status import BillingStatus
from app.portal.shell.page_parts import Section, Sentence, TextSpan
from app.portal.shell.plan_detail import PlanDetailView
from app.web.addresses import path_to
from app.web.filters import when

_FREE_PAGE = "Nothing on this page costs anything."


@dataclass(frozen=True, slots=True)
class Wish:
    """The plan that is looked at, its price in words, and where the org stands."""

    plan: PlanDetailView
    amount: str
    interval: str
    at: BillingStatus

    @property
    def until(self) -> str:
        """When the present plan's paid time ends."""
        return when(self.at.renews_at, self.at.time_zone) if self.at.renews_at else "the end of its paid time"


def obstacle(kind: str, wish: Wish) -> Section:
    """The card in place of the form. `kind` is current, role, off, agreement, paying or default."""
    return _OBSTACLES[kind](wish)


def _current(wish: Wish) -> Section:
    compare = TextSpan("compare it with the others", wish.plan.back)
    lead: list[str | TextSpan] = ["There is nothing to change. ", TextSpan("Open billing", path_to("billing.index"))]
    if wish.at.cancels:
        billing = TextSpan("open billing", path_to("billing.index"))
        lead = ["It ends on ", wish.until, ". To keep it, take the cancellation back: ", billing]
    return Section("You are on this plan", [[*lead, ", or ", compare, "."]])


def _paying(wish: Wish) -> Section:
    name, held = wish.plan.name, wish.at.plan_name
    first: Sentence
    if wish.at.cancels:
        first = [f"{held} ends on ", wish.until, f". From then on you can choose {name} here."]
    else:
        cancel = TextSpan(f"Cancel {held}", path_to("billing.confirm_cancel"))
        more = f", and nothing more is charged for it. Then choose {name} here."
        first = [cancel, ": it ends on ", wish.until, more]
    lead = f"Moving straight from one paid plan to another is not open yet. Two ways lead to {name}:"
    points = [first, "Or write to your Tollkeeper team, who can move you sooner."]
    return Section(f"You already pay for {held}", [lead], points, last=_FREE_PAGE)


def _role(wish: Wish) -> Section:
    price = f"{wish.amount} today, then {wish.amount} each {wish.interval}, before tax."
    return Section("Whom to ask", [f"{wish.plan.name} is {price}"], ask="Your role cannot change the plan.",
                   people=wish.plan.people)  # fmt: skip


def _off(wish: Wish) -> Section:
    name = wish.plan.name
    words = (
        f"{name} is {wish.amount} a {wish.interval}, before tax. This installation takes no payments in the browser:"
        f" ask your Tollkeeper team for {name}, and its limits hold from the second they switch you."
    )
    return Section("Payments are not switched on", [words], last=_FREE_PAGE)


def _default(wish: Wish) -> Section:
    line: list[str | TextSpan] = [f"{wish.plan.name} costs nothing. You are on it whenever no paid plan runs."]
    if wish.at.renews_at and not wish.at.cancels:
        line += [" ", TextSpan(f"Cancel {wish.at.plan_name}", path_to("billing.confirm_cancel")), " to return to it."]
    return Section("No payment needed", [line])


def _agreement(wish: Wish) -> Section:
    words = f"{wish.plan.name} has no price of the list. Write to your Tollkeeper team about it."
    return Section("By agreement", [words])


_OBSTACLES = {
    "current": _current,
    "paying": _paying,
    "role": _role,
    "off": _off,
    "default": _default,
    "agreement": _agreement,
}
