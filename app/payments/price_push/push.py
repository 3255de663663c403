"""Pushes the catalogue's products and prices to Stripe, looking each price up by key before creating it.

Neither a Stripe price nor a published plan version ever changes its amount. A different price under our lookup key
was therefore made by hand: it is reported, not repaired. One that was archived at Stripe is put on sale again by a push
(not by a purchase), since the catalogue decides what is sold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.kit.money import line_step
from app.payments import queries
from app.payments.models import StripePrice, StripeSubscription
from app.payments.price_push.price_selection import PriceSelection, list_paid_prices
from app.stripe_gateway import Gateway
from app.stripe_gateway import catalog as stripe_catalog
from app.stripe_gateway.types import RemotePrice
from app.web.database import end_read_transaction, transaction

PUSH = "payments.push_prices"
"""The task that pushes what was published."""
KEPT, FOUND, CREATED, ACTIVATED, DIFFERS = "kept", "found", "created", "activated", "differs"


@dataclass(frozen=True, slots=True)
class PushedPrice:
    """The outcome for a price: kept (already known), found (at Stripe, now known), created, activated (it had been
    archived at Stripe), or differs (and why).
    """

    selection: PriceSelection
    outcome: str
    price_id: str | None
    why: str = ""


def push_catalog(gw: Gateway, now: datetime, *, dry_run: bool = False) -> Iterator[PushedPrice]:
    """Push the newest version of every live plan to Stripe, price by price. Idempotent.

    Opens its own transactions, one per price, so a run after a crash finds earlier prices by lookup key.
    """
    with transaction() as session:
        selections = [
            price
            for version in catalog.list_offered_versions(session, public=False)
            for price in list_paid_prices(version)
        ]
    remote = _find_remote(gw, [selection.lookup_key for selection in selections])
    products: set[str] = set()
    for selection in selections:
        yield _push_one(gw, selection, remote.get(selection.lookup_key), products, now, dry_run=dry_run)


def ensure_price(gw: Gateway, selection: PriceSelection, now: datetime) -> str:
    """Return the Stripe id of a price, pushing it first if needed.

    Opens its own transactions. Raises `Conflict` when Stripe has a different price under our lookup key.
    """
    with transaction() as session:
        known = queries.find_version_price(session, selection.version_id, selection.interval, selection.currency)
        if known is not None:
            return known.id
    remote = _find_remote(gw, [selection.lookup_key]).get(selection.lookup_key)
    if remote is not None and not remote.active:
        pushed = PushedPrice(selection, DIFFERS, None, "its price is archived at Stripe")
    else:
        pushed = _push_one(gw, selection, remote, set(), now, dry_run=False)
    if pushed.price_id is None:
        raise Conflict(
            f"This plan cannot be purchased at the moment: {pushed.why}. Nothing was charged. Please contact us."
        )
    return pushed.price_id


def _find_remote(gw: Gateway, keys: list[str]) -> dict[str, RemotePrice]:
    end_read_transaction()
    return {price.lookup_key: price for price in stripe_catalog.find_prices(gw, keys) if price.lookup_key}


def _push_one(
    gw: Gateway,
    selection: PriceSelection,
    remote: RemotePrice | None,
    products: set[str],
    now: datetime,
    *,
    dry_run: bool,
) -> PushedPrice:
    why = _find_obstacle(selection) or (_differs(selection, remote) if remote else "")
    if why:
        return PushedPrice(selection, DIFFERS, None, why)
    if dry_run:
        with transaction() as session:
            known = remote is not None and session.get(StripePrice, remote.id) is not None
        planned = ACTIVATED if remote and not remote.active else KEPT if known else FOUND if remote else CREATED
        return PushedPrice(selection, planned, remote.id if remote else None)
    price = remote or _create(gw, selection, products, now)
    if not price.active:
        price = stripe_catalog.activate_price(gw, price.id, key=f"activate-{new_hex()}")
    with transaction() as session:
        is_new, why = _store(session, selection, price, now)
    if why:
        return PushedPrice(selection, DIFFERS, None, why)
    if remote is not None and not remote.active:
        return PushedPrice(selection, ACTIVATED, price.id)
    return PushedPrice(selection, CREATED if remote is None else FOUND if is_new else KEPT, price.id)


def _find_obstacle(selection: PriceSelection) -> str:
    """Why Stripe cannot represent this amount, or "". Source: https://docs.stripe.com/currencies"""
    step = line_step(selection.currency)
    if selection.amount % step:
        return (
            f"Stripe requires {selection.currency} amounts in multiples of {step} minor units;"
            f" {selection.amount} is not one"
        )
    return ""


def _differs(selection: PriceSelection, remote: RemotePrice) -> str:
    expected = (selection.amount, selection.currency, selection.interval, selection.product_id)
    actual = (remote.amount, remote.currency, remote.interval, remote.product_id)
    return "" if expected == actual else f"Stripe has {remote.id} with {actual} instead of {expected}"


def _create(gw: Gateway, selection: PriceSelection, products: set[str], now: datetime) -> RemotePrice:
    """Create the price, and its product if needed.

    Stripe accepts an id and a lookup key only once, so the idempotency keys need only outlast a quick retry: with a
    longer-lived key Stripe would replay its own failure for a day.
    """
    minute = f"{now:%Y%m%d%H%M}"
    metadata = {"tollkeeper_plan": selection.plan_key}
    if selection.product_id not in products:
        stripe_catalog.ensure_product(
            gw,
            product_id=selection.product_id,
            name=selection.plan_name,
            metadata=metadata,
            key=f"product-{selection.product_id}-{minute}",
            tax_code=selection.tax_code,
        )
        products.add(selection.product_id)
    return stripe_catalog.create_price(
        gw,
        product_id=selection.product_id,
        amount=selection.amount,
        currency=selection.currency,
        interval=selection.interval,
        lookup_key=selection.lookup_key,
        metadata={**metadata, "tollkeeper_version": str(selection.number)},
        key=f"price-{selection.lookup_key}-{minute}",
        tax_behavior=selection.tax_behavior,
    )


def _store(session: Session, selection: PriceSelection, price: RemotePrice, now: datetime) -> tuple[bool, str]:
    """Store the price's id; returns whether it was new, and the reason if it could not be stored."""
    known = queries.find_version_price(session, selection.version_id, selection.interval, selection.currency)
    if known is not None and known.id == price.id:
        return False, ""
    if known is not None:
        used = session.scalar(select(StripeSubscription.id).where(StripeSubscription.price_id == known.id).limit(1))
        if used is not None:
            return False, f"{used} uses {known.id}, but Stripe has {price.id} under its lookup key"
        session.delete(known)
        session.flush()
    session.add(
        StripePrice(
            id=price.id,
            plan_version_id=selection.version_id,
            interval=selection.interval,
            currency=selection.currency,
            amount=selection.amount,
            product_id=price.product_id,
            lookup_key=selection.lookup_key,
            pushed_at=now,
        )
    )
    session.flush()
    return True, ""
