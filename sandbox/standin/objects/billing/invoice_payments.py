"""`/v1/invoice_payments`: which payment pays which invoice; also `expand[]=payments` on an invoice."""

from __future__ import annotations

from stripe.params import InvoicePaymentListParams, InvoicePaymentRetrieveParams

from sandbox.standin.objects import lists
from sandbox.standin.objects.expand import includable
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/invoice_payments"

lists.add_retrieve("invoice_payment", URL, InvoicePaymentRetrieveParams)


@route("GET", URL, InvoicePaymentListParams)
def listing(world: World, params: Obj) -> Obj:
    """Newest first, filtered by invoice, status and payment."""
    match = {name: params[name] for name in ("invoice", "status") if name in params}
    wanted = params.get("payment") or {}
    kind = wanted.get("type")
    rows = [
        invoice_payment
        for invoice_payment in world.all("invoice_payment", **match)
        if not kind
        or (
            invoice_payment["payment"]["type"] == kind
            and wanted.get(kind, invoice_payment["payment"].get(kind)) == invoice_payment["payment"].get(kind)
        )
    ]
    return lists.list_page(rows, params, URL)


@includable("invoice", "payments")
def payments(world: World, invoice: Obj) -> Obj:
    """The payments of an invoice, when expanded."""
    rows = world.all("invoice_payment", invoice=invoice["id"])
    return lists.list_object(rows, f"{URL}?invoice={invoice['id']}")
