"""Completes a checkout session: creates customer, subscription and invoice, then emits the event."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import customers, metadata
from sandbox.standin.engine.invoices import discounts, drafts, life_cycle
from sandbox.standin.engine.invoices.lines import build_invoice_item_line, build_pricing
from sandbox.standin.engine.payments import attempts
from sandbox.standin.engine.shapes import checkout_shape, invoice_shape
from sandbox.standin.engine.subscriptions.start import build_subscription, start_subscription
from sandbox.standin.engine.subscriptions.trials import parse_end
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def complete(world: World, session: Obj, method: Obj | None, intent: Obj | None) -> None:
    """Complete a session that is paid, being paid or free. `intent` pays it, or saved the card in setup mode."""
    customer = _ensure_customer(world, session, method)
    if method is not None and customer is not None:
        attempts.attach(world, method, customer)
    if intent is not None and intent["customer"] is None and customer is not None:
        intent["customer"] = customer["id"]
        world.save(intent)
    if session["mode"] == "subscription":
        assert customer is not None  # noqa: S101  # nosec B101  # subscription mode always creates one
        _create_subscription(world, session, customer, method, intent)
    elif session["mode"] == "payment":
        _create_invoice(world, session, customer, intent)
    _count_discounts(world, session)
    session.update(status="complete", url=None, payment_status=_payment_status(session, intent))
    session["customer"] = customer and customer["id"]
    details = method["billing_details"] if method else {}
    session["customer_details"] = checkout_shape.customer_details(customer, details.get("email"), details.get("name"))
    world.emit("checkout.session.completed", world.save(session))


def _payment_status(session: Obj, intent: Obj | None) -> str:
    """What was paid: a debit that is under way is `unpaid` until the bank answers."""
    if session["mode"] == "setup" or session["amount_total"] == 0:
        return "no_payment_required"
    return "unpaid" if intent is not None and intent["status"] == "processing" else "paid"


def _ensure_customer(world: World, session: Obj, method: Obj | None) -> Obj | None:
    """The buyer: the session's customer, or a new one if the mode or the caller requires one."""
    if session["customer"]:
        return world.get("customer", session["customer"])
    if session["mode"] != "subscription" and session["customer_creation"] != "always":
        return None
    details = method["billing_details"] if method else {}
    known = {"email": session["customer_email"] or details.get("email"), "name": details.get("name")}
    return customers.create(world, **{name: value for name, value in known.items() if value})


def _create_discounts(world: World, session: Obj, **more: Any) -> list[str]:
    """Create the session's discounts; usually none or one."""
    discount_ids = []
    for row in session["discounts"] or []:
        coupon = world.get("coupon", row["coupon"])
        discount = discounts.new_discount(
            world,
            coupon,
            customer=session["customer"],
            code=row["promotion_code"],
            checkout_session=session["id"],
            **more,
        )
        discount_ids.append(discount["id"])
    return discount_ids


def _create_subscription(world: World, session: Obj, customer: Obj, method: Obj | None, intent: Obj | None) -> None:
    data = session["_data"]["subscription_data"]
    rows = [(world.get("price", line["price"]["id"]), line["quantity"]) for line in session["_lines"]]
    subscription = build_subscription(
        world, customer, rows, trial_end=parse_end(world, data),
        metadata=metadata.merged({}, data.get("metadata")), description=data.get("description"),
        default_payment_method=method and method["id"],
    )  # fmt: skip
    if data.get("trial_settings"):
        behavior = subscription["trial_settings"]["end_behavior"]
        behavior.update(data["trial_settings"].get("end_behavior") or {})
    session["customer"] = customer["id"]
    subscription["discounts"] = _create_discounts(world, session, subscription=subscription["id"])
    invoice = start_subscription(world, subscription, intent)
    session.update(subscription=subscription["id"], invoice=invoice["id"])


def _create_invoice(world: World, session: Obj, customer: Obj | None, intent: Obj | None) -> None:
    """A one-off sale: creates an invoice only if the caller asked for one."""
    if not (session["invoice_creation"] or {}).get("enabled") or customer is None:
        return
    data = session["_data"]["invoice_creation"].get("invoice_data") or {}
    session["customer"] = customer["id"]
    invoice = drafts.draft(
        world, customer, currency=session["currency"], reason="manual", description=data.get("description"),
        metadata=metadata.merged({}, data.get("metadata")), discounts=_create_discounts(world, session),
    )  # fmt: skip
    now = world.now()
    for line in session["_lines"]:
        item = invoice_shape.invoice_item(
            world.new_id("ii"), now, customer=customer["id"], amount=line["amount_subtotal"],
            currency=session["currency"], description=line["description"], invoice=invoice["id"],
            pricing=build_pricing(line["price"]), quantity=line["quantity"],
            quantity_decimal=str(line["quantity"]),
        )  # fmt: skip
        world.emit("invoiceitem.created", world.add(item))
        invoice["lines"]["data"].append(build_invoice_item_line(world, invoice, item))
    drafts.publish(world, invoice)
    life_cycle.finalize(world, invoice, intent)
    if invoice["status"] == "open" and (intent is None or intent["status"] == "succeeded"):
        life_cycle.mark_paid(world, invoice)
    session["invoice"] = invoice["id"]


def _count_discounts(world: World, session: Obj) -> None:
    for row in session["discounts"] or []:
        for ident in (row["coupon"], row["promotion_code"]):
            source = world.find(ident) if ident else None
            if source is not None:
                source["times_redeemed"] += 1
                if source["object"] == "coupon" and source["times_redeemed"] == source["max_redemptions"]:
                    source["valid"] = False
                world.save(source)
