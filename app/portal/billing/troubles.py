"""Problems that the billing page names, with the actions that solve them, most urgent first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.portal.billing import words
from app.portal.billing.status import (
    BillingStatus,
    Due,
    OpenCheckout,
    OpenInvoice,
    PendingChange,
    PlannedMove,
    SecondSubscription,
)
from app.portal.shell.links import purchase_url
from app.portal.shell.page_parts import Action
from app.statements import wording
from app.web.addresses import path_to


@dataclass(frozen=True)
class Trouble:
    """A problem to solve, with the actions that solve it."""

    kind: str
    title: str
    words: Sequence[str]
    actions: Sequence[Action] = ()


def list_troubles(at: BillingStatus, *, usable: bool) -> list[Trouble]:
    """Problems to solve, most urgent first."""
    troubles = []
    if at.suspended and at.paid_by_stripe:
        troubles.append(_suspended(at))
    if at.second is not None:
        troubles.append(_second(at, at.second))
    if at.paused:
        troubles.append(_paused(at, usable=usable))
    elif at.limited or at.late:
        troubles.append(_late(at, usable=usable))
    elif at.due is not None:
        troubles.append(_left_open(at, at.due, usable=usable))
    troubles += _list_changes(at, usable=usable)
    troubles += [_open_invoice(at, invoice, usable=usable) for invoice in at.open_invoices]
    if at.contact_refused:
        troubles.append(_contact_refused(usable=usable))
    if at.ends_at is not None:
        until = wording.format_deadline(at.ends_at, at.time_zone)
        next_limits = (
            f"the limits of {at.default_name} apply" if at.second is None else "the second subscription continues"
        )
        sentence = f"Nothing changes until then. After that, {next_limits}."
        troubles.append(Trouble("near", f"{at.plan_name} ends on {until}", [sentence], [_undo(at)] if usable else []))
    if at.checkout is not None and not at.paid_by_stripe:
        sentence = (
            "Nothing has been charged yet. You can finish paying, or ignore it: it closes by itself within a day."
        )
        troubles.append(
            Trouble("info", "A payment page is still open", [sentence], [_resume(at.checkout)] if usable else [])
        )
    return troubles


def _list_changes(at: BillingStatus, *, usable: bool) -> list[Trouble]:
    planned = [_planned(at, at.planned, usable=usable)] if at.planned is not None else []
    if at.pending is not None:
        return [_pending(at, at.pending, usable=usable), *planned]
    return [_asked(at)] if at.change_asked else planned


def _planned(at: BillingStatus, planned: PlannedMove, *, usable: bool) -> Trouble:
    price = words.describe_price(planned.fee, at.currency, planned.interval)
    lines = [f"Nothing changes until then. After that: {price}."]
    if at.pending is not None:
        lines.append(f"This is dropped if the change to {at.pending.plan_name or 'another price'} is paid.")
    keep = Action(f"Keep {at.plan_name} as it is", path_to("billing.undo_change"), "primary", posts=True)
    return Trouble("near", words.describe_planned(at.plan_name, planned, at.time_zone), lines, [keep] if usable else [])


def _pending(at: BillingStatus, pending: PendingChange, *, usable: bool) -> Trouble:
    """A change that is made once it is paid, and dropped if it is not."""
    name = wording.name_unpaid_change(at.plan_name, pending.plan_name, pending.interval)
    until = wording.format_deadline(pending.until, at.time_zone)
    owed = wording.format_amount(pending.amount, pending.currency) if pending.amount and pending.currency else None
    stays = f"You are still on {at.plan_name}, and nothing was charged for the change."
    if pending.failure is None:
        waits = f"{stays} {name} starts as soon as the payment is confirmed."
        return Trouble("info", f"Payment for {name} is on its way", [waits])
    ends = f"Pay by {until}, or the change is dropped and {at.plan_name} continues as before."
    if pending.confirms:
        title, label = f"Confirm the payment for {name}", "Confirm the payment"
        lines = [f"Your bank asks you to confirm {owed or 'it'} (3-D Secure). {stays}", ends]
    else:
        title, label = f"The payment for {name} was declined", f"Pay {owed}" if owed else "Pay"
        lines = [f"{pending.failure} {stays}", f"{ends} You can use another card."]
    acts = [Action(label, pending.pay_url, "primary")] if pending.pay_url and usable else []
    return Trouble("strong", title, lines, acts)


def _asked(at: BillingStatus) -> Trouble:
    lines = [
        "We did not get an answer about your change of plan. We keep asking, and show the outcome here within minutes.",
        f"Until then you are on {at.plan_name}. Nothing is charged twice.",
    ]
    return Trouble("info", "Checking with Stripe", lines)


def _suspended(at: BillingStatus) -> Trouble:
    """Suspending refuses API keys and changes nothing at Stripe."""
    refused = "Its API keys are refused. That does not end your plan:"
    next_payment = words.describe_next_payment(at)
    ask = "Contact your Tollkeeper team to have it reactivated" + (", or cancel the plan." if at.is_renewed else ".")
    return Trouble("strong", "This organisation is suspended", [f"{refused} {next_payment}", ask])


def _second(at: BillingStatus, second: SecondSubscription) -> Trouble:
    price = words.describe_price(second.amount, second.currency, second.interval)
    beside = f"Beside {at.plan_name}, a subscription to {second.plan_name} is running at Stripe: {price}."
    end = "It gives you nothing more. Your Tollkeeper team sees it too and can end it: please contact them."
    return Trouble("strong", "You are charged for two subscriptions", [beside, end])


def _undo(at: BillingStatus) -> Action:
    return Action(f"Keep {at.plan_name}", path_to("billing.undo_cancel"), "primary", posts=True)


def _resume(checkout: OpenCheckout) -> Action:
    return Action("Continue to payment", purchase_url(checkout.plan_key, checkout.interval, checkout.currency))


def _late(at: BillingStatus, *, usable: bool) -> Trouble:
    owed = wording.format_amount(at.due.amount, at.due.currency) if at.due else "A payment"
    confirm_url = at.due.confirm_url if at.due else None
    if at.limited:
        sentence = (
            f"The limits of {at.default_name} apply until it is paid. Those of {at.plan_name} return as soon as it is."
        )
        title = f"{owed} is overdue"
    else:
        until = wording.format_deadline(at.grace_ends_at, at.time_zone) if at.grace_ends_at else None
        sentence = f"Your {at.plan_name} limits apply until {until}, then those of {at.default_name}."
        sentence = sentence if until else f"Your {at.plan_name} limits still apply."
        subject = f"A payment of {owed}" if at.due else "A payment"
        title = f"{subject} {'needs your confirmation' if confirm_url else 'failed'}"
    actions = [*([_pay(at.due)] if at.due and (at.card or at.due.confirm_url) else []), _change_card(at)]
    return Trouble(
        "full" if at.limited else "strong", title, [sentence, _how_to_pay(at, usable=usable)],
        actions if usable else [],
    )  # fmt: skip


def _change_card(at: BillingStatus) -> Action:
    if at.card is None:
        return Action("Add a card", path_to("billing.change_card"), "primary", posts=True)
    return Action("Change the card", path_to("billing.change_card"), posts=True)


def _pay(due: Due) -> Action:
    """Pay with the card on file; a payment that the bank wants confirmed is confirmed on the invoice's page."""
    if due.confirm_url:
        return Action("Confirm the payment", due.confirm_url, "primary")
    return Action("Pay now", path_to("billing.pay"), "primary", posts=True)


