"""Builds the page of one plan: price, what would change, whether current usage fits, how to get it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.shell.fit import FitView, build_fit_view
from app.portal.shell.links import comparison_url, plan_url, purchase_url, upgrade_url
from app.portal.shell.page_parts import Action, Section, Sentence, TextSpan
from app.portal.shell.people import PlanManager
from app.portal.shell.todays_version import describe_today
from app.statements import wording
from app.statements.comparison import CompareRow, list_changes
from app.statements.fit.report import FitReport
from app.statements.moves import AnnouncedMove
from app.statements.offers import Offer
from app.statements.plan_context import INTERVALS, PlanContext, find_fee, find_monthly_fee, find_trial, has_used_trial
from app.web.addresses import path_to

_PURCHASE = "How to get it"


@dataclass(frozen=True)
class PlanDetailView:
    """What templates/plans/plan.html shows: the plan, and how to get it in `purchase`.

    Rows of `changes` have two cells, now and after; one for a visitor.
    """

    key: str
    name: str
    summary: str
    money: str
    headings: Sequence[str]
    changes: Sequence[CompareRow]
    fit: FitView | None
    people: Sequence[PlanManager]
    back: str
    purchase: Section
    move: AnnouncedMove | None = None


def build_plan_detail_view(
    offer: Offer,
    current: Offer | None,
    context: PlanContext,
    people: Sequence[PlanManager],
    *,
    fit: FitReport | None = None,
    zone: str = "UTC",
    signed_in: bool = True,
) -> PlanDetailView:
    """Build the page of `offer` for an organisation on `current`; `current` is None for a visitor.

    `fit` is shown where the plan is a lower one, or would refuse something or make it dearer.
    """
    is_current = offer.key == context.plan
    shown = [offer] if current is None or is_current else [current, offer]
    return PlanDetailView(
        key=offer.key,
        name=offer.name,
        summary=offer.summary,
        money=_money(offer, context),
        headings=["Now", offer.name] if len(shown) == 2 else [offer.name],
        changes=list_changes(shown, context.currency),
        fit=build_fit_view(fit, zone) if fit and (fit.misfits or is_lower(offer, current, context)) else None,
        people=people,
        back=comparison_url(context),
        purchase=_build_purchase(offer, context, people, signed_in=signed_in),
    )


def is_lower(offer: Offer, current: Offer | None, context: PlanContext) -> bool:
    """Whether a plan costs less a month than the current one, as far as both prices are known."""
    own = find_monthly_fee(current, context) if current is not None else None
    wanted = find_monthly_fee(offer, context)
    return own is not None and wanted is not None and wanted < own


def _build_purchase(offer: Offer, context: PlanContext, people: Sequence[PlanManager], *, signed_in: bool) -> Section:
    if offer.key == context.plan:
        compare = TextSpan("Compare it with the others", comparison_url(context))
        others: list[Sentence] = [[TextSpan(label, url), "."] for label, url in list_other_prices(offer, context)]
        today = describe_today(offer.today, context.currency, context.interval)
        sold: list[Sentence] = (
            [[f"{today} ", TextSpan("See what differs", path_to("invoices.receipt"))]] if today else []
        )
        return Section("You are on this plan", [["There is nothing to change. ", compare, "."], *sold, *others])
    if not signed_in:
        return Section(_PURCHASE, _list_ways_in(offer, context))
    if not context.may_change:
        return Section("Ask an owner", ask="Your role cannot change the plan.", people=people)
    return Section(_PURCHASE, _list_options(offer, context), note="You won't be charged for anything on this page.")


def _list_ways_in(offer: Offer, context: PlanContext) -> list[Sentence]:
    """What a visitor does first. They come back to this page, at the price that they chose."""
    first = f"Create an account first: it starts on the free plan. Then choose {offer.name} here."
    line = "Every new account starts on this plan." if offer.is_default else first
    here = None if offer.is_default else plan_url(offer.key, context)
    sign_up = Action("Create an account", path_to("accounts.sign_up_page", next=here), "primary")
    return [line, [sign_up, " ", Action("Sign in", path_to("accounts.sign_in", next=here))]]


def list_other_prices(offer: Offer, context: PlanContext) -> list[tuple[str, str]]:
    """Links to what the current plan costs at its other intervals, for who pays for it through Stripe."""
    if context.paid_interval is None or not context.may_change:
        return []
    return [
        (f"See what it costs by the {interval}", purchase_url(offer.key, interval, context.currency))
        for interval in INTERVALS
        if interval != context.paid_interval and offer.fee(context.currency, interval)
    ]


def _list_options(offer: Offer, context: PlanContext) -> list[Sentence]:
    href = upgrade_url(offer, context)
    if offer.is_default:
        lead = f"{offer.name} is free, and you are on it whenever you have no other plan."
        agreed = "Your current plan is billed by agreement: ask your Tollkeeper team to end it."
        return [f"{lead} Past usage is kept.",
                [Action("Cancel the current plan", href)] if href else agreed]  # fmt: skip
    if href is None:
        return [f"{offer.name} has a custom price. Contact your Tollkeeper team."]
    if trial := find_trial(offer, context):
        return [_describe_trial(trial, offer, context), [Action(f"Start {trial}-day trial", href, "primary")]]
    had = ["Your organisation has no free trial left."] if has_used_trial(offer, context) else []
    today = f"{_today(offer, context)} Its limits apply as soon as the payment is confirmed."
    return [*had, today, [Action(f"Upgrade to {offer.name}", href, "primary")]]


def _money(offer: Offer, context: PlanContext) -> str:
    fee, interval = find_fee(offer, context)
    if fee is None:
        return "Custom price"
    return f"{wording.format_amount(fee, context.currency)} a {interval}, before tax" if fee else "Free"


def _describe_trial(days: int, offer: Offer, context: PlanContext) -> str:
    fee, interval = find_fee(offer, context)
    price = f"{wording.format_amount(fee or 0, context.currency)} a {interval}"
    return f"Nothing is due today: {offer.name} is free for {days} days, then {price}. You can cancel before that."


def _today(offer: Offer, context: PlanContext) -> str:
    fee, interval = find_fee(offer, context)
    if not fee:
        return "Nothing is due."
    return (
        f"{wording.format_amount(fee, context.currency)} for the first {interval}, then the same every {interval}."
        " Usage above an allowance costs extra."
    )
