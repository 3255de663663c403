"""API: what a change of plan would cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.accounts.guards import acting_org
from app.kit.errors import FieldError, InvalidRequest
from app.payments.checkout.request import find_trial_days, select_price
from app.payments.plan_changes.offer import ChangeOffer, offer_change
from app.payments.schemas import PlanWanted, Span
from app.portal.billing import examples
from app.portal.billing.plan.change import calculate_extra_owed
from app.portal.billing.schemas import ChangeLine, ChangePreviewAnswer, PlanFit, QuotedNext, build_plan_fit
from app.statements.current_usage import CurrentUsage, get_current_usage
from app.statements.fit.load import load_fit
from app.statements.offers import Offer, list_offers
from app.subscriptions import queries as subscriptions
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("billing", __name__)


@api.operation(
    "POST", "/subscription/preview", request=PlanWanted, response=ChangePreviewAnswer, example=examples.WANTED,
    answer=examples.PREVIEW, errors=("not_found", "payments_off", "conflict"), outside=True,
    summary="Preview a change of plan",
    description="What a change costs today, line by line, what is paid next, and when it takes effect. Where that is at"
    " once, the answer has a signed `quote` to send to `POST /subscription`. It holds for 30 minutes, to the end of the"
    " paid period at most, and ends when discounts, prices or billing details change. `fit` says what the plan would"
    " refuse or make dearer; for a cancellation, ask about the default plan. Charges nothing.",
)  # fmt: skip
def preview_change(wanted: PlanWanted) -> ChangePreviewAnswer:
    """Price a change; for who pays nothing through Stripe yet, the first payment."""
    org_id, now = acting_org(), business_now()
    current = subscriptions.find_subscription(session(), org_id)
    usage = get_current_usage(session(), org_id, now)
    offers = list_offers(session(), usage.plan_version_id)
    target = next((each for each in offers if each.key == wanted.plan), None)
    if current is None or current.collection != "stripe":
        price = select_price(session(), org_id, wanted.plan, wanted.interval, wanted.currency)
        fit, days = _find_fit(target, usage, offers), find_trial_days(session(), org_id, price)
        if days is not None:
            first = QuotedNext(now + timedelta(days=days), price.amount)
            return _build_answer("checkout", None, wanted.currency, fit, next_payment=first)
        return _build_answer("checkout", None, wanted.currency, fit, total=price.amount, amount_due=price.amount)
    if current.currency != wanted.currency:
        reason = f"your organisation pays in {current.currency}"
        raise InvalidRequest(f"Your organisation pays in {current.currency}.", [FieldError("currency", reason)])
    fit = _find_fit(target, usage, offers)
    offer = offer_change(org_id, wanted.plan, wanted.interval, now)
    if offer.quoted is None:
        return _build_answer(offer.decision.timing, offer.decision.reason, wanted.currency, fit)
    return _answer_quoted(offer, calculate_extra_owed(usage, target) if target is not None else 0, fit)


def _find_fit(target: Offer | None, usage: CurrentUsage, offers: Sequence[Offer]) -> PlanFit | None:
    """Whether usage fits another plan than the own one."""
    if target is None or target.key == usage.plan_key:
        return None
    return build_plan_fit(load_fit(session(), target, usage, offers), usage.time_zone)


def _answer_quoted(offer: ChangeOffer, usage_owed: int, fit: PlanFit | None) -> ChangePreviewAnswer:
    if offer.quoted is None:
        raise ValueError("a change that is not quoted has no money")
    quote, preview = offer.quoted.quote, offer.quoted.preview
    return ChangePreviewAnswer(
        timing="at_once",
        reason=None,
        quote=offer.signed,
        expires_at=quote.expires_at,
        currency=quote.currency,
        lines=[
            ChangeLine(line.description, line.amount, Span(line.period_start, line.period_end))
            for line in preview.lines
        ],
        discount=preview.discount,
        tax=preview.tax,
        total=quote.total,
        balance=quote.amount_due - quote.total,
        amount_due=quote.amount_due,
        next_payment=QuotedNext(quote.next_at, quote.next_amount),
        usage_owed=usage_owed,
        fit=fit,
    )


def _build_answer(
    timing: str,
    reason: str | None,
    currency: str,
    fit: PlanFit | None,
    *,
    total: int = 0,
    amount_due: int = 0,
    next_payment: QuotedNext | None = None,
) -> ChangePreviewAnswer:
    return ChangePreviewAnswer(
        timing=timing, reason=reason, quote=None, expires_at=None, currency=currency, lines=[], discount=0, tax=0,  # type: ignore[arg-type]  # one of its words
        total=total, balance=0, amount_due=amount_due, next_payment=next_payment, usage_owed=0, fit=fit,
    )  # fmt: skip
