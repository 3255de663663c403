"""The life cycle of an invoice: draft, finalised, paid, failed, void. Every step emits Stripe's events."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import retry_settings, subscription_status
from sandbox.standin.engine.cards import OFF_SESSION, CardRefusal, Verdict
from sandbox.standin.engine.invoices import totals
from sandbox.standin.engine.payments import attempts
from sandbox.standin.engine.shapes import invoice_shape, payment_shapes
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

HOUR = 3600
NO_CARD = CardRefusal("payment_method_unavailable", None, "The customer has no default payment method.")
REASONS = {"subscription_create": "Subscription creation", "subscription_cycle": "Subscription update"}


def draft(
    world: World, customer: Obj, *, currency: str, reason: str, subscription: Obj | None = None, **more: Any
) -> Obj:
    """Build a draft without lines; `publish` adds it to the world. `subscription` becomes its parent."""
    fields = {"starting_balance": customer["balance"], **more}
    if subscription is not None:
        details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
        fields["parent"] = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    ident = world.new_id("in")
    return invoice_shape.invoice(
        ident, world.now(), customer=customer, currency=currency, billing_reason=reason, **fields
    )


def build_subscription_draft(world: World, subscription: Obj, reason: str, **more: Any) -> Obj:
    """Build the draft of a subscription's own invoice, with all its discounts unless `more` overrides them."""
    customer = world.get("customer", subscription["customer"])
    fields = {"discounts": list(subscription["discounts"]), **more}
    currency = subscription["currency"]
    return draft(world, customer, currency=currency, reason=reason, subscription=subscription, **fields)


def publish(world: World, invoice: Obj, *, finalize_in: int | None = None) -> Obj:
    """Add the draft with its totals to the world; the clock finalises it after `finalize_in` seconds."""
    totals.recompute(world, invoice)
    if finalize_in is not None:
        at = invoice["automatically_finalizes_at"] = world.now() + finalize_in
        world.schedule(at, "finalize_invoice", invoice=invoice["id"])
    world.add(invoice)
    world.emit("invoice.created", invoice)
    return invoice


@scheduled("finalize_invoice")
def finalize_due(world: World, invoice: str) -> None:
    """Finalise and collect a renewal an hour after its draft, unless somebody has stopped or done it."""
    row = world.find(invoice)
    if row is None or row["status"] != "draft" or not row["auto_advance"]:
        return
    if row["automatically_finalizes_at"] is None or row["automatically_finalizes_at"] > world.now():
        return
    finalize(world, row)
    if row["status"] == "open" and row["collection_method"] == "charge_automatically":
        pay(world, row, automatic=True)


def finalize(world: World, invoice: Obj, intent: Obj | None = None) -> None:
    """Freeze the lines; set number, URLs and payment intent. An invoice with nothing due is paid at once."""
    customer, now = world.get("customer", invoice["customer"]), world.now()
    invoice.update(status="open", starting_balance=customer["balance"], number=_next_number(world, customer))
    invoice.update(effective_at=now, automatically_finalizes_at=None, webhooks_delivered_at=now)
    invoice["status_transitions"]["finalized_at"] = now
    invoice["hosted_invoice_url"] = world.url(f"/invoice/{invoice['id']}")
    invoice["invoice_pdf"] = world.url(f"/invoice/{invoice['id']}/pdf")
    totals.recompute(world, invoice)
    world.save(invoice)
    customer["currency"] = customer["currency"] or invoice["currency"]
    if (balance := int(invoice["ending_balance"] or 0)) != customer["balance"]:
        with world.edit(customer, "customer.updated"):
            customer["balance"] = balance
    if invoice["amount_due"] > 0:
        _add_invoice_payment(world, invoice, intent or _create_intent(world, invoice))
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        mark_paid(world, invoice)


def find_intent(world: World, invoice: Obj) -> Obj | None:
    """Find the payment intent of the invoice."""
    invoice_payments = world.all("invoice_payment", invoice=invoice["id"])
    return world.find(invoice_payments[0]["payment"]["payment_intent"]) if invoice_payments else None


def find_default_method(world: World, invoice: Obj) -> Obj | None:
    """Find the card to charge: the invoice's, else the subscription's, else the customer's."""
    subscription = subscription_status.find_subscription(world, invoice)
    customer = world.get("customer", invoice["customer"])
    candidates = [invoice["default_payment_method"], subscription and subscription["default_payment_method"]]
    candidates.append(customer["invoice_settings"]["default_payment_method"])
    for ident in candidates:
        method = world.find(ident) if ident else None
        if method is not None and method["customer"] == customer["id"]:
            return method
    return None


