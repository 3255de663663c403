"""Says where a line stands: on which invoice, waiting for one, or at no cost and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.invoices.breakdown import Breakdown, read_breakdown, read_number
from app.invoices.models import DRAFT, DROPPED, PENDING, CreditNote
from app.invoices.offline.models import IssuedInvoice
from app.kit.money import ZERO
from app.payments.models import StripeInvoice
from app.portal.invoices.lines import UsageLine
from app.portal.shell.issued import describe_due, describe_issued_state, find_page
from app.statements.wording import format_amount
from app.stripe_gateway.invoice_items import smallest_charge
from app.subscriptions.terms.resolver import NOT_COLLECTED, TRIAL
from app.web.filters import quantity

FREE, WAITING, UNBILLED, DRAFTED, ISSUED = "free", "waiting", "unbilled", "drafted", "issued"
CREDITED = "credited"
_STATUS = {"paid": "Paid", "open": "Not paid yet", "void": "Void", "uncollectible": "Marked as uncollectible"}
_UNBILLED = {
    NOT_COLLECTED: "Usage above the allowance was not charged: no payment was collected for your plan in this period.",
    TRIAL: "Nothing that was used in the trial is charged.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a line stands: a key, a label with its tone and icon, a sentence, and the page of the invoice."""

    key: str
    label: str
    tone: str
    icon: str
    note: str
    url: str | None = None


def describe_standing(line: UsageLine, *, billed: bool, now: datetime) -> Standing:
    """Describe where a line stands at `now`.

    `billed`: its period has been billed, so that a line without an invoice waits for the next.
    """
    if line.row.amount == 0:
        return Standing(FREE, "No charge", "neutral", "minus", _explain_free(line))
    if line.note is not None:
        return _credit(line.note, line.remote.number if line.remote and line.remote.number else "")
    if line.invoice is None:
        return _wait(line) if billed else _bill_soon()
    if line.issued is not None:
        return _issue_ours(line.issued, now)
    if line.invoice.state == DRAFT or line.remote is None or line.remote.number is None:
        note = "It is on a draft at Stripe. The invoice gets its number when it is issued."
        return Standing(DRAFTED, "Invoice not issued yet", "accent", "clock", note)
    return _issue(line.remote, line.remote.number, line.credited)


def _wait(line: UsageLine) -> Standing:
    if line.row.amount < 0:
        return Standing(
            WAITING,
            "Waits for the next invoice",
            "accent",
            "clock",
            "It will be taken off your next invoice.",
        )
    least = format_amount(smallest_charge(line.row.currency), line.row.currency)
    note = f"It will be on your next invoice. No invoice of its own is issued for less than {least}."
    return Standing(WAITING, "Waits for the next invoice", "accent", "clock", note)


def _bill_soon() -> Standing:
    note = "The amount is final. It has not been put on an invoice yet."
    return Standing(UNBILLED, "Not billed yet", "accent", "clock", note)


def _credit(note: CreditNote, invoice: str) -> Standing:
    """What became of an amount that is credited on the invoice that billed it."""
    on = f"invoice {invoice}" if invoice else "the original invoice"
    if note.state == PENDING:
        return Standing(CREDITED, "Credit note not issued yet", "accent", "clock", f"It is being credited on {on}.")
    if note.state == DROPPED:
        return Standing(CREDITED, "Nothing to credit", "neutral", "minus", f"Nothing is owed of {on}: it is void.")
    ways = (
        (note.due_amount, "was taken off what was due"),
        (note.refund_amount, "was refunded"),
        (note.balance_amount, "is kept for your next invoices"),
    )
    told = [f"{format_amount(amount, note.currency)} {way}" for amount, way in ways if amount]
    words = f"On {on}. Of this credit note, {' and '.join(told)}."
    return Standing(CREDITED, f"Credit note {note.number}", "good", "check", words, note.pdf_url)


def describe_status(remote: StripeInvoice, credited: int = 0) -> tuple[str, str, str]:
    """What became of an issued invoice: words, tone and icon. `credited` was taken off it by credit notes."""
    settled = remote.status == "paid" and remote.amount_due == 0 < remote.total
    way = "by a credit note" if credited >= remote.total else "from your balance"
    status = f"Settled {way}" if settled else _STATUS.get(remote.status, remote.status.capitalize())
    tone, icon = ("good", "check") if remote.status == "paid" else ("neutral", "card")
    return status, tone, icon


def _issue(remote: StripeInvoice, number: str, credited: int) -> Standing:
    status, tone, icon = describe_status(remote, credited)
    return Standing(ISSUED, f"Invoice {number}", tone, icon, f"{status}.", remote.hosted_url)


def _issue_ours(issued: IssuedInvoice, now: datetime) -> Standing:
    _, tone, icon = describe_issued_state(issued, now)
    note = describe_due(issued, now)
    return Standing(ISSUED, f"Invoice {issued.number}", tone, icon, note, find_page(issued))


def _explain_free(line: UsageLine) -> str:
    """Why nothing is owed. Usage within the allowance is never owed, whoever collects."""
    row, breakdown = line.row, read_breakdown(line.row.breakdown)
    allowance = read_number(row.terms.get("allowance"))
    if row.quantity == 0:
        return "Only imported usage, which is not charged." if row.imported else "Nothing was used."
    if breakdown is not None:
        return _explain_rated(breakdown)
    if allowance is not None and row.quantity <= allowance:
        return f"Within the allowance of {quantity(allowance)}."
    if row.reason is not None:
        return _UNBILLED[row.reason]
    if allowance is not None:
        return "Your plan does not charge for usage above its allowance."
    return "Your plan does not charge for this."


def _explain_rated(breakdown: Breakdown) -> str:
    if breakdown.excess == ZERO:
        return "Within the allowance."
    if any(tier.subtotal for tier in breakdown.tiers) and breakdown.bound is None:
        return "The amount is too small to charge: it rounds to zero."
    return "The price of this quantity is zero."
