"""Parses raw responses of the pinned API version (2026-10-28.endive) into our types; one function per object."""

from __future__ import annotations

from datetime import datetime

from app.stripe_gateway import reading
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.types import (
    Card,
    CheckoutSession,
    Customer,
    RemoteDiscount,
    RemoteFee,
    RemotePrice,
    RemoteSubscription,
    TaxId,
)

ORG = "tollkeeper_org"
CHECKOUT = "tollkeeper_checkout"


def parse_card(raw: Raw) -> Card:
    """Parse a payment method; its details are under the name of its type."""
    kind = reading.text(reading.ensure_kind(raw, "payment_method"), "type")
    details = reading.inner(raw, "card") if kind == "card" else raw.get(kind) or {}
    last4, month, year = (details.get(name) for name in ("last4", "exp_month", "exp_year"))
    brand = reading.text(details, "brand") if kind == "card" else kind
    return Card(
        id=reading.text(raw, "id"),
        brand=brand,
        last4=last4,
        exp_month=month,
        exp_year=year,
        created_at=reading.moment(raw, "created"),
        fingerprint=details.get("fingerprint"),
    )


def parse_expanded_card(raw: Raw, name: str) -> Card | None:
    """Parse the payment method in an expanded field; an unexpanded one raises `StripeMisread`."""
    method = reading.inner_or_none(raw, name)
    return None if method is None else parse_card(method)


def parse_customer(raw: Raw) -> Customer:
    """Parse a customer with `invoice_settings.default_payment_method` expanded, or a deleted one."""
    stripe_id = reading.text(reading.ensure_kind(raw, "customer"), "id")
    if raw.get("deleted"):
        return Customer(stripe_id, None, None, delinquent=False, deleted=True, card=None, created_at=None)
    return Customer(
        id=stripe_id,
        email=reading.text_or_none(raw, "email"),
        org_id=reading.uuid_or_none(reading.inner(raw, "metadata"), ORG),
        delinquent=bool(reading.field(raw, "delinquent")),
        deleted=False,
        card=parse_expanded_card(reading.inner(raw, "invoice_settings"), "default_payment_method"),
        created_at=reading.moment(raw, "created"),
        balance=_parse_balance(raw),
    )


def _parse_balance(raw: Raw) -> int:
    """A customer has no currency until something is charged or credited; its balance is 0 until then."""
    balance, code = reading.whole(raw, "balance"), reading.text_or_none(raw, "currency")
    return reading.from_stripe(balance, code.upper()) if code else balance


def parse_tax_id(raw: Raw) -> TaxId:
    """Parse a customer's tax id; raises `StripeMisread`."""
    reading.ensure_kind(raw, "tax_id")
    return TaxId(reading.text(raw, "id"), reading.text(raw, "type"), reading.text(raw, "value"))


def parse_price(raw: Raw) -> RemotePrice:
    """Parse a recurring price with a fixed amount."""
    product_id = reading.linked_id(reading.ensure_kind(raw, "price"), "product")
    return RemotePrice(
        id=reading.text(raw, "id"),
        product_id=product_id,
        lookup_key=reading.text_or_none(raw, "lookup_key"),
        amount=reading.amount(raw, "unit_amount"),
        currency=reading.currency(raw),
        interval=reading.text(reading.inner(raw, "recurring"), "interval"),
        active=reading.flag(raw, "active"),
    )


def parse_checkout_session(raw: Raw) -> CheckoutSession:
    """Parse a Checkout session, finished or not; raises `StripeMisread`."""
    reading.ensure_kind(raw, "checkout.session")
    return CheckoutSession(
        id=reading.text(raw, "id"),
        mode=reading.text(raw, "mode"),
        status=reading.text(raw, "status"),
        payment_status=reading.text(raw, "payment_status"),
        url=reading.text_or_none(raw, "url"),
        customer_id=reading.object_id(raw, "customer"),
        subscription_id=reading.object_id(raw, "subscription"),
        invoice_id=reading.object_id(raw, "invoice"),
        setup_intent_id=reading.object_id(raw, "setup_intent"),
        checkout_id=reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), CHECKOUT),
    )


