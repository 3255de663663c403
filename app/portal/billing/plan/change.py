"""A change of plan as it is offered: today's money line by line, the next payment, and what to know before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.payments.plan_changes.offer import ChangeOffer
from app.payments.plan_changes.outcome import ChangeResult
from app.portal.billing import words
from app.portal.billing.status import BillingStatus
from app.statements import wording
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.statements.plan_costs import calculate_usage_cost
from app.stripe_gateway.invoice_types import ChangePreview
from app.web.filters import clock

USAGE_CONTINUES = (
    "Your usage period continues: what you have used counts towards the new allowances, which replace the old ones."
    " Members, keys, clients and past usage stay."
)
SAME_PLAN = "Only how you pay changes: your usage period and allowances stay as they are."


@dataclass(frozen=True)
class ChangeForm:
    """The money and the confirmation form. `rows` are (what, amount), `due` is charged by the press.

    `next_exact`: the time of the next payment is known, else its day; `next_estimated`: its amount is before tax.
    `quote` is submitted with the form, so that nothing else is charged. `notes` are (icon, words) below the button.
    """

    zone: str
    interval: str
    rows: Sequence[tuple[str, str]]
    due: str
    next_amount: str
    next_at: datetime
    next_exact: bool
    next_estimated: bool
    quote: str
    button: str
    notes: Sequence[tuple[str, str]]


def build_change_form(offer: ChangeOffer, at: BillingStatus, extra: int, lost: Sequence[str]) -> ChangeForm:
    """Build the form of a quoted change; `extra` is usage that stays owed though the new plan would include it."""
    if offer.quoted is None or offer.signed is None:
        raise ValueError("a change that is not quoted has no form")
    quote, wanted = offer.quoted.quote, offer.case.wanted
    due = wording.format_amount(quote.amount_due, quote.currency)
    return ChangeForm(
        zone=at.time_zone,
        interval=quote.interval,
        rows=_list_rows(offer.quoted.preview),
        due=due,
        next_amount=wording.format_amount(quote.next_amount, quote.currency),
        next_at=quote.next_at,
        next_exact=not quote.restarts,
        next_estimated=quote.next_estimated,
        quote=offer.signed,
        button=build_button_label(due if quote.amount_due else None, same_plan=wanted.key == at.plan_key),
        notes=_list_notes(offer, at, extra, lost),
    )


def build_button_label(due: str | None, *, same_plan: bool) -> str:
    """The button's label; `due` None: nothing is charged today."""
    return f"{'Pay yearly' if same_plan else 'Upgrade'}, {f'{due} today' if due else 'nothing due today'}"


def calculate_extra_owed(usage: CurrentUsage, wanted: Offer) -> int:
    """What the running period owes for usage beyond what it would owe on another plan, in minor units.

    A change never lowers it (rule 2.6). Worked example: 5,000 of 1,000 documents used on Starter at 0.05 each, then
    Pro, which includes them: 20000.
    """
    after = sum(calculate_usage_cost(wanted.terms(meter.key, usage.currency), meter.use.used) for meter in usage.meters)
    return max(0, usage.usage_cost - after)


def describe_result(result: ChangeResult) -> tuple[str, str]:
    """The flash message about a confirmed change: its kind and its words."""
    money = wording.format_amount(result.amount, result.currency)
    if result.state == "applied":
        charged = f"{money} was charged." if result.amount else "Nothing more was charged."
        return "success", f"You are on {result.plan_name} now, paid by the {result.interval}. {charged}"
    if result.state == "processing":
        return "info", f"Your change to {result.plan_name} starts as soon as the payment of {money} is confirmed."
    return "error", f"The payment of {money} for {result.plan_name} did not go through. Your plan is as before."


def _list_rows(preview: ChangePreview) -> list[tuple[str, str]]:
    rows = [(line.description, line.amount) for line in preview.lines]
    if preview.discount:
        rows.append(("Discount", -preview.discount))
    if preview.tax:
        rows.append(("Tax", preview.tax))
    balance = preview.amount_due - preview.total
    if balance:
        rows.append(("Balance from earlier invoices", balance))
    return [(what, wording.format_amount(amount, preview.currency)) for what, amount in rows]


def _list_notes(offer: ChangeOffer, at: BillingStatus, extra: int, lost: Sequence[str]) -> list[tuple[str, str]]:
    if offer.quoted is None:
        return []
    quote, name = offer.quoted.quote, offer.case.wanted.name
    charged = f"{at.card.words} is charged. " if at.card else ""
    fails = f"{charged}If the payment fails, nothing changes: you stay on {at.plan_name} as it is."
    starts = ("check", f"The limits of {name} apply as soon as the payment is confirmed.")
    notes = [
        ("lock", fails),
        *([starts] if offer.case.wanted.key != at.plan_key else []),
        ("clock", f"This amount holds until {clock(quote.expires_at, at.time_zone)}. Nothing else will be charged."),
    ]
    if at.planned is not None:
        planned = words.describe_planned(at.plan_name, at.planned, at.time_zone)
        notes.append(
            ("calendar", f"Instead of what is planned now: {planned}. If the payment fails, that stays planned.")
        )
    if extra:
        owed = wording.format_amount(extra, quote.currency)
        notes.append(
            ("info", f"Usage before the change stays owed: {owed} of it is on the invoice for this usage period.")
        )
    if lost:
        notes.append(("info", f"Agreed for your organisation, and ends with {at.plan_name}: {'; '.join(lost)}."))
    return notes
