"""Products and prices. A price never changes its amount: another amount is another price."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from stripe.params import ProductCreateParams, ProductUpdateParams

from app.stripe_gateway import reading
from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import parse_price
from app.stripe_gateway.types import RemotePrice

MOST_LOOKUP_KEYS = 10


def ensure_product(gw: Gateway, *, product_id: str, name: str, metadata: Mapping[str, str], key: str) -> str:
    """Make the product of this id, or give the one that is there our name and metadata; returns the id."""
    validate_id(product_id)
    words: ProductUpdateParams = {"name": name, "metadata": dict(metadata)}
    try:
        there = gw.get(lambda v1: v1.products.retrieve(product_id))
    except StripeMissing:
        new: ProductCreateParams = {"id": product_id, "name": name, "metadata": dict(metadata)}
        return reading.text(gw.post(key, lambda v1, options: v1.products.create(new, options)), "id")
    said = reading.inner(there, "metadata")
    if reading.text(there, "name") != name or any(said.get(each) != metadata[each] for each in metadata):
        # A name that comes back within a day is news again: the key says what stood there before.
        fresh = f"{key}-{_digest(there)}"
        gw.post(fresh, lambda v1, options: v1.products.update(product_id, words, options))
    return product_id


def find_prices(gw: Gateway, lookup_keys: Sequence[str]) -> list[RemotePrice]:
    """The prices under these lookup keys, active or not; keys that nothing stands under are left out."""
    found: list[RemotePrice] = []
    for start in range(0, len(lookup_keys), MOST_LOOKUP_KEYS):
        found += _under(gw, list(lookup_keys[start : start + MOST_LOOKUP_KEYS]))
    return found


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
) -> RemotePrice:
    """Make a price of `amount` minor units for each `interval` (`month`, `year`)."""
    return parse_price(
        gw.post(
            key,
            lambda v1, options: v1.prices.create(
                {
                    "product": product_id,
                    "unit_amount": amount,
                    "currency": currency.lower(),
                    "recurring": {"interval": interval},
                    "lookup_key": lookup_key,
                    "metadata": dict(metadata),
                },
                options,
            ),
        )
    )


def _under(gw: Gateway, lookup_keys: list[str]) -> Iterator[RemotePrice]:
    for raw in gw.pages(lambda v1, params: v1.prices.list(params), {"lookup_keys": lookup_keys}):
        yield parse_price(raw)


def _digest(product_as_it_is: Raw) -> str:
    return hashlib.sha256(json.dumps(product_as_it_is, sort_keys=True).encode()).hexdigest()[:16]
