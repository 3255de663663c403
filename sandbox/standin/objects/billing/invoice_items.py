"""`/v1/invoiceitems`: amounts for the next invoice, or for a draft.

`tax_behavior` and `tax_code` are kept, but the stand-in computes no tax, and Stripe shows neither on an item.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from stripe.params import (
    InvoiceItemCreateParams,
    InvoiceItemDeleteParams,
    InvoiceItemListParams,
    InvoiceItemRetrieveParams,
    InvoiceItemUpdateParams,
)

from sandbox.standin.engine import metadata
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import discounts, totals
from sandbox.standin.engine.invoices.lines import build_invoice_item_line, build_pricing
from sandbox.standin.engine.shapes import invoice_shape
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/invoiceitems"
MAX_ITEMS = 250
CHANGED = (
    "amount", "description", "discountable", "metadata", "period", "pricing", "quantity", "quantity_decimal",
    "unit_amount_decimal", "discounts", "tax_behavior", "tax_code",
)  # fmt: skip

lists.add_retrieve("invoiceitem", URL, InvoiceItemRetrieveParams)


@route("POST", URL, InvoiceItemCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Create an item from an amount, or a price and quantity; on the draft `invoice`, else for the next invoice."""
    allow_only(params, *CHANGED, "customer", "currency", "invoice", "subscription")
    invoice = _get_draft(world, params["invoice"]) if params.get("invoice") else None
    ident = params.get("customer") or (invoice or {}).get("customer")
    if not ident:
        raise missing_param("customer")
    customer = get_active_customer(world, ident, "customer")
    if invoice is not None and invoice["customer"] != customer["id"]:
        raise invalid("The invoice belongs to another customer.", param="invoice")
    fields = _parse_pricing(world, params)
    currency = params.get("currency") or fields.pop("currency", None) or (invoice or customer).get("currency") or "usd"
    if params.get("subscription"):
        details = {"subscription": world.get("subscription", params["subscription"], "subscription")["id"]}
        fields["parent"] = {"subscription_details": details, "type": "subscription_details"}
    item = invoice_shape.invoice_item(
        world.new_id("ii"),
        world.now(),
        customer=customer["id"],
        currency=currency,
        discountable=fields["amount"] >= 0,
        invoice=invoice and invoice["id"],
        **{name: value for name, value in fields.items() if name != "currency"},
    )
    _apply(world, item, params)
    world.emit("invoiceitem.created", world.add(item))
    if invoice is not None:
        _add_line(world, invoice, item)
    return item


@route("GET", URL, InvoiceItemListParams)
def listing(world: World, params: Obj) -> Obj:
    """Newest first, filtered by customer, invoice, and whether they are pending."""
    match = {name: params[name] for name in ("customer", "invoice") if name in params}
    rows = world.all("invoiceitem", **match)
    if "pending" in params:
        rows = [item for item in rows if (item["invoice"] is None) == params["pending"]]
    dated = [item for item in rows if lists.is_within(item["date"], params.get("created"))]
    return lists.list_page(dated, {name: value for name, value in params.items() if name != "created"}, URL)


@route("POST", URL + "/{ident}", InvoiceItemUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Update an item; until its invoice is finalised."""
    allow_only(params, *CHANGED)
    item = world.get("invoiceitem", ident)
    invoice = _get_draft(world, item["invoice"]) if item["invoice"] else None
    _apply(world, item, params)
    if {"amount", "quantity", "unit_amount_decimal", "pricing"} & params.keys():
        item.update({name: value for name, value in _parse_pricing(world, params).items() if name != "currency"})
    world.save(item)
    if invoice is not None:
        _remove_line(invoice, ident)
        _add_line(world, invoice, item)
    return item


@route("DELETE", URL + "/{ident}", InvoiceItemDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    """Delete an item; until its invoice is finalised."""
    item = world.get("invoiceitem", ident)
    if item["invoice"]:
        invoice = _get_draft(world, item["invoice"])
        with world.edit(invoice, "invoice.updated"):
            _remove_line(invoice, ident)
            totals.recompute(world, invoice)
    world.remove(item)
    world.emit("invoiceitem.deleted", item)
    return {"id": ident, "object": "invoiceitem", "deleted": True}


def _apply(world: World, item: Obj, params: Obj) -> None:
    """Apply everything but the amount; a proration is never discountable."""
    if item["proration"] and params.get("discountable"):
        raise invalid("Prorations cannot be discountable.", param="discountable")
    item.update(given_fields(params, "description", "discountable", "period"))
    item.update({f"_{name}": params[name] for name in ("tax_behavior", "tax_code") if name in params})
    item["metadata"] = metadata.merged(item["metadata"], params.get("metadata"))
    if "discounts" in params:
        rows = params["discounts"] or []
        item["discounts"] = discounts.redeem(world, rows, item["customer"], item["currency"], invoice_item=item["id"])


def _parse_pricing(world: World, params: Obj) -> Obj:
    """Amount, quantity and pricing from `amount`, `unit_amount_decimal` or `pricing[price]`; rounded once per line."""
    exact = Decimal(str(params.get("quantity_decimal") or params.get("quantity", 1)))
    quantities = {"quantity": int(exact), "quantity_decimal": str(exact)}
    if "amount" in params:
        amount = int(params["amount"])
        pricing = {"type": "price_details", "unit_amount_decimal": str(amount)}
        return {
            "amount": amount,
            "net_amount": amount,
            "pricing": None if params.get("quantity") else pricing,
            **quantities,
        }
    if (ident := (params.get("pricing") or {}).get("price")) is not None:
        price = world.get("price", ident, "pricing[price]")
        unit, pricing, more = (
            Decimal(price["unit_amount_decimal"] or 0),
            build_pricing(price),
            {"currency": price["currency"]},
        )
    elif params.get("unit_amount_decimal"):
        unit, more = Decimal(str(params["unit_amount_decimal"])), {}
        pricing = {"type": "price_details", "unit_amount_decimal": str(unit)}
    else:
        raise invalid("You must give amount, unit_amount_decimal or pricing.", code="parameter_missing", param="amount")
    amount = int((unit * exact).quantize(Decimal(1), ROUND_HALF_UP))
    return {"amount": amount, "net_amount": amount, "pricing": pricing, **quantities, **more}


def _get_draft(world: World, ident: str) -> Obj:
    invoice = world.get("invoice", ident, "invoice")
    if invoice["status"] != "draft":
        raise invalid(
            "Invalid invoice: This invoice is no longer editable", code="invoice_not_editable", param="invoice"
        )
    return invoice


def _add_line(world: World, invoice: Obj, item: Obj) -> None:
    if len(invoice["lines"]["data"]) >= MAX_ITEMS:
        raise invalid(f"An invoice has at most {MAX_ITEMS} items.", param="invoice")
    if item["currency"] != invoice["currency"]:
        raise invalid("The item must have the invoice's currency.", param="currency")
    with world.edit(invoice, "invoice.updated"):
        invoice["lines"]["data"].insert(0, build_invoice_item_line(world, invoice, item))
        totals.recompute(world, invoice)


def _remove_line(invoice: Obj, ident: str) -> None:
    def item_id(line: Obj) -> str | None:
        details = line["parent"]["invoice_item_details"]
        return details["invoice_item"] if details else None

    invoice["lines"]["data"] = [line for line in invoice["lines"]["data"] if item_id(line) != ident]
