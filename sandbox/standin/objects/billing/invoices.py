"""`/v1/invoices`: create, retrieve, list, update, delete, finalize, pay, void, mark uncollectible."""

from __future__ import annotations

from stripe.params import (
    InvoiceCreateParams,
    InvoiceDeleteParams,
    InvoiceFinalizeInvoiceParams,
    InvoiceListParams,
    InvoiceMarkUncollectibleParams,
    InvoicePayParams,
    InvoiceRetrieveParams,
    InvoiceUpdateParams,
    InvoiceVoidInvoiceParams,
)

from sandbox.standin.engine import metadata, subscription_status
from sandbox.standin.engine.cards import NEEDS_ACTION, Verdict, declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import life_cycle
from sandbox.standin.engine.invoices.lines import build_invoice_item_line
from sandbox.standin.errors import StripeError, invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/invoices"
SIMPLE = (
    "description",
    "footer",
    "default_payment_method",
    "due_date",
    "statement_descriptor",
    "automatically_finalizes_at",
)
CREATED = (
    "customer", "subscription", "currency", "auto_advance", "metadata", "collection_method", "days_until_due",
    "pending_invoice_items_behavior",
)  # fmt: skip

lists.add_retrieve("invoice", URL, InvoiceRetrieveParams)


@route("POST", URL, InvoiceCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Create a draft by hand; it stays a draft unless `auto_advance` is set."""
    allow_only(params, *SIMPLE, *CREATED)
    subscription = (
        world.get("subscription", params["subscription"], "subscription") if params.get("subscription") else None
    )
    ident = params.get("customer") or (subscription or {}).get("customer")
    if not ident:
        raise invalid("You must specify a customer.", code="parameter_missing", param="customer")
    customer = get_active_customer(world, ident, "customer")
    currency = params.get("currency") or (subscription or customer).get("currency") or "usd"
    advance = params.get("auto_advance", False)
    invoice = life_cycle.draft(
        world,
        customer,
        currency=currency,
        reason="manual",
        subscription=subscription,
        auto_advance=advance,
        metadata=metadata.merged({}, params.get("metadata")),
        collection_method=params.get("collection_method", "charge_automatically"),
    )
    invoice.update({name: params[name] or None for name in SIMPLE if name in params})
    if params.get("days_until_due"):
        invoice["due_date"] = world.now() + params["days_until_due"] * 86_400
    if params.get("pending_invoice_items_behavior") == "include":
        for item in reversed(world.all("invoiceitem", customer=ident, invoice=None, currency=currency)):
            item["invoice"] = invoice["id"]
            world.save(item)
            invoice["lines"]["data"].append(build_invoice_item_line(world, invoice, item))
    return life_cycle.publish(world, invoice, finalize_in=life_cycle.HOUR if advance else None)


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
    """Update text, metadata and `auto_advance`; `false` stops a draft's finalisation."""
    allow_only(params, *SIMPLE, "metadata", "auto_advance")
    invoice = world.get("invoice", ident)
    with world.edit(invoice, "invoice.updated"):
        invoice["metadata"] = metadata.merged(invoice["metadata"], params.get("metadata"))
        invoice.update({name: params[name] or None for name in SIMPLE if name in params})
        if "auto_advance" in params:
            advance = invoice["auto_advance"] = params["auto_advance"]
            if invoice["status"] == "draft":
                invoice["automatically_finalizes_at"] = world.now() + life_cycle.HOUR if advance else None
    if invoice["status"] == "draft" and (at := invoice["automatically_finalizes_at"]):
        world.schedule(at, "finalize_invoice", invoice=ident)
    return invoice


@route("DELETE", URL + "/{ident}", InvoiceDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    """Delete a draft that was created by hand."""
    invoice = _get_in_status(world, ident, "draft")
    if subscription_status.subscription_id(invoice):
        raise invalid("You can't delete invoices created by subscriptions.")
    world.remove(invoice)
    world.emit("invoice.deleted", invoice)
    return {"id": ident, "object": "invoice", "deleted": True}


@route("POST", URL + "/{ident}/finalize", InvoiceFinalizeInvoiceParams)
def finalize(world: World, params: Obj, ident: str) -> Obj:
    """Finalise a draft; with `auto_advance` the payment is attempted at once."""
    invoice = _get_in_status(world, ident, "draft")
    get_active_customer(world, invoice["customer"])
    invoice["auto_advance"] = params.get("auto_advance", invoice["auto_advance"])
    life_cycle.finalize(world, invoice)
    collect = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if collect and invoice["status"] == "open":
        life_cycle.pay(world, invoice, automatic=True)
    return invoice


@route("POST", URL + "/{ident}/pay", InvoicePayParams)
def pay(world: World, params: Obj, ident: str) -> Obj:
    """Attempt the payment once more, now; raises 402 if the card is declined."""
    allow_only(params, "payment_method", "off_session", "paid_out_of_band")
    invoice = world.get("invoice", ident)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    get_active_customer(world, invoice["customer"])
    if invoice["status"] == "draft":
        life_cycle.finalize(world, invoice)
    if invoice["status"] == "paid":
        return invoice
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid("This invoice can no longer be paid.", code="invoice_not_editable")
    if params.get("paid_out_of_band"):
        life_cycle.mark_paid(world, invoice, out_of_band=True)
        return invoice
    method = None
    if params.get("payment_method"):
        method = world.get("payment_method", params["payment_method"], "payment_method")
        if method["customer"] != invoice["customer"]:
            raise invalid("The payment method does not belong to the invoice's customer.", param="payment_method")
    if method is None and life_cycle.find_default_method(world, invoice) is None:
        raise invalid(
            "There is no `default_payment_method` set on this Customer or Invoice.",
            code="invoice_no_payment_method_types",
        )
    verdict = life_cycle.pay(world, invoice, method=method, off_session=params.get("off_session", True))
    if verdict.kind != "paid":
        raise build_refusal(world, invoice, verdict)
    return invoice


@route("POST", URL + "/{ident}/void", InvoiceVoidInvoiceParams)
def void(world: World, _params: Obj, ident: str) -> Obj:
    """Void an invoice."""
    invoice = _get_in_status(world, ident, "open", "uncollectible")
    life_cycle.close_unpaid(world, invoice, "void")
    return invoice


@route("POST", URL + "/{ident}/mark_uncollectible", InvoiceMarkUncollectibleParams)
def mark_uncollectible(world: World, _params: Obj, ident: str) -> Obj:
    """Write an invoice off; it can still be paid."""
    invoice = _get_in_status(world, ident, "open")
    life_cycle.close_unpaid(world, invoice, "uncollectible")
    return invoice


def build_refusal(world: World, invoice: Obj, verdict: Verdict) -> StripeError:
    """The 402 for a failed attempt, whose changes are kept."""
    if verdict.refusal is None:
        return declined(NEEDS_ACTION)
    intent = life_cycle.find_intent(world, invoice)
    return declined(verdict.refusal, charge=intent["latest_charge"] if intent else None)


def _get_in_status(world: World, ident: str, *statuses: str) -> Obj:
    invoice = world.get("invoice", ident)
    if invoice["status"] not in statuses:
        wanted = " or ".join(statuses)
        raise invalid(
            f"This invoice is {invoice['status']}; it must be {wanted} for this.", code="invoice_not_editable"
        )
    return invoice
