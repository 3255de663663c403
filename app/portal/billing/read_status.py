"""Reads the billing status of an organisation in one query."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.portal.billing.status import (
    BillingStatus,
    CardOnFile,
    Due,
    OpenCheckout,
    OpenInvoice,
    PendingChange,
    PlannedMove,
    SecondSubscription,
)
from app.statements.offers import TodaysVersion
from app.subscriptions.terms.restriction import find_lift_end, is_restricted

_STATUS = text("""
SELECT org.time_zone, org.currency AS org_currency, org.suspended_at,
       pv.plan_key, pv.plan_name, pv.number AS version, price.amount AS fee,
       newest.number AS newest_number, newest_price.amount AS newest_fee,
       ours.state, ours.collection, ours.interval, ours.currency, ours.billing_ends_at,
       ours.cancel_at, ours.limited_at, ours.restriction_lifted_until,
       money.*, checkout_version.plan_key AS checkout_plan,
       fallback.name AS default_name,
       pending_version.plan_name AS pending_plan,
       planned_version.plan_name AS planned_plan, planned.interval AS planned_interval,
       planned.effective_at AS planned_at, planned_price.amount AS planned_fee,
       moved_price.amount AS moved_fee,
       EXISTS (SELECT FROM subscriptions_planned staff WHERE staff.org_id = org.id AND staff.origin = 'staff') AS moves,
       second_version.plan_name AS second_plan, second.amount AS second_amount, second.currency AS second_currency,
       second.interval AS second_interval, second.period_end AS second_renews_at,
       (SELECT jsonb_agg(to_jsonb(bill) ORDER BY bill.created_at, bill.invoice_id)
        FROM payments_open_invoices(org.id) bill) AS open_invoices
FROM accounts_orgs org
LEFT JOIN subscriptions_open ours ON ours.org_id = org.id
LEFT JOIN catalog_versions pv ON pv.id = plan_in_force(org.id, :now)
LEFT JOIN catalog_plans fallback ON fallback.is_default AND fallback.archived_at IS NULL
LEFT JOIN catalog_prices price ON price.plan_version_id = ours.plan_version_id AND price.currency = ours.currency
     AND price.interval = ours.interval
LEFT JOIN catalog_newest newest ON newest.plan_id = pv.plan_id AND newest.version_id <> pv.id
LEFT JOIN catalog_prices newest_price ON newest_price.plan_version_id = newest.version_id
     AND newest_price.currency = ours.currency AND newest_price.interval = ours.interval
CROSS JOIN LATERAL payments_status(org.id) money
LEFT JOIN catalog_versions checkout_version ON checkout_version.id = money.checkout_version_id
LEFT JOIN subscriptions_planned planned ON planned.org_id = org.id AND planned.origin = 'org'
LEFT JOIN subscriptions_planned moved ON moved.org_id = org.id AND moved.origin = 'staff'
     AND moved.effective_at <= ours.billing_ends_at + interval '36 hours'
LEFT JOIN catalog_prices moved_price ON moved_price.plan_version_id = moved.plan_version_id
     AND moved_price.currency = moved.currency AND moved_price.interval = moved.interval
LEFT JOIN catalog_versions planned_version ON planned_version.id = planned.plan_version_id
LEFT JOIN catalog_prices planned_price ON planned_price.plan_version_id = planned.plan_version_id
     AND planned_price.currency = planned.currency AND planned_price.interval = planned.interval
