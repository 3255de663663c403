"""`/v1/invoices`: create, retrieve, list, update, delete. What moves an invoice on is in `invoice_transitions`."""

from __future__ import annotations

from stripe.params import (
    InvoiceCreateParams,
    InvoiceDeleteParams,
    InvoiceListParams,
    InvoiceRetrieveParams,
    InvoiceUpdateParams,
)

from sandbox.standin.engine import metadata, subscription_status
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import collection, discounts, drafts, totals
from sandbox.standin.engine.invoices.lines import build_invoice_item_line
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/invoices"
DAY = 86_400
SIMPLE = ("description", "footer", "custom_fields", "default_payment_method", "due_date", "statement_descriptor")
CHANGED = (
    *SIMPLE, "auto_advance", "automatically_finalizes_at", "collection_method", "days_until_due", "discounts",
    "metadata",
)  # fmt: skip
CREATED = ("customer", "subscription", "currency", "pending_invoice_items_behavior")
FINAL = frozenset({"auto_advance", "default_payment_method", "metadata"})

lists.add_retrieve("invoice", URL, InvoiceRetrieveParams)


@route("POST", URL, InvoiceCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Create a draft by hand; it stays one unless `auto_advance` is set, and takes pending items only if asked."""
    allow_only(params, *CREATED, *CHANGED)
    ident = params.get("subscription")
    subscription = world.get("subscription", ident, "subscription") if ident else None
    owner = params.get("customer") or (subscription or {}).get("customer")
    if not owner:
        raise invalid("You must specify a customer.", code="parameter_missing", param="customer")
    customer = get_active_customer(world, owner, "customer")
    currency = params.get("currency") or (subscription or customer).get("currency") or "usd"
    invoice = drafts.draft(
        world, customer, currency=currency, reason="manual", subscription=subscription, auto_advance=False
    )
    _require_due_date(params)
    _apply(world, invoice, params)
    if params.get("pending_invoice_items_behavior") == "include":
        _take_pending_items(world, invoice)
    drafts.publish(world, invoice, by_clock=params.get("auto_advance", False))
    if params.get("automatically_finalizes_at"):
        drafts.start_clock(world, invoice, params["automatically_finalizes_at"])
    return invoice


@route("GET", URL, InvoiceListParams)
def listing(world: World, params: Obj) -> Obj:
    """Newest first, filtered by customer, subscription, status, collection method and dates."""
    match = {name: params[name] for name in ("customer", "status", "collection_method") if name in params}
    rows = world.all("invoice", **match)
    if "subscription" in params:
        rows = [invoice for invoice in rows if subscription_status.subscription_id(invoice) == params["subscription"]]
    if "due_date" in params:
        rows = [row for row in rows if row["due_date"] and lists.is_within(row["due_date"], params["due_date"])]
    return lists.list_page(rows, params, URL)


@route("POST", URL + "/{ident}", InvoiceUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Update a draft; of a final invoice only metadata and card, and `auto_advance` while it is open."""
    allow_only(params, *CHANGED)
    invoice = world.get("invoice", ident)
    if invoice["status"] != "draft":
        _refuse_final(invoice, params)
    with world.edit(invoice, "invoice.updated"):
        _apply(world, invoice, params)
        if "auto_advance" in params and invoice["status"] in {"draft", "open"}:
            collection.set_auto_advance(world, invoice, on=params["auto_advance"])
        if params.get("automatically_finalizes_at"):
            drafts.start_clock(world, invoice, params["automatically_finalizes_at"])
        if invoice["status"] == "draft":
            totals.recompute(world, invoice)
    return invoice


@route("DELETE", URL + "/{ident}", InvoiceDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    """Delete a draft that was created by hand."""
    invoice = world.get("invoice", ident)
    if subscription_status.subscription_id(invoice):
        raise invalid("You can't delete invoices created by subscriptions.")
    if invoice["status"] != "draft":
        raise invalid("You can only delete draft invoices.")
    world.remove(invoice)
    world.emit("invoice.deleted", invoice)
    return {"id": ident, "object": "invoice", "deleted": True}


def _apply(world: World, invoice: Obj, params: Obj) -> None:
    """Apply what a call may set on a draft."""
    invoice.update({name: params[name] or None for name in SIMPLE if name in params})
    invoice["metadata"] = metadata.merged(invoice["metadata"], params.get("metadata"))
    invoice["collection_method"] = params.get("collection_method", invoice["collection_method"])
    if params.get("days_until_due"):
        invoice["due_date"] = invoice["created"] + params["days_until_due"] * DAY
    if "discounts" in params:
        rows, currency = params["discounts"] or [], invoice["currency"]
        invoice["discounts"] = discounts.redeem(world, rows, invoice["customer"], currency, invoice=invoice["id"])


def _take_pending_items(world: World, invoice: Obj) -> None:
    """Put the customer's pending items on the draft, newest first; on a subscription's, only that subscription's."""
    owner = subscription_status.subscription_id(invoice)
    match = {"customer": invoice["customer"], "currency": invoice["currency"]}
    for item in world.all("invoiceitem", invoice=None, **match):
        if owner in {None, subscription_status.subscription_id(item)}:
            item["invoice"] = invoice["id"]
            world.save(item)
            invoice["lines"]["data"].append(build_invoice_item_line(world, invoice, item))


def _require_due_date(params: Obj) -> None:
    method = params.get("collection_method")
    due = bool(params.get("due_date") or params.get("days_until_due"))
    if method == "send_invoice" and not due:
        raise invalid(
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'."
        )
    if method != "send_invoice" and due:
        raise invalid(
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
        )


def _refuse_final(invoice: Obj, params: Obj) -> None:
    """400 for what cannot change on a final invoice."""
    over = invoice["status"] != "open" and params.get("auto_advance")
    for name in params:
        if name not in FINAL or (name == "auto_advance" and over):
            raise invalid("Finalized invoices can't be updated in this way", param=name)
