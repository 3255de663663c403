"""Makes the quote of a change at once, from the payment provider's own preview, and compares it with our formula."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import structlog

from app.accounts import queries as accounts
from app.kit.errors import Conflict, Unavailable
from app.kit.ids import new_id
from app.kit.money import line_step
from app.kit.periods import MONTH, YEAR, Period, boundary
from app.payments import queries
from app.payments.locks import ensure_no_transaction
from app.payments.models import StripeInvoice
from app.payments.plan_changes.case import ChangeCase
from app.payments.plan_changes.quote import LIFETIME, PlanQuote
from app.stripe_gateway import Gateway, plan_changes, subscriptions
from app.stripe_gateway.errors import StripeMissing, StripeMisused
from app.stripe_gateway.invoice_types import ChangePreview
from app.stripe_gateway.plan_changes import ItemSwap
from app.stripe_gateway.types import RemoteDiscount, RemoteSubscription
from app.subscriptions.changes.proration import BilledLine, ChangeDiscount, calculate_change, is_drift
from app.subscriptions.states import TRIALING
from app.web.database import end_read_transaction
from app.web.database import session as reading

_MONTHS = {"month": MONTH, "year": YEAR}
NOT_SOLD = "This plan cannot be purchased at the moment. Nothing was charged. Please contact us."
_CHANGED = "Your subscription has just changed. Nothing was charged. Try again in a minute."
RENEWING = "Your plan is renewing at this moment. Nothing was charged. Try again in a few minutes."
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QuotedChange:
    """A quote with the preview that it stands on. `expected` is the total before tax by our formula, if we know it."""

    quote: PlanQuote
    preview: ChangePreview
    expected: int | None

    @property
    def previewed(self) -> int:
        """The preview's total before tax."""
        return sum(line.amount - line.discount for line in self.preview.lines)

    @property
    def drifts(self) -> bool:
        """Whether the preview and our formula differ by more than rounding."""
        return self.expected is not None and is_drift(self.expected, self.previewed, line_step(self.quote.currency))


def make_quote(gw: Gateway, case: ChangeCase, now: datetime, *, at: datetime | None = None) -> QuotedChange:
    """Ask for the preview of a change at `at`, by default now. Makes up to three calls, with no transaction open.

    Raises `Conflict` (the subscription is another than we know, or renews now), `Unavailable` (not sold at the moment,
    or Stripe is away). Writes nothing.
    """
    if case.wanted.price_id is None:
        log.warning("price missing at Stripe; run flask catalog push", plan=case.wanted.key)
        raise Unavailable(NOT_SOLD)
    end_read_transaction()
    remote = _retrieve(gw, case)
    at = (at or now).replace(microsecond=0)
    if not remote.period_start <= at < remote.period_end or now >= remote.period_end:
        raise Conflict(RENEWING)
    swap = ItemSwap(remote.id, remote.item_id, case.wanted.price_id, at, restarts=_restarts(case, remote))
    try:
        preview = plan_changes.preview_change(gw, swap)
        after = None if _is_estimated(case, swap) else plan_changes.preview_after(gw, swap).total
    except (StripeMisused, StripeMissing) as refused:
        log.warning("change not previewed", plan=case.wanted.key, reason=refused.detail)
        raise Unavailable(NOT_SOLD) from refused
    expected = _calculate(case, remote, at)
    quoted = QuotedChange(_build(case, remote, (preview, after), at, now), preview, expected)
    _report_drift(quoted)
    return quoted


def _retrieve(gw: Gateway, case: ChangeCase) -> RemoteSubscription:
    ensure_no_transaction()
    remote = subscriptions.retrieve(gw, case.stripe_id)
    if remote.price_id != case.current.price_id or remote.ended_at is not None or remote.pending_price_id is not None:
        raise Conflict(_CHANGED)
    return remote


def _restarts(case: ChangeCase, remote: RemoteSubscription) -> bool:
    """Whether a whole new period begins: at another interval, but a trial keeps its end."""
    return case.wanted.interval != case.current.interval and remote.status != TRIALING


