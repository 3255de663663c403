"""Builds the plan comparison's view: columns and buttons. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.kit.money import exponent, to_major
from app.portal.plans.costs import build_costs_view
from app.portal.plans.hierarchy import find_base, list_points
from app.portal.plans.replay_view import build_replay_view
from app.portal.plans.requests import ComparisonQuery, parse_comparison_query
from app.portal.plans.view_models import PlanColumn, PlansView
from app.portal.shell.links import Link, comparison_url, plan_url, upgrade_url
from app.portal.shell.plan_detail import list_other_prices
from app.portal.shell.todays_version import describe_today
from app.statements import comparison, wording
from app.statements.advice import find_best_fit
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.statements.past_usage import PastPeriod
from app.statements.plan_context import (
    INTERVALS,
    PlanContext,
    find_fee,
    find_monthly_fee,
    find_most_saved,
    find_trial,
    find_yearly_saving,
    is_sold,
)
from app.statements.replay import build_replay
from app.web.addresses import path_to


def build_plans_view(
    offers: Sequence[Offer],
    context: PlanContext,
    currencies: Sequence[str],
    *,
    usage: CurrentUsage | None = None,
    past: Sequence[PastPeriod] = (),
    asked: ComparisonQuery | None = None,
) -> PlansView:
    """Build the page from the plans sold in the chosen currency; a member's usage is priced on each of them."""
    asked = asked or parse_comparison_query({})
    shown = [offer for offer in offers if is_sold(offer, context)]
    replay = build_replay(shown, context, usage, past) if usage else None
    best = find_best_fit(replay) if replay else None
    columns = [_column(offer, shown, context, suggested=best is not None and offer is best.offer) for offer in shown]
    return PlansView(
        currency=context.currency,
        interval=context.interval,
        intervals=_intervals(offers, context),
        currencies=[(code, comparison_url(context, currency=code), code == context.currency) for code in currencies],
        plans=_choose_primary(columns),
        groups=comparison.build_groups(shown, context.currency, trials=context.may_try and not context.paying),
        tax_note=f"Prices in {context.currency}, before tax. Usage above an allowance costs extra.",
        costs=build_costs_view(shown, context, usage, asked.costs),
        replay=build_replay_view(replay, context, usage.time_zone, asked.months) if replay and usage else None,
    )


def _choose_primary(columns: Sequence[PlanColumn]) -> list[PlanColumn]:
    """Mark one button: the plan that fits best, else the one above the own. A visitor's: the first. Own fits: none."""
    own = next((number for number, plan in enumerate(columns) if plan.current), -1)
    suggested = next((number for number, plan in enumerate(columns) if plan.suggested), None)
    chosen = own + 1 if suggested is None else suggested
    return [
        replace(plan, primary=number == chosen and not plan.current and plan.button_href is not None)
        for number, plan in enumerate(columns)
    ]


def _column(offer: Offer, shown: Sequence[Offer], context: PlanContext, *, suggested: bool) -> PlanColumn:
    fee, interval = find_fee(offer, context)
    current = offer.key == context.plan
    base = find_base(offer, shown)
    label, href = _own_button(offer, context) if current else _button(offer, shown, context)
    trial = None if current else find_trial(offer, context)
    return PlanColumn(
        key=offer.key,
        name=offer.name,
        summary=offer.summary,
        price=None if fee is None else to_major(fee, exponent(context.currency)),
        price_note=_price_note(fee, interval, context) if trial is None else _trial_note(trial, fee, interval, context),
        per=f"a {interval}",
        button_label=label,
        button_href=href,
        current=current,
        suggested=suggested,
        highlights=list_points(offer, base),
        base=base.name if base else None,
        saving=_describe_saving(offer, context),
        today=describe_today(offer.today, context.currency, interval),
    )


def _price_note(fee: int | None, interval: str, context: PlanContext) -> str:
    if fee is None:
        return "Custom price"
    if fee == 0:
        return "No card needed"
    if interval == "year":
        return f"{wording.format_amount(Decimal(fee) / 12, context.currency)} a month, billed yearly"
    return "Billed monthly only" if context.interval == "year" else "Billed monthly"


def _trial_note(days: int, fee: int | None, interval: str, context: PlanContext) -> str:
    return f"{days} days free, then {wording.format_amount(fee or 0, context.currency)} a {interval}"


def _describe_saving(offer: Offer, context: PlanContext) -> str | None:
    """What a year paid at once saves; by the month, with its price."""
    saving = find_yearly_saving(offer, context.currency)
    if saving is None:
        return None
    words, yearly = (
        wording.format_price(amount, context.currency) for amount in (saving, offer.fee(context.currency, "year") or 0)
    )
    return f"Saves {words} a year" if context.interval == "year" else f"{yearly} by the year, saves {words}"


def _own_button(offer: Offer, context: PlanContext) -> tuple[str | None, str | None]:
    """At an interval that the viewer does not pay by, a link to what their plan costs by it; else nothing."""
    if context.interval == context.paid_interval:
        return None, None
    return next(iter(list_other_prices(offer, context)), (None, None))


def _button(offer: Offer, shown: Sequence[Offer], context: PlanContext) -> tuple[str, str]:
    """The button's label and URL."""
    if context.plan is None and offer.is_default:
        return "Create an account", path_to("accounts.sign_up_page")
    fee, interval = find_fee(offer, context)
    url = upgrade_url(offer, context) or plan_url(offer.key, context)
    if fee is None or not context.may_change:
        return f"Ask for {offer.name}", url
    if trial := find_trial(offer, context):
        return f"Start {trial}-day trial", url
    money = f"{wording.format_price(fee, context.currency)} a {interval}"
    if context.plan is None:
        return f"Choose {offer.name}, {money}", url
    current_fee = next((find_monthly_fee(offer, context) for offer in shown if offer.key == context.plan), None)
    offered_fee = find_monthly_fee(offer, context)
    if current_fee is not None and offered_fee is not None and offered_fee < current_fee:
        return f"Downgrade to {offer.name}", url
    return f"Upgrade, {money}", url


def _intervals(offers: Sequence[Offer], context: PlanContext) -> list[Link]:
    known = {interval for offer in offers for currency, interval in offer.prices if currency == context.currency}
    saved = find_most_saved(offers, context.currency)
    labels = INTERVALS | ({"year": f"{INTERVALS['year']}, save up to {saved} %"} if saved else {})
    return [
        (words, comparison_url(context, interval=key), key == context.interval)
        for key, words in labels.items()
        if key in known
    ]