def _how_to_pay(at: BillingStatus, *, usable: bool) -> str:
    due = at.due
    covers = f"It covers {due.invoices} invoices. " if due and due.invoices > 1 else ""
    if due is not None and due.confirm_url:
        return f"{covers}Your bank asks you to confirm the payment (3-D Secure). Your card was not charged."
    how = "Add a card, then pay." if at.card is None else "Pay with the card on file, or change it first."
    return f"{covers}Nothing is deleted." + (f" {how}" if usable else "")


def _left_open(at: BillingStatus, due: Due, *, usable: bool) -> Trouble:
    """An older invoice whose payment failed, beside a plan that has been paid for since."""
    title = f"{wording.format_amount(due.amount, due.currency)} from an earlier invoice is unpaid"
    act = _pay(due) if at.card or due.confirm_url else _change_card(at)
    return Trouble("near", title, [f"Your {at.plan_name} limits apply."], [act] if usable else [])


def _paused(at: BillingStatus, *, usable: bool) -> Trouble:
    """Not a debt: the plan waits for somebody to go on with it."""
    how = "Add a card, then resume." if at.card is None else f"Resuming charges the card for a new {at.interval}."
    limits = f"The limits of {at.default_name} apply until it is resumed. Nothing is owed and nothing is deleted."
    resume = Action(f"Resume {at.plan_name}", path_to("billing.resume"), "primary", posts=True)
    act = _change_card(at) if at.card is None else resume
    return Trouble("strong", f"{at.plan_name} is paused", [limits, *([how] if usable else [])], [act] if usable else [])


def _open_invoice(at: BillingStatus, invoice: OpenInvoice, *, usable: bool) -> Trouble:
    """An invoice that has nothing to do with the next payment of the plan."""
    amount = wording.format_amount(invoice.amount, invoice.currency)
    day = wording.format_day(invoice.due_at, at.time_zone) if invoice.due_at else None
    overdue = invoice.due_at is None or invoice.due_at <= at.as_of
    when = f"It was due on {day}." if overdue else f"It is due on {day}."
    words_of_it = f"{when if day else 'It is unpaid.'} It is separate from your plan's payments."
    act = Action("Pay this invoice", invoice.pay_url, "secondary") if invoice.pay_url else None
    title = f"Invoice {invoice.number or ''} over {amount} is open".replace("  ", " ")
    return Trouble("near" if overdue else "info", title, [words_of_it], [act] if act and usable else [])


def _contact_refused(*, usable: bool) -> Trouble:
    sentence = "Stripe does not accept the address or tax id of your organisation, so invoices do not show it."
    act = Action("Open billing details", path_to("accounts.billing_details"))
    return Trouble("near", "Check your address and tax id", [sentence], [act] if usable else [])


def build_own_trouble(trouble: str | None) -> list[Trouble]:
    """The problem that this request's own action met, if it did."""
    return [Trouble("strong", "Something went wrong", [trouble])] if trouble else []
