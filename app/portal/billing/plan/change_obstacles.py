"""Why a change of plan is not made at once, or not here, and what to do instead. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.portal.billing import words
from app.portal.billing.status import BillingStatus, PlannedMove
from app.portal.shell.links import purchase_url
from app.portal.shell.page_parts import Action, Section, Sentence, TextSpan
from app.statements import wording
from app.subscriptions.changes.timing import ChangeDecision
from app.web.addresses import path_to
from app.web.filters import when

_WAITS = "A change to a lower plan, or from years to months, waits until what you paid for ends."
_FREE_PAGE = "You won't be charged for anything on this page."


@dataclass(frozen=True, slots=True)
class ChangeSubject:
    """The plan that is wanted, in which version, at which price in words, and the organisation's billing status."""

    key: str
    name: str
    interval: str
    currency: str
    at: BillingStatus
    version: str = ""
    price: str = ""

    @property
    def day(self) -> str:
        """The day on which the current plan's paid period ends."""
        return wording.format_day(self.at.last_day, self.at.time_zone) if self.at.last_day else "the end of its period"

    @property
    def until(self) -> str:
        """When the current plan's paid period ends."""
        return when(self.at.last_day, self.at.time_zone) if self.at.last_day else "the end of its paid period"

    @property
    def same_plan(self) -> bool:
        """Whether only the interval is another."""
        return self.key == self.at.plan_key


def build_change_obstacle(decision: ChangeDecision, subject: ChangeSubject, lost: Sequence[str] = ()) -> Section:
    """The card in place of the form, unless it is `at_once`; `lost` is what was agreed and ends with the plan."""
    if decision.timing == "at_period_end":
        return _at_period_end(decision, subject, lost)
    if decision.timing == "choose":
        return _choose(subject, lost)
    return _BUILDERS[decision.reason or "other_price"](subject)


def build_unpriced(subject: ChangeSubject, reason: str) -> Section:
    """The card where no price could be had now."""
    again = Action("Try again", purchase_url(subject.key, subject.interval, subject.currency), "primary")
    return Section(f"No price for {subject.name} right now", [reason], actions=[again, _back()], note=_FREE_PAGE)


def _at_period_end(decision: ChangeDecision, subject: ChangeSubject, lost: Sequence[str]) -> Section:
    planned = subject.at.planned
    if planned is not None and (planned.plan_name, planned.interval) == (subject.name, subject.interval):
        return _planned_already(subject, planned)
    name = subject.name
    why = {
        "credit": "More of the current period is left than the change would cost, so it is not made at once.",
        "delayed_card": f"Your payment method takes days to confirm a payment. With a card, {name} can start at once.",
    }.get(decision.reason or "", _WAITS)
    stays = f"Until then, {subject.at.plan_name} stays as it is, and you can undo the change."
    money = f"Nothing is charged today. From then on: {subject.price}."
    replaced = [_replaces(subject, planned)] if planned is not None else []
    points = [f"Agreed for your organisation, and ends with {subject.at.plan_name}: {'; '.join(lost)}."] if lost else []
    actions = [_plan(subject), *([_add_card()] if decision.reason == "delayed_card" else []), _back()]
    title = (
        f"{name} starts on {subject.day}" if not subject.same_plan else f"By the {subject.interval} from {subject.day}"
    )
    return Section(title, [why, stays, money, *replaced], points, actions=actions, note=_FREE_PAGE)


def _choose(subject: ChangeSubject, lost: Sequence[str]) -> Section:
    name = subject.name
    yearly = TextSpan("see what it costs today", purchase_url(subject.key, "year", subject.currency))
    points: list[Sentence] = [
        [f"{name} by the year, at once: ", yearly, ". What is left of your paid year is taken off."],
        f"{name} by the month, from {subject.day}: {subject.price}. Nothing is charged today.",
    ]
    if subject.at.planned is not None:
        points.append(_replaces(subject, subject.at.planned))
    if lost:
        points.append(f"Agreed for your organisation, and ends with {subject.at.plan_name}: {'; '.join(lost)}.")
    lead = [f"There are two ways to get {name}:"]
    return Section("You pay by the year", lead, points, actions=[_plan(subject), _back()], note=_FREE_PAGE)


def _replaces(subject: ChangeSubject, planned: PlannedMove) -> str:
    what = words.describe_planned(subject.at.plan_name, planned, subject.at.time_zone)
    return f"This replaces what is planned now: {what}."


def _planned_already(subject: ChangeSubject, planned: PlannedMove) -> Section:
    what = words.describe_planned(subject.at.plan_name, planned, subject.at.time_zone)
    line = f"Nothing is charged today. From then on: {subject.price}. You can undo the change until then."
    return Section(f"Planned: {what}", [line], actions=[_keep(subject), _back()], note=_FREE_PAGE)


