"""`/v1/invoices/create_preview` and `/v1/invoices/{id}/lines`."""

from __future__ import annotations

import copy

from stripe.params import InvoiceCreatePreviewParams, InvoiceLineItemListParams

from sandbox.standin.engine import subscription_status
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.subscriptions import changes
from sandbox.standin.engine.subscriptions.prorations import build_lines
from sandbox.standin.engine.subscriptions.start import build_subscription, first_invoice
from sandbox.standin.engine.subscriptions.upcoming import URL, as_preview, is_renewed, next_renewal
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

DETAILS = (
    "items", "proration_behavior", "proration_date", "cancel_at_period_end", "cancel_now", "billing_cycle_anchor",
)  # fmt: skip


@route("POST", URL + "/create_preview", InvoiceCreatePreviewParams)
def create_preview(world: World, params: Obj) -> Obj:
    """Preview a new subscription, the next renewal, or a change; nothing is stored."""
    details = params.get("subscription_details") or {}
    allow_only(params, "subscription", "customer", "currency", "subscription_details")
    allow_only(details, *DETAILS)
    if not params.get("subscription"):
        return as_preview(world, _preview_new(world, params, details))
    subscription = copy.deepcopy(world.get("subscription", params["subscription"], "subscription"))
    if subscription["status"] in subscription_status.OVER:
        raise _no_upcoming()
    ends = details.get("cancel_at_period_end", not is_renewed(subscription))
    reset = (details.get("billing_cycle_anchor") or {}).get("type") == "now"
    if not details.get("items") and not reset:
        if ends or details.get("cancel_now"):
            raise _no_upcoming()
        return as_preview(world, next_renewal(world, subscription))
    how = details.get("proration_behavior", "create_prorations")
    if how == "none" and "proration_date" in details:
        raise invalid(
            "You cannot pass `proration_date` without prorations.", param="subscription_details[proration_date]"
        )
    moment = details.get("proration_date")
    change = changes.plan_change(world, subscription, details.get("items") or [], moment=moment, reset=reset)
    if (billed := changes.billed_now(change, how)) is not None:
        return as_preview(world, changes.build_invoice(world, subscription, billed))
    draft: Obj = {"id": None}
    lines = build_lines(world, subscription, draft, change) if changes.prorates(change, how) else []
    subscription["items"]["data"] = change.after
    invoice = next_renewal(world, subscription)
    invoice["lines"]["data"] = lines + invoice["lines"]["data"]
    return as_preview(world, invoice)


@route("GET", URL + "/{ident}/lines", InvoiceLineItemListParams)
def listing(world: World, params: Obj, ident: str) -> Obj:
    """An invoice's lines, in their own order."""
    rows = world.get("invoice", ident)["lines"]["data"]
    return lists.list_page(rows, params, f"{URL}/{ident}/lines")


def _preview_new(world: World, params: Obj, details: Obj) -> Obj:
    """The first invoice of a subscription that does not exist yet."""
    if not params.get("customer"):
        raise invalid("You must give a customer or a subscription.", code="parameter_missing", param="customer")
    customer = get_active_customer(world, params["customer"], "customer")
    rows = details.get("items") or []
    pairs = [
        (world.get("price", row.get("price", ""), "subscription_details[items]"), row.get("quantity", 1))
        for row in rows
    ]
    return first_invoice(world, build_subscription(world, customer, pairs))


def _no_upcoming() -> Exception:
    return invalid("No upcoming invoices for this subscription.", code="invoice_upcoming_none", status=404)