def _build(
    case: ChangeCase,
    remote: RemoteSubscription,
    previews: tuple[ChangePreview, int | None],
    at: datetime,
    now: datetime,
) -> PlanQuote:
    preview, after = previews
    wanted = case.wanted
    next_at = boundary(at, 1, "UTC", _MONTHS[wanted.interval]) if _restarts(case, remote) else remote.period_end
    return PlanQuote(
        id=new_id(),
        org_id=case.org_id,
        stripe_id=remote.id,
        item_id=remote.item_id,
        old_price_id=remote.price_id,
        price_id=wanted.price_id or "",
        plan=wanted.key,
        version_id=wanted.version_id,
        interval=wanted.interval,
        restarts=_restarts(case, remote),
        currency=preview.currency,
        at=at,
        total=preview.total,
        amount_due=preview.amount_due,
        next_amount=_estimate_next(case, remote, next_at) if after is None else after,
        next_at=next_at,
        next_estimated=after is None,
        discounts=_digest([_describe_discount(discount) for discount in remote.discounts]),
        price=_digest([case.current.amount, wanted.amount, remote.period_start.isoformat(), remote.status]),
        tax=_digest([preview.tax, _find_contact(case)]),
        issued_at=now,
        expires_at=min(now + LIFETIME, remote.period_end),
    )


def _is_estimated(case: ChangeCase, swap: ItemSwap) -> bool:
    """Whether the next payment is ours to calculate: Stripe's preview would be that of the change that is planned."""
    return case.replaces and not swap.restarts


def _estimate_next(case: ChangeCase, remote: RemoteSubscription, at: datetime) -> int:
    discounts = [_to_discount(discount) for discount in remote.discounts if _holds(discount, at)]
    return calculate_change((), case.wanted.amount or 0, discounts, at, None, step=line_step(case.currency)).total


def _calculate(case: ChangeCase, remote: RemoteSubscription, at: datetime) -> int | None:
    """The total before tax by our own formula; None if we don't know what was billed."""
    billed = find_billed_lines(case, remote)
    if remote.status == TRIALING:
        return 0
    if not billed or case.wanted.amount is None:
        return None
    rest = None if _restarts(case, remote) else Period(remote.period_start, remote.period_end)
    discounts = [_to_discount(discount) for discount in remote.discounts if _holds(discount, at)]
    return calculate_change(billed, case.wanted.amount, discounts, at, rest, step=line_step(case.currency)).total


def find_billed_lines(case: ChangeCase, remote: RemoteSubscription) -> Sequence[BilledLine]:
    """The lines that the running period of a subscription was billed by last, after discounts, as we mirror them."""
    invoices = queries.list_subscription_invoices(reading(), case.org_id, remote.id, remote.period_start)
    lines = [line for invoice in invoices for line in _list_lines(invoice)]
    end_read_transaction()
    running = [line for line in lines if line.period.end == remote.period_end and line.amount > 0]
    last = max((line.period.start for line in running), default=None)
    return [line for line in running if line.period.start == last]


def _list_lines(invoice: StripeInvoice) -> list[BilledLine]:
    return [
        BilledLine(line["amount"] - line.get("discount", 0), Period(start, end))
        for line in invoice.lines or ()
        if line["line"] is None
        and (start := datetime.fromisoformat(line["start"])) < (end := datetime.fromisoformat(line["end"]))
    ]


def _find_contact(case: ChangeCase) -> str:
    """What the customer is taxed by, as we know it: the digest of name, address and tax id."""
    digest = str(accounts.find_billing_contact(reading(), case.org_id).digest)
    end_read_transaction()
    return digest


def _holds(discount: RemoteDiscount, at: datetime) -> bool:
    return discount.ends_at is None or discount.ends_at > at


def _to_discount(discount: RemoteDiscount) -> ChangeDiscount:
    percent = None if discount.percent_off is None else Fraction(discount.percent_off)
    return ChangeDiscount(percent, discount.amount_off)


def _describe_discount(discount: RemoteDiscount) -> list[str]:
    return [str(value) for value in (discount.coupon_id, discount.percent_off, discount.amount_off, discount.ends_at)]


def _report_drift(quoted: QuotedChange) -> None:
    if quoted.drifts:
        log.warning(
            "change of plan costs another amount at Stripe than here", stripe_subscription=quoted.quote.stripe_id,
            here=quoted.expected, there=quoted.previewed,
        )  # fmt: skip


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