def _planned(subject: ChangeSubject) -> Section:
    """A change takes effect so soon that one at once might lapse unpaid after it."""
    planned = subject.at.planned
    if planned is None:  # one that staff announced
        line = f"The terms of {subject.at.plan_name} change within a day. Change to {subject.name} after that."
        return Section("Another change takes effect soon", [line], actions=[_back()], note=_FREE_PAGE)
    what = words.describe_planned(subject.at.plan_name, planned, subject.at.time_zone)
    line = f"{what}, which is soon. To change to {subject.name} before that, undo it first."
    return Section("Another change takes effect soon", [line], actions=[_keep(subject), _back()], note=_FREE_PAGE)


def _keep(subject: ChangeSubject) -> Action:
    return Action(f"Keep {subject.at.plan_name} as it is", path_to("billing.undo_change"), "primary", posts=True)


def _plan(subject: ChangeSubject) -> Action:
    how = {"interval": subject.interval, "currency": subject.currency, "version": subject.version}
    url = path_to("billing.plan_change", key=subject.key, **how)
    label = f"Pay by the {subject.interval} from" if subject.same_plan else f"Change to {subject.name} on"
    return Action(f"{label} {subject.day}", url, "primary", posts=True)


def _pay_first(subject: ChangeSubject) -> Section:
    pay = Action("Open billing and pay", path_to("billing.index"), "primary")
    line = f"A payment for {subject.at.plan_name} is due. Once it is paid, you can change to {subject.name}."
    return Section("Pay what is due first", [line], actions=[pay], note=_FREE_PAGE)


def _resume_first(subject: ChangeSubject) -> Section:
    line = f"{subject.at.plan_name} is paused. Resume it first, then you can change to {subject.name}."
    act = Action("Open billing and resume", path_to("billing.index"), "primary")
    return Section("Resume your plan first", [line], actions=[act], note=_FREE_PAGE)


def _pending(subject: ChangeSubject) -> Section:
    pending = subject.at.pending
    name = (pending.plan_name if pending else None) or "another plan"
    day = wording.format_deadline(pending.until, subject.at.time_zone) if pending else None
    until = f" Unpaid, it is dropped on {day}." if day else ""
    line = f"Your change to {name} waits for its payment.{until} Then you can change again."
    act = Action("Open billing and pay", path_to("billing.index"), "primary")
    return Section("Another change waits for its payment", [line], actions=[act], note=_FREE_PAGE)


def _processing(subject: ChangeSubject) -> Section:
    line = f"A payment is on its way. Once it is confirmed, you can change to {subject.name}."
    return Section("Waiting for a payment", [line, "Nothing is charged twice."], actions=[_back()], note=_FREE_PAGE)


def _ending(subject: ChangeSubject) -> Section:
    current = subject.at.plan_name
    lines: list[Sentence] = [
        [
            f"{current} ends on ",
            TextSpan(subject.until),
            f". To change to {subject.name} before that, keep {current} first.",
        ]
    ]
    keep = Action(f"Keep {current}", path_to("billing.undo_cancel"), "primary", posts=True)
    return Section(f"{current} is cancelled", lines, actions=[keep, _back()], note=_FREE_PAGE)


def _no_card(subject: ChangeSubject) -> Section:
    line = f"A change to {subject.name} is paid at once, and there is no card to charge."
    return Section("Add a card first", [line], actions=[_add_card()], note=_FREE_PAGE)


def _other_price(subject: ChangeSubject) -> Section:
    line = f"Your subscription was set up for you by hand. Contact your Tollkeeper team to change to {subject.name}."
    return Section("Ask your Tollkeeper team", [line], note=_FREE_PAGE)


def _no_price(subject: ChangeSubject) -> Section:
    line = f"{subject.name} is not sold by the {subject.interval} in {subject.currency}."
    return Section("Not sold this way", [line], actions=[_back()], note=_FREE_PAGE)


def _add_card() -> Action:
    return Action("Add a card", path_to("billing.change_card"), "primary", posts=True)


def _back() -> Action:
    return Action("Back to billing", path_to("billing.index"), "quiet")


_BUILDERS: dict[str, Callable[[ChangeSubject], Section]] = {
    "past_due": _pay_first,
    "unpaid": _pay_first,
    "paused": _resume_first,
    "pending_update": _pending,
    "processing": _processing,
    "ending": _ending,
    "planned": _planned,
    "no_card": _no_card,
    "other_price": _other_price,
    "no_price": _no_price,
}