def parse_subscription(raw: Raw) -> RemoteSubscription:
    """Parse a subscription with its card and its discounts' coupons expanded. Since basil the item has the period."""
    items = reading.items(reading.inner(reading.ensure_kind(raw, "subscription"), "items"))
    customer_id = reading.linked_id(raw, "customer")
    if not items:
        raise reading.misread("a subscription without an item")
    metadata, period_end = reading.inner(raw, "metadata"), reading.moment(items[0], "current_period_end")
    cancels_with_period = reading.flag(raw, "cancel_at_period_end")
    paused = reading.inner_or_none(raw, "pause_collection")
    pending_price_id, pending_expires_at = _parse_pending_update(raw)
    return RemoteSubscription(
        id=reading.text(raw, "id"),
        customer_id=customer_id,
        status=reading.text(raw, "status"),
        item_id=reading.text(items[0], "id"),
        price_id=reading.text(reading.inner(items[0], "price"), "id"),
        period_start=reading.moment(items[0], "current_period_start"),
        period_end=period_end,
        anchor_at=reading.moment(raw, "billing_cycle_anchor"),
        cancel_at=reading.moment_or_none(raw, "cancel_at") or (period_end if cancels_with_period else None),
        cancel_at_period_end=cancels_with_period,
        canceled_at=reading.moment_or_none(raw, "canceled_at"),
        ended_at=reading.moment_or_none(raw, "ended_at"),
        latest_invoice_id=reading.object_id(raw, "latest_invoice"),
        card=parse_expanded_card(raw, "default_payment_method"),
        checkout_id=reading.uuid_or_none(metadata, CHECKOUT),
        org_id=reading.uuid_or_none(metadata, ORG),
        created_at=reading.moment(raw, "created"),
        trial_starts_at=reading.moment_or_none(raw, "trial_start"),
        trial_ends_at=reading.moment_or_none(raw, "trial_end"),
        collection_paused=reading.text(paused, "behavior") if paused else None,
        discounts=tuple(parse_discount(each) for each in reading.objects(raw, "discounts")),
        pending_price_id=pending_price_id,
        pending_expires_at=pending_expires_at,
        schedule_id=reading.object_id(raw, "schedule"),
        quantity=reading.whole(items[0], "quantity") if "quantity" in items[0] else 1,
        item_count=len(items),
        fees=tuple(fee for item in items if (fee := _parse_fee(item)) is not None),
    )


def _parse_fee(item: Raw) -> RemoteFee | None:
    """What an item costs each period; None for usage that Stripe meters, and for tiers."""
    price = reading.inner(item, "price")
    recurring, unit = reading.inner(price, "recurring"), reading.decimal_or_none(price, "unit_amount_decimal")
    if unit is None or recurring.get("usage_type") == "metered":
        return None
    return RemoteFee(
        amount=reading.from_stripe_exactly(unit, reading.currency(price)),
        interval=reading.text(recurring, "interval"),
        quantity=reading.whole(item, "quantity") if "quantity" in item else 1,
        every=reading.whole(recurring, "interval_count"),
    )


def _parse_pending_update(raw: Raw) -> tuple[str | None, datetime | None]:
    """The price of a change that waits for its payment, and until when. An update of something else has no items."""
    pending = reading.inner_or_none(raw, "pending_update")
    items = reading.objects(pending, "subscription_items") if pending is not None else []
    if pending is None or not items:
        return None, None
    return reading.object_id(items[0], "price"), reading.moment(pending, "expires_at")


def parse_discount(raw: Raw) -> RemoteDiscount:
    """Parse a discount with its coupon expanded; raises `StripeMisread`."""
    coupon = reading.inner(reading.inner(raw, "source"), "coupon")
    code = reading.text_or_none(coupon, "currency")
    off = reading.whole_or_none(coupon, "amount_off")
    return RemoteDiscount(
        coupon_id=reading.text(coupon, "id"),
        percent_off=reading.decimal_or_none(coupon, "percent_off"),
        amount_off=None if off is None or code is None else reading.from_stripe(off, code.upper()),
        currency=code and code.upper(),
        ends_at=reading.moment_or_none(raw, "end"),
        once=reading.text(coupon, "duration") == "once",
    )