LEFT JOIN catalog_versions pending_version ON pending_version.id = money.pending_version_id
LEFT JOIN LATERAL (SELECT * FROM payments_second_subscriptions WHERE org_id = org.id ORDER BY id LIMIT 1) second ON true
LEFT JOIN catalog_versions second_version ON second_version.id = second.plan_version_id
WHERE org.id = :org_id
""")


def get_billing_status(session: Session, org_id: UUID, now: datetime) -> BillingStatus:
    """Read the status. Raises `NotFound` if the organisation does not exist.

    Worked example: an org on Pro via Stripe since 21 November with a Visa: fee 4900, USD, month, renews_at 21 December.
    """
    row = session.execute(_STATUS, {"org_id": org_id, "now": now}).one_or_none()
    if row is None:
        raise NotFound("There is no such organisation.")
    return _build_status(row, now)


def _build_status(row: Row[Any], now: datetime) -> BillingStatus:
    return BillingStatus(
        as_of=now,
        time_zone=row.time_zone,
        plan_key=row.plan_key or "",
        plan_name=row.plan_name or "No plan",
        default_name=row.default_name or "free",
        state=row.state or "active",
        collection=row.collection or "none",
        interval=row.interval or "month",
        currency=row.currency or row.org_currency,
        fee=_fee(row),
        renews_at=row.billing_ends_at,
        ends_at=row.cancel_at,
        limited=is_restricted(row.limited_at, row.restriction_lifted_until, now),
        grace_ends_at=find_lift_end(row.limited_at, row.restriction_lifted_until, now) or row.grace_ends_at,
        customer=row.customer_id is not None,
        stripe_id=row.stripe_id,
        card=_card(row),
        due=_due(row),
        checkout=_checkout(row),
        second=_second(row),
        open_invoices=[_open_invoice(bill) for bill in row.open_invoices or ()],
        contact_refused=row.contact_error is not None,
        suspended=row.suspended_at is not None,
        pending=_pending(row),
        planned=_planned(row),
        moved_fee=row.moved_fee,
        moves=row.moves,
        change_asked=bool(row.change_asked),
        version=row.version,
        today=_today(row),
    )


def _today(row: Row[Any]) -> TodaysVersion | None:
    if row.newest_number is None:
        return None
    known = row.newest_fee is not None and not row.unlisted_price_id
    return TodaysVersion(row.newest_number, {(row.currency, row.interval): row.newest_fee} if known else {})


def _fee(row: Row[Any]) -> int | None:
    """The plan's fee; None if the plan has none in this currency, or staff agreed on another price at Stripe."""
    if row.state is None:
        return 0
    return None if row.unlisted_price_id else row.fee


def _card(row: Row[Any]) -> CardOnFile | None:
    if row.card_brand is None:
        return None
    return CardOnFile(row.card_brand, row.card_last4, row.card_exp_month, row.card_exp_year)


def _due(row: Row[Any]) -> Due | None:
    if row.amount_remaining is None:
        return None
    return Due(row.amount_remaining, row.due_currency, row.next_attempt_at, row.due_invoices, row.confirm_url)


def _checkout(row: Row[Any]) -> OpenCheckout | None:
    if row.checkout_plan is None:
        return None
    return OpenCheckout(row.checkout_plan, row.checkout_interval, row.checkout_currency)


def _planned(row: Row[Any]) -> PlannedMove | None:
    if row.planned_at is None:
        return None
    return PlannedMove(row.planned_plan, row.planned_interval, row.planned_at, row.planned_fee)


def _pending(row: Row[Any]) -> PendingChange | None:
    if row.pending_expires_at is None:
        return None
    return PendingChange(
        row.pending_plan, row.pending_interval, row.pending_expires_at, row.pending_amount, row.pending_currency,
        row.pending_url, row.pending_failure, row.pending_confirm,
    )  # fmt: skip


def _second(row: Row[Any]) -> SecondSubscription | None:
    if row.second_plan is None:
        return None
    return SecondSubscription(
        row.second_plan, row.second_amount, row.second_currency, row.second_interval, row.second_renews_at
    )


def _open_invoice(bill: Mapping[str, Any]) -> OpenInvoice:
    due_at = datetime.fromisoformat(bill["due_at"]) if bill["due_at"] else None
    return OpenInvoice(bill["number"], bill["amount"], bill["currency"], due_at, bill["pay_url"])
