"""The life cycle of an invoice: finalised, paid, void, uncollectible. Every step emits Stripe's events."""

from __future__ import annotations

from sandbox.standin.engine import subscription_status
from sandbox.standin.engine.invoices import balance, totals
from sandbox.standin.engine.payments import attempts
from sandbox.standin.engine.shapes import payment_shapes
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

REASONS = {"subscription_create": "Subscription creation", "subscription_cycle": "Subscription update"}


def finalize(world: World, invoice: Obj, intent: Obj | None = None) -> None:
    """Freeze the lines; set number, URLs and payment intent; take the customer's balance into account.

    An invoice with nothing due is paid at once. One that `intent` pays, from Checkout, leaves the balance alone.
    """
    customer = _freeze(world, invoice)
    if intent is None:
        balance.settle(world, customer, invoice)
    _open(world, invoice, intent)
    if invoice["amount_due"] == 0:
        mark_paid(world, invoice)


def finalize_closed(world: World, invoice: Obj, status: str) -> None:
    """Finalise an invoice only to void it or write it off: it leaves the balance alone and is never collected."""
    _freeze(world, invoice)
    _open(world, invoice, None)
    close_unpaid(world, invoice, status)


def _freeze(world: World, invoice: Obj) -> Obj:
    """Set what a final invoice has beside its amounts; due is the total. Returns the customer."""
    customer, now = world.get("customer", invoice["customer"]), world.now()
    invoice.update(status="open", number=_next_number(world, customer), starting_balance=0)
    invoice.update(effective_at=now, automatically_finalizes_at=None, webhooks_delivered_at=now)
    invoice["status_transitions"]["finalized_at"] = now
    invoice["hosted_invoice_url"] = world.url(f"/invoice/{invoice['id']}")
    invoice["invoice_pdf"] = world.url(f"/invoice/{invoice['id']}/pdf")
    totals.recompute(world, invoice)
    invoice.update(starting_balance=customer["balance"], ending_balance=customer["balance"])
    customer["currency"] = customer["currency"] or invoice["currency"]
    world.save(customer)
    return customer


def _open(world: World, invoice: Obj, intent: Obj | None) -> None:
    if invoice["amount_due"] > 0:
        paying = (intent or _create_intent(world, invoice))["id"]
        world.add(payment_shapes.invoice_payment(world.new_id("inpay"), world.now(), invoice, paying))
    world.emit("invoice.finalized", world.save(invoice))


def find_intent(world: World, invoice: Obj) -> Obj | None:
    """Find the payment intent of the invoice."""
    invoice_payments = world.all("invoice_payment", invoice=invoice["id"])
    return world.find(invoice_payments[0]["payment"]["payment_intent"]) if invoice_payments else None


def mark_paid(world: World, invoice: Obj, *, out_of_band: bool = False) -> None:
    """Mark the invoice paid: by its intent, because nothing is due (any more), or out of band."""
    now, intent = world.now(), find_intent(world, invoice)
    charged = intent is not None and intent["status"] == "succeeded" and not out_of_band
    with world.edit(invoice, "invoice.updated"):
        invoice.update(status="paid", attempted=True, next_payment_attempt=None, auto_advance=False)
        invoice.update(amount_paid=0 if out_of_band else invoice["amount_due"], amount_remaining=0)
        invoice["attempt_count"] = max(invoice["attempt_count"], 1 if charged else 0)
        invoice["status_transitions"]["paid_at"] = now
    if charged:
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
    if status == "void":
        cancel_payment(world, invoice, "void_invoice")
        balance.give_back(world, invoice)
    world.emit(event, invoice)
    subscription_status.after_closing_unpaid(world, invoice)


def change_payment(world: World, invoice: Obj) -> None:
    """After a change of what remains of an open invoice: its payment is about that; none is left if nothing is."""
    if invoice["amount_remaining"] == 0:
        cancel_payment(world, invoice, "automatic")
        mark_paid(world, invoice)
        return
    for row in world.all("invoice_payment", invoice=invoice["id"], status="open"):
        row["amount_requested"] = invoice["amount_remaining"]
        world.save(row)
        intent = world.get("payment_intent", row["payment"]["payment_intent"])
        intent["amount"] = invoice["amount_remaining"]
        world.save(intent)


def cancel_payment(world: World, invoice: Obj, reason: str) -> None:
    """Cancel the payment that an open invoice awaited."""
    for row in world.all("invoice_payment", invoice=invoice["id"], status="open"):
        row["status"], row["status_transitions"]["canceled_at"] = "canceled", world.now()
        world.save(row)
        attempts.cancel(world, world.get("payment_intent", row["payment"]["payment_intent"]), reason)


def _create_intent(world: World, invoice: Obj) -> Obj:
    description = REASONS.get(invoice["billing_reason"], "Payment for Invoice")
    return attempts.create_payment_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description=description,
    )


def _next_number(world: World, customer: Obj) -> str:
    """The customer's next invoice number."""
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    world.save(customer)
    return number
