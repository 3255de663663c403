"""Issues a draft at Stripe: makes it where it is ours, sends its items, and finalises it so that Stripe collects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.billing_runs.collector import Collector
from app.billing_runs.failures import reopen_close
from app.billing_runs.items import list_missing_items
from app.invoices import queries
from app.invoices.models import Invoice
from app.invoices.service import finalize, note_made, note_sent, release
from app.kit.errors import Conflict
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved, sync_retrieved
from app.stripe_gateway import Gateway, invoices
from app.stripe_gateway.errors import StripeMissing, StripeMisused
from app.stripe_gateway.invoice_items import DISCOUNT, add_item, list_items
from app.stripe_gateway.money_shapes import LINE
from app.web.database import transaction

_KEYS = {LINE: "line", DISCOUNT: "discount"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of ours as plain values; `stripe_id` is None until it is made at Stripe."""

    id: UUID
    org_id: UUID
    currency: str
    boundary_at: datetime
    stripe_id: str | None

    @classmethod
    def of(cls, invoice: Invoice) -> Draft:
        """The values of a row."""
        return cls(invoice.id, invoice.org_id, invoice.currency, invoice.boundary_at, invoice.stripe_invoice_id)


def issue_draft(gw: Gateway, draft: Draft, collector: Collector, now: datetime, *, attempt: int) -> None:
    """Send what is missing of a draft to Stripe and finalise it; Stripe then collects and retries.

    One whose subscription is unpaid or paused stays a draft. The caller holds the org's turn. `attempt` numbers the
    idempotency keys. Raises `Conflict` if the draft is gone or was finalised without us: lines not on it wait again.
    """
    if collector.customer_id is None:
        raise Conflict("The organisation has no customer at Stripe.")
    stripe_id = draft.stripe_id or _make(gw, draft, collector.customer_id, attempt)
    try:
        _send_items(gw, draft, collector.customer_id, stripe_id, attempt)
        if collector.finalizes:
            invoices.finalize(gw, stripe_id, collect=True, key=f"finalize-{draft.id}-{attempt}")
    except (StripeMissing, StripeMisused) as gone:
        _release(gw, draft, stripe_id, now, gone)
    if collector.finalizes:
        settle_invoice(gw, draft.org_id, draft.id, stripe_id, now)


def settle_invoice(gw: Gateway, org_id: UUID, invoice_id: UUID, stripe_id: str, now: datetime) -> None:
    """Mirror an invoice that is final and mark ours so."""
    payment = retrieve.invoice_only(gw, stripe_id)
    with transaction() as session:
        sync_retrieved(session, org_id, Retrieved(invoices=(payment,)), now)
        finalize(session, queries.get_invoice(session, org_id, invoice_id), now)


def _make(gw: Gateway, draft: Draft, customer_id: str, attempt: int) -> str:
    """Make the invoice at Stripe, or find the one that an attempt whose answer was lost has made."""
    made = [each for each in invoices.list_drafts(gw, customer_id) if each.own_id == draft.id]
    remote = (
        made[0]
        if made
        else invoices.create_draft(gw, customer_id, draft.currency, draft.id, key=f"invoice-{draft.id}-{attempt}")
    )
    with transaction() as session:
        note_made(session, draft.org_id, draft.id, remote.id)
    return remote.id


def _send_items(gw: Gateway, draft: Draft, customer_id: str, stripe_id: str, attempt: int) -> None:
    with transaction() as session:
        items = list_missing_items(session, draft.org_id, draft.id)
    for names in (DISCOUNT, LINE):  # a line that is there is there with its discount
        sent = [item for item in items if item.names == names]
        there = list_items(gw, stripe_id, names) if sent else {}
        for item in sent:
            key = f"{_KEYS[names]}-{item.line_id}-{draft.id}-{attempt}"
            item_id = there.get(item.line_id) or add_item(gw, customer_id, stripe_id, item, key=key)
            if names == LINE:
                with transaction() as session:
                    note_sent(session, item.line_id, item_id)


def _release(gw: Gateway, draft: Draft, stripe_id: str, now: datetime, refused: Exception) -> None:
    """Let go of a draft that is none any more, whose close is then to be finished; otherwise raise what was refused.

    Of one that was finalised without us, the lines that are on it are billed.
    """
    try:
        if invoices.retrieve(gw, stripe_id).status == "draft":
            raise refused
        there = list_items(gw, stripe_id)
    except StripeMissing:
        there = {}
    with transaction() as session:
        release(session, queries.get_invoice(session, draft.org_id, draft.id), there, now)
        reopen_close(session, draft.org_id, draft.boundary_at)
    raise Conflict("The draft was finalised or deleted at Stripe; its usage waits for another invoice.") from refused
