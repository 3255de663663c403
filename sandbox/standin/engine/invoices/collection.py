"""Collecting an open invoice: attempts now and on the account's retry schedule, as long as `auto_advance` is set."""

from __future__ import annotations

from sandbox.standin.engine import retry_settings, subscription_status
from sandbox.standin.engine.cards import OFF_SESSION, CardRefusal, Verdict
from sandbox.standin.engine.invoices import drafts, life_cycle
from sandbox.standin.engine.payments import attempts
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

NO_CARD = CardRefusal("resource_missing", None, "The customer has no default payment method.")


@scheduled("finalize_invoice")
def finalize_due(world: World, invoice: str) -> None:
    """Finalise and collect a draft when its hour has passed, unless somebody has stopped or done it."""
    row = world.find(invoice)
    if row is None or row["status"] != "draft" or row["automatically_finalizes_at"] is None:
        return
    if row["automatically_finalizes_at"] <= world.now():
        life_cycle.finalize(world, row)
        collect(world, row)


def collect(world: World, invoice: Obj) -> None:
    """Attempt the payment of an invoice that Stripe collects: open, `auto_advance`, charged automatically."""
    automatic = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if automatic and invoice["status"] == "open":
        pay(world, invoice, automatic=True)


@scheduled("retry_invoice")
def retry_invoice(world: World, invoice: str) -> None:
    """Attempt the payment at its scheduled time."""
    row = world.find(invoice)
    if row is not None and row["status"] == "open" and row["next_payment_attempt"] == world.now():
        pay(world, row, automatic=True)


def set_auto_advance(world: World, invoice: Obj, *, on: bool) -> None:
    """Start or stop what the clock does with a draft or open invoice; attempts that were missed are made at once."""
    if invoice["status"] == "draft" and on:
        drafts.start_clock(world, invoice)
        return
    if invoice["status"] == "draft":
        drafts.stop_clock(invoice)
        return
    invoice.update(auto_advance=on, next_payment_attempt=None)
    if not on or invoice["collection_method"] != "charge_automatically":
        return
    count, first = invoice["attempt_count"], invoice.get("_first_failed", world.now())
    at = retry_settings.next_attempt(world, first, count) if count else world.now()
    if at is not None:
        _schedule_attempt(world, invoice, max(at, world.now()))


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


def is_processing(world: World, invoice: Obj) -> bool:
    """Whether a payment of the invoice is under way at a bank."""
    intent = life_cycle.find_intent(world, invoice)
    return intent is not None and bool(intent["status"] == "processing")


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
    method, intent = method or find_default_method(world, invoice), life_cycle.find_intent(world, invoice)
    if intent is None:
        raise LookupError(f"{invoice['id']} has no payment intent")
    if intent["status"] == "processing":
        return Verdict("processing")
    if method is None:
        verdict = Verdict("declined", NO_CARD)
        attempts.record_decline(world, intent, None, NO_CARD)
    else:
        back = invoice["hosted_invoice_url"]
        verdict = attempts.attempt(
            world, intent, method, off_session=off_session, authenticated=authenticated, back=back
        )
    if verdict.kind == "paid":
        invoice["attempt_count"] += 1 if automatic else 0
        life_cycle.mark_paid(world, invoice)
    elif verdict.kind == "processing":
        with world.edit(invoice, "invoice.updated"):
            invoice.update(attempted=True, next_payment_attempt=None)
        subscription_status.while_processing(world, invoice)
    else:
        record_failure(world, invoice, verdict, automatic=automatic)
    return verdict


def record_failure(world: World, invoice: Obj, verdict: Verdict, *, automatic: bool) -> None:
    """Count a failed attempt, plan the next one, and let the subscription be past due."""
    first = invoice.setdefault("_first_failed", world.now())
    with world.edit(invoice, "invoice.updated"):
        invoice["attempted"] = True
        if automatic or invoice["attempt_count"] == 0:
            invoice["attempt_count"] += 1
        if automatic:
            at = retry_settings.next_attempt(world, first, invoice["attempt_count"])
            invoice["next_payment_attempt"] = None
            if at is not None and invoice["auto_advance"]:
                _schedule_attempt(world, invoice, at)
    world.save(invoice)
    if verdict.kind == "authenticate" or verdict.refusal == OFF_SESSION:
        world.emit("invoice.payment_action_required", invoice)
    if verdict.kind == "declined":
        world.emit("invoice.payment_failed", invoice)
        subscription_status.after_failure(world, invoice, last=automatic and invoice["next_payment_attempt"] is None)


def _schedule_attempt(world: World, invoice: Obj, at: int) -> None:
    invoice["next_payment_attempt"] = at
    world.schedule(at, "retry_invoice", invoice=invoice["id"])
