"""One plan before choosing it: the money, what would change, whether present use fits, how to get it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.shell.links import comparison_url, upgrade_url
from app.portal.shell.page_parts import Action, Section, Sentence, TextSpan
from app.portal.shell.people import PlanManager
from app.statements import wording
from app.statements.comparison import CompareRow, changes, unfit
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext, fee_of
from app.web.addresses import path_to

_HOW = "How to get it"


@dataclass(frozen=True)
class PlanDetailView:
    """What templates/plans/plan.html shows: the plan, and `how` to get it.

    `changes` rows have two cells: now and then; one for a visitor.
    """

    key: str
    name: str
    summary: str
    money: str
    headings: Sequence[str]
    changes: Sequence[CompareRow]
    unfit: Sequence[str]
    people: Sequence[PlanManager]
    back: str
    how: Section


def plan_detail_view(
    offer: Offer,
    held: Offer | None,
    seen: PlanContext,
    standing: CurrentUsage | None,
    people: Sequence[PlanManager],
    *,
    signed_in: bool = True,
) -> PlanDetailView:
    """Assemble the page of `offer` for an org on `held`; both None-able parts are absent for a visitor."""
    current = offer.key == seen.plan
    shown = [offer] if held is None or current else [held, offer]
    return PlanDetailView(
        key=offer.key,
        name=offer.name,
        summary=offer.summary,
        money=_money(offer, seen),
        headings=["Now", offer.name] if len(shown) == 2 else [offer.name],
        changes=changes(shown, seen.currency),
        unfit=[] if standing is None or current else unfit(offer, standing),
        people=people,
        back=comparison_url(seen),
        how=_how(offer, seen, people, signed_in=signed_in),
    )


def _how(offer: Offer, seen: PlanContext, people: Sequence[PlanManager], *, signed_in: bool) -> Section:
    if offer.key == seen.plan:
        compare = TextSpan("Compare it with the others", comparison_url(seen))
        return Section("You are on this plan", [["There is nothing to change. ", compare, "."]])
    if not signed_in:
        first = f"Create an account first: it begins on the free plan. Then choose {offer.name} here."
        sign_up = Action("Create an account", path_to("accounts.sign_up_page"), "primary")
        line = "Every new account begins on this plan." if offer.is_default else first
        return Section(_HOW, [line, [sign_up, " ", Action("Sign in", path_to("accounts.sign_in"))]])
    if not seen.may_change:
        return Section("Whom to ask", ask="Your role cannot change the plan.", people=people)
    return Section(_HOW, _ways(offer, seen), note="Nothing on this page costs anything.")


def _ways(offer: Offer, seen: PlanContext) -> list[Sentence]:
    href = upgrade_url(offer, seen)
    if offer.is_default:
        lead = f"{offer.name} costs nothing, and you are on it whenever no other plan runs."
        agreed = "Your present plan is billed by agreement: ask your Tollkeeper team to end it."
        return [f"{lead} What you used before stays on record.",
                [Action("Cancel the present plan", href)] if href else agreed]  # fmt: skip
    if href is None:
        return [f"{offer.name} is priced by agreement. Write to your Tollkeeper team about it."]
    today = f"{_today(offer, seen)} Its limits hold from the second in which the payment is confirmed."
    return [today, [Action(f"Upgrade to {offer.name}", href, "primary")]]


def _money(offer: Offer, seen: PlanContext) -> str:
    fee, interval = fee_of(offer, seen)
    if fee is None:
        return "Price by agreement"
    return f"{wording.amount(fee, seen.currency)} a {interval}, before tax" if fee else "Free"


def _today(offer: Offer, seen: PlanContext) -> str:
    fee, interval = fee_of(offer, seen)
    if not fee:
        return "Nothing is due."
    return (
        f"{wording.amount(fee, seen.currency)} for the first {interval}, then the same each {interval};"
        " what is above an allowance is billed at the end of each month."
    )
