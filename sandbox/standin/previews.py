"""`/v1/invoices/create_preview` and `/v1/invoices/{id}/lines`: what an invoice would say, and what one says."""

from __future__ import annotations

import copy

from stripe.params import InvoiceCreatePreviewParams, InvoiceLineItemListParams

from sandbox.standin import changes, lists, standing, subscribing
from sandbox.standin.buyers import living
from sandbox.standin.errors import invalid
from sandbox.standin.fields import only
from sandbox.standin.routes import route
from sandbox.standin.store import Obj
from sandbox.standin.upcoming import URL, as_preview, next_renewal
from sandbox.standin.world import World

DETAILS = (
    "items", "proration_behavior", "proration_date", "cancel_at_period_end", "cancel_now", "billing_cycle_anchor",
)  # fmt: skip


@route("POST", URL + "/create_preview", InvoiceCreatePreviewParams)
def create_preview(world: World, params: Obj) -> Obj:
    """Of a new subscription, of the next renewal, or of a change; nothing is kept."""
    details = params.get("subscription_details") or {}
    only(params, "subscription", "customer", "currency", "subscription_details")
    only(details, *DETAILS)
    if not params.get("subscription"):
        return as_preview(world, _of_new(world, params, details))
    subscription = copy.deepcopy(world.get("subscription", params["subscription"], "subscription"))
    if subscription["status"] in standing.OVER:
        raise _none()
    ends = details.get("cancel_at_period_end", subscription["cancel_at"] is not None)
    reset = (details.get("billing_cycle_anchor") or {}).get("type") == "now"
    if not details.get("items") and not reset:
        if ends or details.get("cancel_now"):
            raise _none()
        return as_preview(world, next_renewal(world, subscription))
    moment = details.get("proration_date")
    change = changes.plan(world, subscription, details.get("items") or [], moment=moment, reset=reset)
    how = details.get("proration_behavior", "create_prorations")
    if (billed := changes.billed_now(subscription, change, how)) is not None:
        return as_preview(world, changes.invoice_of(world, subscription, billed))
    subscription["items"]["data"] = change.after
    invoice = next_renewal(world, subscription)
    if changes.prorates(subscription, how):
        invoice["lines"]["data"] = changes.lines(world, invoice, change) + invoice["lines"]["data"]
    return as_preview(world, invoice)


@route("GET", URL + "/{ident}/lines", InvoiceLineItemListParams)
def listing(world: World, params: Obj, ident: str) -> Obj:
    """An invoice's lines, in its own order."""
    rows = world.get("invoice", ident)["lines"]["data"]
    return lists.page(rows, params, f"{URL}/{ident}/lines")


def _of_new(world: World, params: Obj, details: Obj) -> Obj:
    """The first invoice of a subscription that nobody has yet."""
    if not params.get("customer"):
        raise invalid("You must give a customer or a subscription.", code="parameter_missing", param="customer")
    customer = living(world, params["customer"], "customer")
    rows = details.get("items") or []
    pairs = [
        (world.get("price", row.get("price", ""), "subscription_details[items]"), row.get("quantity", 1))
        for row in rows
    ]
    return subscribing.first_invoice(world, subscribing.build(world, customer, pairs))


def _none() -> Exception:
    return invalid("No upcoming invoices for this subscription.", code="invoice_upcoming_none", status=404)
