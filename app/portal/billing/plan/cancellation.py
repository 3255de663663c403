"""The cancellation page: what stays until when, what changes then, and which usage would exceed the limits. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.billing import words as wording
from app.portal.billing.status import BillingStatus, SecondSubscription
from app.portal.shell.agreed import AgreedTerm, list_lost
from app.portal.shell.fit import FitView, build_fit_view
from app.portal.shell.page_parts import Action, Notice, Section, TextSpan, build_trouble_notice
from app.portal.shell.people import PlanManager
from app.statements import wording as words
from app.statements.comparison import CompareRow, list_changes
from app.statements.current_usage import CurrentUsage
from app.statements.fit.report import FitReport
from app.statements.offers import Offer
from app.web.addresses import path_to
from app.web.filters import when

_HEADINGS = {"nothing": "Cancel a plan", "off": "Cancel a plan", "cancelled": "{plan} is already cancelled"}


@dataclass(frozen=True)
class CancelView:
    """What templates/billing/cancel.html shows. `confirm` and `keep` label the two buttons; None hides one."""

    heading: str
    notice: Notice | None
    sections: Sequence[Section]
    confirm: str | None
    keep: str
    next_plan: str
    changes: Sequence[CompareRow]
    fit: FitView | None = None


def build_cancel_view(
    at: BillingStatus,
    usage: CurrentUsage,
    offers: Sequence[Offer],
    *,
    may_change: bool,
    payments_on: bool,
    people: Sequence[PlanManager] = (),
    agreed: Sequence[AgreedTerm] = (),
    fit: FitReport | None = None,
    trouble: str | None = None,
) -> CancelView:
    """Build the page: the current plan next to the default plan that every organisation falls back to.

    `agreed` are the organisation's overrides, of which those that end with the plan are named.
    """
    current = next((offer for offer in offers if offer.key == at.plan_key), None)
    fallback = next((offer for offer in offers if offer.is_default), None)
    kind = _kind(at, may_change=may_change, payments_on=payments_on)
    has_plan = kind not in {"nothing", "cancelled"}
    next_plan = fallback.name if fallback else at.default_name
    return CancelView(
        heading=build_heading(kind, at.plan_name),
        notice=build_trouble_notice(trouble) if trouble else None,
        sections=build_sections(
            kind,
            at,
            next_plan,
            people,
            lost=list_lost(agreed, at.last_day),
        ),
        confirm=f"Cancel {at.plan_name}" if kind == "ask" else None,
        keep=f"Keep {at.plan_name}",
        next_plan=next_plan,
        changes=list_changes([current, fallback], usage.currency) if has_plan and current and fallback else [],
        fit=build_fit_view(fit, at.time_zone) if fit and has_plan else None,
    )


def build_heading(kind: str, plan: str) -> str:
    """The page's heading."""
    return _HEADINGS.get(kind, "Cancel {plan}?").format(plan=plan)


def build_sections(
    kind: str,
    at: BillingStatus,
    next_plan: str,
    people: Sequence[PlanManager],
    *,
    lost: Sequence[str] = (),
) -> list[Section]:
    """The cards in order. `kind` is ask, or the reason it can't be done: role, off, cancelled, nothing.

    `lost` is what was agreed and ends with the plan.
    """
    if kind == "nothing":
        return [_nothing()]
    if kind == "cancelled":
        return [_cancelled(at)]
    sections = [_until(at), _second(at.second) if at.second else _after(next_plan)]
    if at.planned is not None:
        planned = wording.describe_planned(at.plan_name, at.planned, at.time_zone)
        dropped = f"{planned}. Cancelling ends that plan, and undoing the cancellation does not bring it back."
        sections.append(Section("Your planned change", [dropped]))
    if lost:
        sections.append(Section("Agreed for your organisation", [f"This ends with {at.plan_name}:"], lost))
    if kind == "off":
        words = "Online payments are not switched on in this installation. Ask your Tollkeeper team to cancel for you."
        sections.append(Section("Payments are not switched on", [words]))
    if kind == "role":
        sections.append(Section("Ask an owner", ask="Your role cannot cancel the plan.", people=people))
    return sections


def _nothing() -> Section:
    back = TextSpan("Back to billing", path_to("billing.index"))
    return Section(None, [["You have no plan that is paid through Stripe, so there is nothing to cancel. ", back]])


def _cancelled(at: BillingStatus) -> Section:
    charged = f"It renews on {words.format_day(at.renews_at, at.time_zone)} once more" if at.renews_at else ""
    charged = charged if at.is_renewed else "You will not be charged for it again"
    more = f". {charged}. You can undo the cancellation until then."
    undo = Action(f"Keep {at.plan_name}", path_to("billing.undo_cancel"), "primary", posts=True)
    back = Action("Back to billing", path_to("billing.index"), "quiet")
    return Section(None, [[f"{at.plan_name} ends on ", _end(at), more]], actions=[undo, back])


def _until(at: BillingStatus) -> Section:
    title = f"Until {words.format_day(at.renews_at, at.time_zone)}" if at.renews_at else "Until the paid period ends"
    end = TextSpan(_end(at))
    if at.is_trial:
        kept = "Nothing changes until the end of your trial: "
        return Section(title, [[kept, end, ". You can undo the cancellation until then. Nothing is charged."]])
    if not at.late:
        lead = "Nothing changes until the end of the paid period: "
        more = ". You can undo the cancellation until then. Payments already made are not refunded."
        return Section(title, [[lead, end, more]])
    pay = TextSpan("pay it", path_to("billing.index"))
    owed = "The payment for the time until then is still due: "
    fall = ", or the plan's limits will be reduced before that day."
    renewed = " and will not renew. You can undo the cancellation until then."
    return Section(title, [[f"{at.plan_name} ends on ", end, renewed], [owed, pay, fall]])


def _after(next_plan: str) -> Section:
    fee = "No further fee is charged. Usage that is owed until then follows on a last invoice."
    kept = "Nothing is deleted: usage, bills, members and keys are kept."
    return Section("After that", [f"{fee} You move to {next_plan}, and its limits apply. {kept}"])


def _second(second: SecondSubscription) -> Section:
    price = wording.describe_price(second.amount, second.currency, second.interval)
    goes_on = f"Your second subscription, to {second.plan_name}, continues and is charged: {price}."
    return Section("After that", [f"{goes_on} To end it too, contact your Tollkeeper team. Nothing is deleted."])


def _end(at: BillingStatus) -> str:
    return when(at.last_day, at.time_zone) if at.last_day else "its last paid day"


def _kind(at: BillingStatus, *, may_change: bool, payments_on: bool) -> str:
    if not at.paid_by_stripe:
        return "nothing"
    if at.ends_at is not None:
        return "cancelled"
    if not payments_on:
        return "off"
    return "ask" if may_change else "role"
