"""Completes a checkout session: makes customer, subscription and invoice, then emits the event."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import (
    customers,
    invoice_lines,
    invoice_totals,
    invoicing,
    metadata,
    payment_attempts,
    subscription_settings,
    subscription_start,
)
from sandbox.standin.engine.shapes import checkout_shape, invoice_shape
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def complete(world: World, session: Obj, method: Obj | None, intent: Obj | None) -> None:
    """Somebody paid, or there was nothing to pay. `intent` is what paid it, or saved the card in setup mode."""
    customer = _customer(world, session, method)
    if method is not None and customer is not None:
        payment_attempts.attach(world, method, customer)
    if intent is not None and intent["customer"] is None and customer is not None:
        intent["customer"] = customer["id"]
        world.save(intent)
    if session["mode"] == "subscription":
        assert customer is not None  # noqa: S101  # nosec B101  # subscription mode always makes one
        _subscribe(world, session, customer, method, intent)
    elif session["mode"] == "payment":
        _sell(world, session, customer, intent)
    _count_discounts(world, session)
    paid = session["mode"] != "setup" and session["amount_total"] > 0
    session.update(status="complete", url=None, payment_status="paid" if paid else "no_payment_required")
    session["customer"] = customer and customer["id"]
    details = method["billing_details"] if method else {}
    session["customer_details"] = checkout_shape.customer_details(customer, details.get("email"), details.get("name"))
    world.emit("checkout.session.completed", world.save(session))


def _customer(world: World, session: Obj, method: Obj | None) -> Obj | None:
    """Who buys: the session's customer, else a new one where the mode or the caller wants one."""
    if session["customer"]:
        return world.get("customer", session["customer"])
    if session["mode"] != "subscription" and session["customer_creation"] != "always":
        return None
    details = method["billing_details"] if method else {}
    given = {"email": session["customer_email"] or details.get("email"), "name": details.get("name")}
    return customers.create(world, **{name: value for name, value in given.items() if value})


def _discount(world: World, session: Obj, **more: Any) -> list[str]:
    """The session's coupon as a discount in force, if it has one."""
    found = []
    for row in session["discounts"] or []:
        coupon = world.get("coupon", row["coupon"])
        made = invoice_totals.new_discount(
            world,
            coupon,
            customer=session["customer"],
            code=row["promotion_code"],
            checkout_session=session["id"],
            **more,
        )
        found.append(made["id"])
    return found


def _subscribe(world: World, session: Obj, customer: Obj, method: Obj | None, intent: Obj | None) -> None:
    data = session["_data"]["subscription_data"]
    rows = [(world.get("price", line["price"]["id"]), line["quantity"]) for line in session["_lines"]]
    subscription = subscription_start.build(
        world, customer, rows, trial_end=subscription_settings.trial_end(world, data),
        metadata=metadata.merged({}, data.get("metadata")), description=data.get("description"),
        default_payment_method=method and method["id"],
    )  # fmt: skip
    if data.get("trial_settings"):
        behavior = subscription["trial_settings"]["end_behavior"]
        behavior.update(data["trial_settings"].get("end_behavior") or {})
    session["customer"] = customer["id"]
    subscription["discounts"] = _discount(world, session, subscription=subscription["id"])
    invoice = subscription_start.start(world, subscription, intent)
    session.update(subscription=subscription["id"], invoice=invoice["id"])


def _sell(world: World, session: Obj, customer: Obj | None, intent: Obj | None) -> None:
    """One-off: an invoice only where the caller asked for one."""
    if not (session["invoice_creation"] or {}).get("enabled") or customer is None:
        return
    data = session["_data"]["invoice_creation"].get("invoice_data") or {}
    session["customer"] = customer["id"]
    invoice = invoicing.draft(
        world, customer, currency=session["currency"], reason="manual", description=data.get("description"),
        metadata=metadata.merged({}, data.get("metadata")), discounts=_discount(world, session),
    )  # fmt: skip
    now = world.now()
    for line in session["_lines"]:
        item = invoice_shape.invoice_item(
            world.new_id("ii"), now, customer=customer["id"], amount=line["amount_subtotal"],
            currency=session["currency"], description=line["description"], invoice=invoice["id"],
            pricing=invoice_lines.pricing(line["price"]), quantity=line["quantity"],
            quantity_decimal=str(line["quantity"]),
        )  # fmt: skip
        world.emit("invoiceitem.created", world.add(item))
        invoice["lines"]["data"].append(invoice_lines.of_invoice_item(world, invoice, item))
    invoicing.publish(world, invoice)
    invoicing.finalize(world, invoice, intent)
    if invoice["status"] == "open":
        invoicing.settle(world, invoice)
    session["invoice"] = invoice["id"]


def _count_discounts(world: World, session: Obj) -> None:
    for row in session["discounts"] or []:
        for ident in (row["coupon"], row["promotion_code"]):
            found = world.find(ident) if ident else None
            if found is not None:
                found["times_redeemed"] += 1
                if found["object"] == "coupon" and found["times_redeemed"] == found["max_redemptions"]:
                    found["valid"] = False
                world.save(found)