def pay(
    world: World,
    invoice: Obj,
    *,
    method: Obj | None = None,
    off_session: bool = True,
    authenticated: bool = False,
    automatic: bool = False,
) -> Verdict:
    """Attempt to collect an open invoice once. `automatic` attempts are counted and retried on the clock."""
    method, intent = method or find_default_method(world, invoice), find_intent(world, invoice)
    if intent is None:
        raise LookupError(f"{invoice['id']} has no payment intent")
    if method is None:
        verdict = Verdict("declined", NO_CARD)
        attempts.record_decline(world, intent, None, NO_CARD)
    else:
        back = invoice["hosted_invoice_url"]
        verdict = attempts.attempt(
            world, intent, method, off_session=off_session, authenticated=authenticated, back=back
        )
    if verdict.kind == "paid":
        mark_paid(world, invoice)
    else:
        _record_failure(world, invoice, verdict, automatic=automatic)
    return verdict


def mark_paid(world: World, invoice: Obj, *, out_of_band: bool = False) -> None:
    """Mark the invoice paid: by its intent, because nothing is due, or out of band."""
    now, intent = world.now(), find_intent(world, invoice)
    with world.edit(invoice, "invoice.updated"):
        invoice.update(status="paid", attempted=True, next_payment_attempt=None)
        invoice.update(amount_paid=0 if out_of_band else invoice["amount_due"], amount_remaining=0)
        invoice["attempt_count"] = max(invoice["attempt_count"], 1 if intent else 0)
        invoice["status_transitions"]["paid_at"] = now
    if intent is not None and not out_of_band:
        invoice_payment = world.all("invoice_payment", invoice=invoice["id"])[0]
        invoice_payment.update(status="paid", amount_paid=invoice["amount_due"])
        invoice_payment["status_transitions"]["paid_at"] = now
        world.emit("invoice_payment.paid", world.save(invoice_payment))
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    subscription_status.after_payment(world, invoice)


def close_unpaid(world: World, invoice: Obj, status: str) -> None:
    """Void the invoice or mark it uncollectible; collection stops."""
    timestamp_field, event = {
        "void": ("voided_at", "invoice.voided"),
        "uncollectible": ("marked_uncollectible_at", "invoice.marked_uncollectible"),
    }[status]
    with world.edit(invoice, "invoice.updated"):
        invoice.update(status=status, next_payment_attempt=None, auto_advance=False)
        invoice["status_transitions"][timestamp_field] = world.now()
    for invoice_payment in world.all("invoice_payment", invoice=invoice["id"]):
        if status == "void" and invoice_payment["status"] == "open":
            invoice_payment["status"], invoice_payment["status_transitions"]["canceled_at"] = "canceled", world.now()
            world.save(invoice_payment)
            attempts.cancel(
                world, world.get("payment_intent", invoice_payment["payment"]["payment_intent"]), "void_invoice"
            )
    world.emit(event, invoice)
    subscription_status.after_closing_unpaid(world, invoice)


def _record_failure(world: World, invoice: Obj, verdict: Verdict, *, automatic: bool) -> None:
    first = invoice.setdefault("_first_failed", world.now())
    with world.edit(invoice, "invoice.updated"):
        invoice["attempted"] = True
        if automatic or invoice["attempt_count"] == 0:
            invoice["attempt_count"] += 1
        if automatic:
            at = retry_settings.next_attempt(world, first, invoice["attempt_count"])
            invoice["next_payment_attempt"] = at
            if at is not None:
                world.schedule(at, "retry_invoice", invoice=invoice["id"])
    world.save(invoice)
    if verdict.kind == "authenticate" or verdict.refusal == OFF_SESSION:
        world.emit("invoice.payment_action_required", invoice)
    if verdict.kind == "declined":
        world.emit("invoice.payment_failed", invoice)
        subscription_status.after_failure(world, invoice, last=automatic and invoice["next_payment_attempt"] is None)


def _create_intent(world: World, invoice: Obj) -> Obj:
    description = REASONS.get(invoice["billing_reason"], "Payment for Invoice")
    return attempts.create_payment_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description=description,
    )


def _add_invoice_payment(world: World, invoice: Obj, intent: Obj) -> None:
    world.add(payment_shapes.invoice_payment(world.new_id("inpay"), world.now(), invoice, intent["id"]))


def _next_number(world: World, customer: Obj) -> str:
    """The customer's next invoice number."""
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    world.save(customer)
    return number
