"""Builds the dashboard's view from the period's figures: bars, summary, prompts, cost, checklist. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from app.kit.money import exponent, to_major
from app.portal.dashboard.bars import build_bars
from app.portal.dashboard.running_total import build_running_total
from app.portal.dashboard.view_models import ChecklistStep, CostView, DashboardView, EventRow, PromptView
from app.portal.shell.upgrade_hints import UpgradeHint
from app.statements import windows, wording
from app.statements.current_usage import CurrentUsage
from app.statements.figures import FULL, MeterFigures
from app.web.addresses import path_to
from app.web.filters import quantity

_POLL_WAITING, _POLL_ACTIVE, _POLL = 3, 10, 30
_ACTIVE = timedelta(minutes=10)
_KINDS = {"near": "near", "high": "strong", "full": "full", "over": "full"}


def build_dashboard(
    usage: CurrentUsage,
    *,
    events: Sequence[EventRow] = (),
    steps: Sequence[ChecklistStep] = (),
    advice: Mapping[str, UpgradeHint] | None = None,
    may_upgrade: bool = True,
    suspended: bool = False,
    watched: bool = False,
) -> DashboardView:
    """Build the page. `advice` adds an upgrade hint to each meter's prompt.

    `watched` polls more often; the sandbox sets it.
    """
    kind, sentence = wording.summarise_usage(usage)
    return DashboardView(
        plan_name=usage.plan_name,
        zone=usage.time_zone,
        starts_at=usage.period.start,
        ends_at=usage.period.end,
        as_of=usage.as_of,
        state_kind=kind,
        state_sentence=sentence,
        meters=build_bars(usage),
        cost=build_cost(usage),
        running=build_running_total(usage),
        prompts=[build_suspended(usage)] * suspended + _prompts(usage, advice or {}, may_upgrade=may_upgrade),
        events=events,
        steps=steps,
        poll_seconds=_poll(usage, events, watched=watched),
        is_trial=usage.is_trial,
    )


def build_suspended(usage: CurrentUsage) -> PromptView:
    """The prompt of a suspended organisation. Suspending refuses its keys and changes nothing at Stripe."""
    charged = f" That does not end {usage.plan_name}: see billing." if usage.collection == "stripe" else ""
    return PromptView(
        kind="full",
        title="This organisation is suspended",
        words=f"Its API keys are refused, so nothing is counted.{charged} You can still open usage, plans and exports."
        " Contact your Tollkeeper team to have it reactivated.",
    )


def list_pressing_meters(usage: CurrentUsage) -> list[MeterFigures]:
    """The meters with a full window, then those at 80 % or more of a limit, fullest first.

    At most three: nobody reads a wall of prompts.
    """
    meters = [meter for meter in usage.meters if meter.pressure in _KINDS]
    return sorted(meters, key=lambda meter: (meter.shut is None, -_fullness(meter)))[:3]


def _fullness(meter: MeterFigures) -> int:
    return meter.tight.percent if meter.tight else meter.percent or 0


def _prompts(usage: CurrentUsage, advice: Mapping[str, UpgradeHint], *, may_upgrade: bool) -> list[PromptView]:
    pressed = list_pressing_meters(usage)
    return [
        build_prompt(meter, usage, advice.get(meter.key, UpgradeHint()), may_upgrade=may_upgrade) for meter in pressed
    ]


def build_prompt(meter: MeterFigures, usage: CurrentUsage, advice: UpgradeHint, *, may_upgrade: bool) -> PromptView:
    """The prompt for a meter that is near, at or over its limit, or blocked by a full window."""
    kind, title, words = _pressing(meter, usage)
    return PromptView(
        kind=kind,
        title=title,
        words=f"{words} {advice.words}".strip(),
        action_href=advice.href if may_upgrade else None,
        action_label=advice.label if may_upgrade else None,
        second_href=path_to("usage.index", meter=meter.key),
        second_label="Usage details",
    )


def _pressing(meter: MeterFigures, usage: CurrentUsage) -> tuple[str, str, str]:
    """Kind, title and text of a prompt."""
    if meter.shut:
        title = f"{meter.name}: limit of {quantity(meter.shut.limit)} {windows.EACH[meter.shut.span]} reached"
        return "strong", title, windows.describe_full_window(meter.name, meter.shut, usage.time_zone)
    if meter.tight:
        title = f"{meter.name}: {meter.tight.percent} % of the {meter.tight.span}'s limit used"
        return _KINDS[meter.pressure], title, windows.describe_tight_window(meter.name, meter.tight, usage.time_zone)
    limit = meter.limit or Decimal(0)
    used = f"{quantity(meter.use.used)} of {quantity(limit)} {wording.unit_for(limit, meter.unit)}"
    title = f"{meter.name}: {meter.percent} % used" if meter.percent != FULL else f"{meter.name}: 100 % reached"
    kind = "strong" if meter.state == "over" and not meter.is_refused else _KINDS[meter.state]
    return kind, title, f"{used} used. {wording.describe_policy(meter, usage.currency)}"


def build_cost(usage: CurrentUsage) -> CostView | None:
    """Fee and usage cost of the period; None if the plan can't cost anything."""
    if not (
        usage.cost
        or usage.projected_cost
        or usage.fee
        or usage.own_price
        or any(meter.terms.charge for meter in usage.meters)
    ):
        return None
    places = exponent(usage.currency)
    return CostView(
        currency=usage.currency,
        so_far=to_major(usage.cost, places),
        forecast=to_major(usage.projected_cost, places),
        note=_note(usage),
    )


def _note(usage: CurrentUsage) -> str:
    if usage.is_trial:
        return "Your plan is on trial: neither its price nor what you use is charged until the trial ends."
    fee = wording.format_amount(usage.fee, usage.currency)
    parts = [f"{wording.format_amount(usage.usage_cost, usage.currency)} for usage"]
    if usage.fee_due:
        parts.insert(0, f"{fee} for the plan")
    apart = f" The plan's {fee} a year is billed separately." if usage.fee and not usage.fee_due else ""
    apart = " The price agreed for your plan is not included." if usage.own_price else apart
    if usage.extra_before_change:
        extra = wording.format_amount(usage.extra_before_change, usage.currency)
        apart = f" {extra} of it was used before the change of plan, which does not lower what is owed.{apart}"
    cost = f"Cost so far: {' and '.join(parts)}, before tax and discounts."
    return f"{cost} This is an estimate until the period ends.{apart}"


def _poll(usage: CurrentUsage, events: Sequence[EventRow], *, watched: bool) -> int:
    """Seconds until the next poll: short while waiting for the first event or while events come in."""
    if not usage.ever_used:
        return _POLL_WAITING
    active = bool(events) and usage.as_of - events[0].at < _ACTIVE
    return _POLL_ACTIVE if active or watched else _POLL
