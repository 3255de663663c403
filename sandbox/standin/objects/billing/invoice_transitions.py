"""`/v1/invoices/{id}/…`: finalize, pay, void, mark_uncollectible.

Which of them a status allows: https://docs.stripe.com/invoicing/integration/workflow-transitions.
"""

from __future__ import annotations

from stripe.params import (
    InvoiceFinalizeInvoiceParams,
    InvoiceMarkUncollectibleParams,
    InvoicePayParams,
    InvoiceVoidInvoiceParams,
)

from sandbox.standin.engine.cards import NEEDS_ACTION, Verdict, declined
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import collection, life_cycle
from sandbox.standin.errors import StripeError, invalid
from sandbox.standin.objects.billing.invoices import URL
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

NOT_OPEN = "You can only pass in open invoices. This invoice isn't open."


@route("POST", URL + "/{ident}/finalize", InvoiceFinalizeInvoiceParams)
def finalize(world: World, params: Obj, ident: str) -> Obj:
    """Finalise a draft; with `auto_advance` it is collected from now on."""
    invoice = world.get("invoice", ident)
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    get_active_customer(world, invoice["customer"])
    invoice["auto_advance"] = params.get("auto_advance", invoice["auto_advance"])
    life_cycle.finalize(world, invoice)
    collection.collect(world, invoice)
    return invoice


@route("POST", URL + "/{ident}/pay", InvoicePayParams)
def pay(world: World, params: Obj, ident: str) -> Obj:
    """Attempt the payment once, now, and finalise a draft before; raises 402 if the card is declined."""
    allow_only(params, "payment_method", "off_session", "paid_out_of_band")
    invoice = world.get("invoice", ident)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    get_active_customer(world, invoice["customer"])
    if invoice["status"] == "draft":
        life_cycle.finalize(world, invoice)
    if invoice["status"] == "paid":
        return invoice
    if invoice["status"] == "void":
        raise invalid("This invoice can no longer be paid.", code="invoice_not_editable")
    if params.get("paid_out_of_band"):
        life_cycle.mark_paid(world, invoice, out_of_band=True)
        return invoice
    method = _get_method(world, invoice, params)
    verdict = collection.pay(world, invoice, method=method, off_session=params.get("off_session", True))
    if verdict.kind not in {"paid", "processing"}:
        raise _build_refusal(world, invoice, verdict)
    return invoice


@route("POST", URL + "/{ident}/void", InvoiceVoidInvoiceParams)
def void(world: World, _params: Obj, ident: str) -> Obj:
    """Void an invoice that is not paid; what the customer's balance paid goes back."""
    invoice = world.get("invoice", ident)
    if invoice["status"] == "paid":
        raise invalid("Invoices with `paid` payments cannot be voided.")
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(NOT_OPEN)
    life_cycle.close_unpaid(world, invoice, "void")
    return invoice


@route("POST", URL + "/{ident}/mark_uncollectible", InvoiceMarkUncollectibleParams)
def mark_uncollectible(world: World, _params: Obj, ident: str) -> Obj:
    """Write an invoice off; it can still be paid."""
    invoice = world.get("invoice", ident)
    if invoice["status"] == "uncollectible":
        raise invalid("This invoice has already been marked uncollectible.")
    if invoice["status"] != "open":
        raise invalid(NOT_OPEN)
    life_cycle.close_unpaid(world, invoice, "uncollectible")
    return invoice


def _get_method(world: World, invoice: Obj, params: Obj) -> Obj | None:
    """The card that the call names, None for the default one; 400 if there is neither."""
    if params.get("payment_method"):
        method = world.get("payment_method", params["payment_method"], "payment_method")
        if method["customer"] != invoice["customer"]:
            raise invalid("The payment method does not belong to the invoice's customer.", param="payment_method")
        return method
    if collection.find_default_method(world, invoice) is None:
        raise invalid(
            "There is no `default_payment_method` set on this Customer or Invoice.",
            code="invoice_no_payment_method_types",
        )
    return None


def _build_refusal(world: World, invoice: Obj, verdict: Verdict) -> StripeError:
    """The 402 for a failed attempt, whose changes are kept."""
    if verdict.refusal is None:
        return declined(NEEDS_ACTION)
    intent = life_cycle.find_intent(world, invoice)
    return declined(verdict.refusal, charge=intent["latest_charge"] if intent else None)
