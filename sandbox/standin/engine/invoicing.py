"""An invoice's life: draft, finalised, paid, refused, void. Each step emits Stripe's events."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import invoice_totals, payment_attempts, retry_settings, subscription_status
from sandbox.standin.engine.cards import OFF_SESSION, CardRefusal, Verdict
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
    """An invoice without lines that nobody has seen yet; `publish` shows it. With a subscription: its parent is set."""
    fields = {"starting_balance": customer["balance"], **more}
    if subscription is not None:
        details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
        fields["parent"] = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    ident = world.new_id("in")
    return invoice_shape.invoice(
        ident, world.now(), customer=customer, currency=currency, billing_reason=reason, **fields
    )


def draft_for(world: World, subscription: Obj, reason: str, **more: Any) -> Obj:
    """The draft of a subscription's own invoice, with all its discounts where `more` gives no others."""
    customer = world.get("customer", subscription["customer"])
    fields = {"discounts": list(subscription["discounts"]), **more}
    currency = subscription["currency"]
    return draft(world, customer, currency=currency, reason=reason, subscription=subscription, **fields)


def publish(world: World, invoice: Obj, *, finalize_in: int | None = None) -> Obj:
    """The draft with its sums enters the world; the clock finalises it after `finalize_in` seconds."""
    invoice_totals.recompute(world, invoice)
    if finalize_in is not None:
        at = invoice["automatically_finalizes_at"] = world.now() + finalize_in
        world.schedule(at, "finalize_invoice", invoice=invoice["id"])
    world.add(invoice)
    world.emit("invoice.created", invoice)
    return invoice


@scheduled("finalize_invoice")
def finalize_due(world: World, invoice: str) -> None:
    """An hour after its draft: the renewal is finalised and paid, unless somebody stopped or did it."""
    found = world.find(invoice)
    if found is None or found["status"] != "draft" or not found["auto_advance"]:
        return
    if found["automatically_finalizes_at"] is None or found["automatically_finalizes_at"] > world.now():
        return
    finalize(world, found)
    if found["status"] == "open" and found["collection_method"] == "charge_automatically":
        pay(world, found, automatic=True)


def finalize(world: World, invoice: Obj, intent: Obj | None = None) -> None:
    """From now on its lines stand: number, addresses, payment intent. A zero total is paid at once."""
    customer, now = world.get("customer", invoice["customer"]), world.now()
    invoice.update(status="open", starting_balance=customer["balance"], number=_number(world, customer))
    invoice.update(effective_at=now, automatically_finalizes_at=None, webhooks_delivered_at=now)
    invoice["status_transitions"]["finalized_at"] = now
    invoice["hosted_invoice_url"] = world.url(f"/invoice/{invoice['id']}")
    invoice["invoice_pdf"] = world.url(f"/invoice/{invoice['id']}/pdf")
    invoice_totals.recompute(world, invoice)
    world.save(invoice)
    customer["currency"] = customer["currency"] or invoice["currency"]
    if (balance := int(invoice["ending_balance"] or 0)) != customer["balance"]:
        with world.edit(customer, "customer.updated"):
            customer["balance"] = balance
    if invoice["amount_due"] > 0:
        _tie(world, invoice, intent or _intent(world, invoice))
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        settle(world, invoice)


def intent_of(world: World, invoice: Obj) -> Obj | None:
    """The payment intent that is to pay the invoice, or did."""
    ties = world.all("invoice_payment", invoice=invoice["id"])
    return world.find(ties[0]["payment"]["payment_intent"]) if ties else None


def default_method(world: World, invoice: Obj) -> Obj | None:
    """The card to charge: the invoice's, else the subscription's, else the customer's."""
    subscription = subscription_status.subscription_of(world, invoice)
    customer = world.get("customer", invoice["customer"])
    wanted = [invoice["default_payment_method"], subscription and subscription["default_payment_method"]]
    wanted.append(customer["invoice_settings"]["default_payment_method"])
    for ident in wanted:
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
    """Try to collect an open invoice once. `automatic` tries are counted and followed by retries on the clock."""
    method, intent = method or default_method(world, invoice), intent_of(world, invoice)
    if intent is None:
        raise LookupError(f"{invoice['id']} has no payment intent")
    if method is None:
        verdict = Verdict("declined", NO_CARD)
        payment_attempts.refuse(world, intent, None, NO_CARD)
    else:
        back = invoice["hosted_invoice_url"]
        verdict = payment_attempts.attempt(
            world, intent, method, off_session=off_session, authenticated=authenticated, back=back
        )
    if verdict.kind == "paid":
        settle(world, invoice)
    else:
        _unpaid(world, invoice, verdict, automatic=automatic)
    return verdict


def settle(world: World, invoice: Obj, *, out_of_band: bool = False) -> None:
    """It is paid: by its intent, because it is nothing, or elsewhere."""
    now, intent = world.now(), intent_of(world, invoice)
    with world.edit(invoice, "invoice.updated"):
        invoice.update(status="paid", attempted=True, next_payment_attempt=None)
        invoice.update(amount_paid=0 if out_of_band else invoice["amount_due"], amount_remaining=0)
        invoice["attempt_count"] = max(invoice["attempt_count"], 1 if intent else 0)
        invoice["status_transitions"]["paid_at"] = now
    if intent is not None and not out_of_band:
        tie = world.all("invoice_payment", invoice=invoice["id"])[0]
        tie.update(status="paid", amount_paid=invoice["amount_due"])
        tie["status_transitions"]["paid_at"] = now
        world.emit("invoice_payment.paid", world.save(tie))
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    subscription_status.after_payment(world, invoice)


def give_up(world: World, invoice: Obj, status: str) -> None:
    """Void or uncollectible: nobody is asked to pay it any more."""
    stamp, event = {
        "void": ("voided_at", "invoice.voided"),
        "uncollectible": ("marked_uncollectible_at", "invoice.marked_uncollectible"),
    }[status]
    with world.edit(invoice, "invoice.updated"):
        invoice.update(status=status, next_payment_attempt=None, auto_advance=False)
        invoice["status_transitions"][stamp] = world.now()
    for tie in world.all("invoice_payment", invoice=invoice["id"]):
        if status == "void" and tie["status"] == "open":
            tie["status"], tie["status_transitions"]["canceled_at"] = "canceled", world.now()
            world.save(tie)
            payment_attempts.cancel(
                world, world.get("payment_intent", tie["payment"]["payment_intent"]), "void_invoice"
            )
    world.emit(event, invoice)
    subscription_status.after_giving_up(world, invoice)


def _unpaid(world: World, invoice: Obj, verdict: Verdict, *, automatic: bool) -> None:
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


def _intent(world: World, invoice: Obj) -> Obj:
    words = REASONS.get(invoice["billing_reason"], "Payment for Invoice")
    return payment_attempts.new_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description=words,
    )


def _tie(world: World, invoice: Obj, intent: Obj) -> None:
    world.add(payment_shapes.invoice_payment(world.new_id("inpay"), world.now(), invoice, intent["id"]))


def _number(world: World, customer: Obj) -> str:
    """The customer's next invoice number."""
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    world.save(customer)
    return number
