"""Products and prices at Stripe for what the catalogue sells; found by lookup key before they are made.

A price at Stripe never changes its amount, as a published plan version does not: one that says something else than
ours under our lookup key is somebody's hand, and is told, not mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.errors import Conflict
from app.kit.money import exponent
from app.payments import queries
from app.payments.models import StripePrice, StripeSubscription
from app.payments.price_push.price_selection import PriceSelection, list_prices_sold
from app.stripe_gateway import Gateway
from app.stripe_gateway import catalog as stripe_catalog
from app.stripe_gateway.types import RemotePrice
from app.web.database import end_read_transaction, transaction

KEPT, FOUND, MADE, DIFFERS = "kept", "found", "made", "differs"
_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})


@dataclass(frozen=True, slots=True)
class PushedPrice:
    """What happened to a price: kept (known and there), found (there, now known), made, or differs (and why)."""

    sold: PriceSelection
    did: str
    price_id: str | None
    why: str = ""


def push(gw: Gateway, now: datetime, *, dry_run: bool = False) -> Iterator[PushedPrice]:
    """Bring the newest version of every live plan to Stripe, price by price; repeating it changes nothing.

    Opens its own transactions, one a price, so that what a crash leaves is found again by its lookup key.
    """
    with transaction() as session:
        wanted = [
            each
            for version in catalog.list_offered_versions(session, public=False)
            for each in list_prices_sold(version)
        ]
    there = _there(gw, [each.lookup_key for each in wanted])
    products: set[str] = set()
    for each in wanted:
        yield _push_one(gw, each, there.get(each.lookup_key), products, now, dry_run=dry_run)


def ensure_price(gw: Gateway, sold: PriceSelection, now: datetime) -> str:
    """The id at Stripe of one price, pushed when nobody has pushed it yet.

    Opens its own transactions. Raises `Conflict` when Stripe has another price under our lookup key.
    """
    with transaction() as session:
        known = queries.price_of(session, sold.version_id, sold.interval, sold.currency)
        if known is not None:
            return known.id
    there = _there(gw, [sold.lookup_key])
    pushed = _push_one(gw, sold, there.get(sold.lookup_key), set(), now, dry_run=False)
    if pushed.price_id is None:
        raise Conflict(f"This price cannot be paid at the moment: {pushed.why}. Nothing was charged; write to us.")
    return pushed.price_id


def _there(gw: Gateway, keys: list[str]) -> dict[str, RemotePrice]:
    end_read_transaction()
    return {price.lookup_key: price for price in stripe_catalog.find_prices(gw, keys) if price.lookup_key}


def _push_one(
    gw: Gateway, sold: PriceSelection, there: RemotePrice | None, products: set[str], now: datetime, *, dry_run: bool
) -> PushedPrice:
    why = _unfit(sold) or (_differs(sold, there) if there else "")
    if why:
        return PushedPrice(sold, DIFFERS, None, why)
    if dry_run:
        with transaction() as session:
            known = there is not None and session.get(StripePrice, there.id) is not None
        return PushedPrice(sold, KEPT if known else FOUND if there else MADE, there.id if there else None)
    price = there or _make(gw, sold, products, now)
    with transaction() as session:
        news, why = _store(session, sold, price, now)
    if why:
        return PushedPrice(sold, DIFFERS, None, why)
    return PushedPrice(sold, MADE if there is None else FOUND if news else KEPT, price.id)


def _unfit(sold: PriceSelection) -> str:
    """Why Stripe cannot be told this amount, in words. Source: https://docs.stripe.com/currencies"""
    if sold.currency in _IN_HUNDREDTHS:
        return (
            f"Stripe counts {sold.currency} in hundredths, which has no minor unit: it would charge a hundredth of it"
        )
    if exponent(sold.currency) == 3 and sold.amount % 10:
        return f"Stripe takes amounts of {sold.currency} in whole tens of its minor unit only, {sold.amount} is none"
    return ""


def _differs(sold: PriceSelection, there: RemotePrice) -> str:
    ours = (sold.amount, sold.currency, sold.interval, sold.product_id)
    theirs = (there.amount, there.currency, there.interval, there.product_id)
    if ours != theirs:
        return f"Stripe has {there.id} with {theirs} instead of {ours}"
    return "" if there.active else f"{there.id} is archived at Stripe"


def _make(gw: Gateway, sold: PriceSelection, products: set[str], now: datetime) -> RemotePrice:
    """Stripe takes an id and a lookup key once, so the keys need to last for a repeat only, not for a day: that long
    it would replay a failure of its own.
    """
    at = f"{now:%Y%m%d%H%M}"
    metadata = {"tollkeeper_plan": sold.plan_key}
    if sold.product_id not in products:
        stripe_catalog.product(
            gw,
            product_id=sold.product_id,
            name=sold.plan_name,
            metadata=metadata,
            key=f"product-{sold.product_id}-{at}",
        )
        products.add(sold.product_id)
    return stripe_catalog.create_price(
        gw,
        product_id=sold.product_id,
        amount=sold.amount,
        currency=sold.currency,
        interval=sold.interval,
        lookup_key=sold.lookup_key,
        metadata={**metadata, "tollkeeper_version": str(sold.number)},
        key=f"price-{sold.lookup_key}-{at}",
    )


def _store(session: Session, sold: PriceSelection, price: RemotePrice, now: datetime) -> tuple[bool, str]:
    """Remember the price's id; whether it is news, and what stands in the way."""
    known = queries.price_of(session, sold.version_id, sold.interval, sold.currency)
    if known is not None and known.id == price.id:
        return False, ""
    if known is not None:
        used = session.scalar(select(StripeSubscription.id).where(StripeSubscription.price_id == known.id).limit(1))
        if used is not None:
            return False, f"{used} pays {known.id}, which Stripe does not find under the lookup key; it has {price.id}"
        session.delete(known)
        session.flush()
    session.add(
        StripePrice(
            id=price.id,
            plan_version_id=sold.version_id,
            interval=sold.interval,
            currency=sold.currency,
            amount=sold.amount,
            product_id=price.product_id,
            lookup_key=sold.lookup_key,
            pushed_at=now,
        )
    )
    session.flush()
    return True, ""
