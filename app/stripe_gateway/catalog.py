"""Products and prices. A price's amount never changes: a different amount is a different price."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from stripe.params import PriceCreateParams, ProductCreateParams, ProductUpdateParams

from app.stripe_gateway import reading
from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import parse_price
from app.stripe_gateway.types import RemotePrice

MAX_LOOKUP_KEYS = 10


def ensure_product(
    gw: Gateway, *, product_id: str, name: str, metadata: Mapping[str, str], key: str, tax_code: str | None = None
) -> str:
    """Create the product with this id, or update the existing one with our name, metadata and tax code; returns the id.

    Without a tax code of ours, Stripe's stays.
    """
    validate_id(product_id)
    taxed: ProductUpdateParams = {"tax_code": tax_code} if tax_code is not None else {}
    changes: ProductUpdateParams = {"name": name, "metadata": dict(metadata), **taxed}
    try:
        existing = gw.get(lambda v1: v1.products.retrieve(product_id))
    except StripeMissing:
        new: ProductCreateParams = {"id": product_id, "name": name, "metadata": dict(metadata)}
        if tax_code is not None:
            new["tax_code"] = tax_code
        return reading.text(gw.post(key, lambda v1, options: v1.products.create(new, options)), "id")
    current = reading.inner(existing, "metadata")
    known = tax_code is None or existing.get("tax_code") == tax_code
    if reading.text(existing, "name") != name or not known or any(current.get(k) != metadata[k] for k in metadata):
        # Restoring an earlier name within a day must not be replayed, so the key includes the previous state.
        update_key = f"{key}-{_digest(existing)}"
        gw.post(update_key, lambda v1, options: v1.products.update(product_id, changes, options))
    return product_id


def find_prices(gw: Gateway, lookup_keys: Sequence[str]) -> list[RemotePrice]:
    """Find the prices with these lookup keys, active or not; unused keys are left out."""
    prices: list[RemotePrice] = []
    for start in range(0, len(lookup_keys), MAX_LOOKUP_KEYS):
        prices += _list_prices(gw, list(lookup_keys[start : start + MAX_LOOKUP_KEYS]))
    return prices


def create_price(
    gw: Gateway,
    *,
    product_id: str,
    amount: int,
    currency: str,
    interval: str,
    lookup_key: str,
    metadata: Mapping[str, str],
    key: str,
    tax_behavior: str | None = None,
) -> RemotePrice:
    """Create a price of `amount` minor units per `interval` (`month`, `year`)."""
    params: PriceCreateParams = {
        "product": product_id,
        "unit_amount": reading.to_stripe(amount, currency),
        "currency": currency.lower(),
        "recurring": {"interval": interval},
        "lookup_key": lookup_key,
        "metadata": dict(metadata),
    }
    if tax_behavior is not None:
        params["tax_behavior"] = tax_behavior
    return parse_price(gw.post(key, lambda v1, options: v1.prices.create(params, options)))


def activate_price(gw: Gateway, price_id: str, *, key: str) -> RemotePrice:
    """Put an archived price on sale again."""
    validate_id(price_id)
    return parse_price(gw.post(key, lambda v1, options: v1.prices.update(price_id, {"active": True}, options)))


def _list_prices(gw: Gateway, lookup_keys: list[str]) -> Iterator[RemotePrice]:
    for raw in gw.pages(lambda v1, params: v1.prices.list(params), {"lookup_keys": lookup_keys}):
        yield parse_price(raw)


def _digest(raw: Raw) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]
