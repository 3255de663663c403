"""Customers: one per paying org."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from stripe.params import (
    CustomerCreateTaxIdParams,
    CustomerUpdateParams,
    CustomerUpdateParamsAddress,
)

from app.stripe_gateway.errors import StripeMissing, StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.money_shapes import parse_balance_movement
from app.stripe_gateway.shapes import ORG, parse_customer, parse_tax_id
from app.stripe_gateway.types import BalanceMovement, Customer, TaxId

_CARD = "invoice_settings.default_payment_method"


def create(gw: Gateway, *, org_id: UUID, email: str | None, name: str, key: str) -> Customer:
    """Create the customer of an org; without an email address Stripe sends it no receipts."""
    return parse_customer(
        gw.post(
            key,
            lambda v1, options: v1.customers.create(
                {
                    **({} if email is None else {"email": email}),
                    "name": name,
                    "metadata": {ORG: str(org_id)},
                    "expand": [_CARD],
                },
                options,
            ),
        )
    )


def retrieve(gw: Gateway, customer_id: str) -> Customer:
    """Retrieve a customer with its card; a deleted one is returned as deleted. Raises `StripeMissing`."""
    validate_id(customer_id)
    try:
        return parse_customer(gw.get(lambda v1: v1.customers.retrieve(customer_id, {"expand": [_CARD]})))
    except StripeMisused as misused:
        if misused.param != "expand":
            raise
    # A deleted customer has nothing to expand.
    return parse_customer(gw.get(lambda v1: v1.customers.retrieve(customer_id)))


def list_created(gw: Gateway, created_from: datetime | None = None) -> Iterator[Customer]:
    """List the customers created at or after a time, or all, newest first, without deleted ones; fetched page by page.

    Unlike Stripe's search by metadata, whose index lags by minutes, this list is complete.
    """
    params: dict[str, Any] = {"expand": [f"data.{_CARD}"]}
    if created_from is not None:
        params["created"] = {"gte": int(created_from.timestamp())}
    for raw in gw.pages(lambda v1, page: v1.customers.list(page), params):
        yield parse_customer(raw)


def list_balance_movements(gw: Gateway, customer_id: str, after_id: str | None = None) -> list[BalanceMovement]:
    """List what changed a customer's balance, all or since a change, in no fixed order. Raises `StripeMissing`."""
    validate_id(customer_id)
    params = {} if after_id is None else {"ending_before": after_id}
    raw_rows = gw.pages(lambda v1, page: v1.customers.balance_transactions.list(customer_id, page), params)
    return [parse_balance_movement(raw) for raw in raw_rows]


def update_contact(
    gw: Gateway,
    customer_id: str,
    *,
    name: str,
    email: str | None,
    address: Mapping[str, str] | None,
    fields: Mapping[str, str] | None,
    key: str,
) -> Customer:
    """Set name, email address, postal address, and the fields that invoices repeat, by name.

    An address of None is left alone, an empty one is removed; so are fields.
    """
    validate_id(customer_id)
    changes: CustomerUpdateParams = {"name": name, "email": email or "", "expand": [_CARD]}
    if fields is not None:
        changes["invoice_settings"] = {
            "custom_fields": [{"name": field, "value": value} for field, value in fields.items()] or ""
        }
    if address is not None:
        changes["address"] = cast("CustomerUpdateParamsAddress", dict(address)) if address else ""
    return parse_customer(gw.post(key, lambda v1, options: v1.customers.update(customer_id, changes, options)))


def list_tax_ids(gw: Gateway, customer_id: str) -> list[TaxId]:
    """List the tax ids of a customer, newest first."""
    validate_id(customer_id)
    return [parse_tax_id(raw) for raw in gw.pages(lambda v1, page: v1.customers.tax_ids.list(customer_id, page), {})]


def create_tax_id(gw: Gateway, customer_id: str, kind: str, value: str, *, key: str) -> TaxId:
    """Add a tax id; raises `StripeMisused` if its form is not that of its type."""
    validate_id(customer_id)
    params = cast("CustomerCreateTaxIdParams", {"type": kind, "value": value})
    return parse_tax_id(gw.post(key, lambda v1, options: v1.customers.tax_ids.create(customer_id, params, options)))


def delete_tax_id(gw: Gateway, customer_id: str, tax_id: str) -> None:
    """Remove a tax id; one that is gone stays gone."""
    validate_id(customer_id)
    with suppress(StripeMissing):
        gw.delete(lambda v1: v1.customers.tax_ids.delete(customer_id, validate_id(tax_id)))


def set_default_card(gw: Gateway, customer_id: str, card_id: str, *, key: str) -> Customer:
    """Charge the customer's invoices to this card, except those of a subscription with its own card."""
    validate_id(customer_id)
    return parse_customer(
        gw.post(
            key,
            lambda v1, options: v1.customers.update(
                customer_id, {"invoice_settings": {"default_payment_method": card_id}, "expand": [_CARD]}, options
            ),
        )
    )
