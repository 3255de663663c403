"""Credit notes: built within what is left to credit, issued with what follows from them, voided.

A note first lowers what remains of the invoice (`pre_payment_amount`). The rest was paid and goes back as refunds, to
the customer's balance or outside Stripe, which together must be that rest (SDK, `CreditNote.create`). Refunds that no
note names count against what is left. Source: https://docs.stripe.com/invoicing/integration/programmatic-credit-notes.
"""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import metadata, proration
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices import balance, life_cycle
from sandbox.standin.engine.invoices.credit_note_lines import build_lines
from sandbox.standin.engine.payments import refunds
from sandbox.standin.engine.shapes import credit_note_shape
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

LOST = frozenset({"failed", "canceled"})


def build(world: World, invoice: Obj, params: Obj) -> Obj:
    """Build a note from the API's parameters; nothing is stored. Raises 400 where it does not add up."""
    if invoice["status"] not in {"open", "paid"}:
        raise invalid(f"Credit notes adjust open or paid invoices; this one is {invoice['status']}.", param="invoice")
    earlier = world.all("credit_note", invoice=invoice["id"], status="issued")
    lines = build_lines(world, invoice, params, earlier)
    links = [_link_refund(world, invoice, row, index, earlier) for index, row in enumerate(params.get("refunds", []))]
    ident, more = world.new_id("cn"), _texts(world, invoice, params)
    note = credit_note_shape.credit_note(ident, world.now(), invoice, lines, refunds=links, **more)
    note["pdf"] = world.url(f"/credit_note/{ident}/pdf")
    linked = sum(link["amount_refunded"] for link in links)
    _require_creditable(world, invoice, note, earlier, linked)
    if params.get("amount", note["total"]) != note["total"]:
        raise invalid(f"The amount must be that of the lines, {note['total']}.", param="amount")
    _split(invoice, note)
    if params.get("refund_amount"):
        _get_charge(world, invoice, params["refund_amount"])
    given = linked + sum(params.get(name, 0) for name in ("refund_amount", "credit_amount", "out_of_band_amount"))
    if given != note["post_payment_amount"]:
        sums = [proration.format_money(amount, note["currency"]) for amount in (given, note["post_payment_amount"])]
        parts = "credit amount, refund amount and out of band amount"
        raise invalid(f"The sum of {parts} ({sums[0]}) must equal the credit note amount ({sums[1]}).")
    return note


def issue(world: World, invoice: Obj, note: Obj, params: Obj) -> Obj:
    """Add the note that `build` made of the same parameters, with its refund and its credit; adjust the invoice."""
    if params.get("refund_amount"):
        amount = params["refund_amount"]
        made = refunds.refund(world, _get_charge(world, invoice, amount), {"amount": amount})
        note["refunds"].append(credit_note_shape.linked_refund(made["id"], made["amount"]))
    if params.get("credit_amount"):
        customer = get_active_customer(world, invoice["customer"])
        about = {"type": "credit_note", "credit_note": note["id"], "invoice": invoice["id"]}
        added = balance.change(world, customer, -params["credit_amount"], note["currency"], **about)
        note["customer_balance_transaction"] = added["id"]
    world.emit("credit_note.created", world.add(note))
    _adjust(world, invoice, note, 1)
    return note


def void(world: World, note: Obj) -> None:
    """Void a note: what it took off an open invoice is due again, what it gave to the balance is taken back.

    Raises 400 once the invoice is paid by it, or where money went back, which a note cannot undo.
    """
    invoice = world.get("invoice", note["invoice"])
    if note["status"] == "void":
        raise invalid("This credit note has already been voided.")
    if note["refunds"] or (note["pre_payment_amount"] and invoice["status"] != "open"):
        raise invalid("This credit note can no longer be voided.")
    note.update(status="void", voided_at=world.now())
    if note["customer_balance_transaction"]:
        amount = -world.get(balance.KIND, note["customer_balance_transaction"])["amount"]
        customer = get_active_customer(world, note["customer"])
        about = {"type": "credit_note", "credit_note": note["id"], "invoice": note["invoice"]}
        balance.change(world, customer, amount, note["currency"], **about)
    _adjust(world, invoice, note, -1)
    world.emit("credit_note.voided", world.save(note))


def _texts(world: World, invoice: Obj, params: Obj) -> dict[str, Any]:
    count = len(world.all("credit_note", invoice=invoice["id"]))
    return {
        "effective_at": params.get("effective_at", world.now()),
        "memo": params.get("memo"),
        "metadata": metadata.merged({}, params.get("metadata")),
        "number": f"{invoice['number']}-CN-{count + 1:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "reason": params.get("reason"),
    }


def _split(invoice: Obj, note: Obj) -> None:
    """Divide the note into what was still due and what had been paid."""
    before = min(note["total"], invoice["amount_remaining"])
    after = note["total"] - before
    kind = "mixed" if before and after else "post_payment" if after else "pre_payment"
    note.update(pre_payment_amount=before, post_payment_amount=after, type=kind)


def _require_creditable(world: World, invoice: Obj, note: Obj, earlier: list[Obj], linked: int) -> None:
    """400 if the note, the notes before it and the refunds that none of them names exceed the invoice."""
    refunded = sum(refund["amount"] for refund in _find_refunds(world, invoice) if refund["status"] not in LOST)
    named = linked + sum(link["amount_refunded"] for other in earlier for link in other["refunds"])
    left = invoice["total"] - sum(other["total"] for other in earlier) - max(refunded - named, 0)
    if not 0 < note["total"] <= left:
        most = proration.format_money(max(left, 0), note["currency"])
        raise invalid(f"At most {most} can be credited on this invoice.", param="amount")


def _link_refund(world: World, invoice: Obj, row: Obj, index: int, earlier: list[Obj]) -> Obj:
    """Link what is left of a refund, or the part that is named; 400 if it is not the invoice's."""
    path = f"refunds[{index}]"
    refund = world.get("refund", row.get("refund", ""), f"{path}[refund]")
    if refund not in _find_refunds(world, invoice) or refund["status"] in LOST:
        raise invalid("The refund is not one of this invoice's payment.", param=f"{path}[refund]")
    links = [link for note in earlier for link in note["refunds"] if link["refund"] == refund["id"]]
    left = refund["amount"] - sum(link["amount_refunded"] for link in links)
    amount = row.get("amount_refunded", left)
    if not 0 < amount <= left:
        raise invalid(f"At most {left} of this refund can be linked.", param=f"{path}[amount_refunded]")
    return credit_note_shape.linked_refund(refund["id"], amount)


def _find_charge(world: World, invoice: Obj) -> Obj | None:
    intent = life_cycle.find_intent(world, invoice)
    paid = intent is not None and intent["status"] == "succeeded"
    return world.find(intent["latest_charge"]) if intent is not None and paid else None


def _find_refunds(world: World, invoice: Obj) -> list[Obj]:
    charge = _find_charge(world, invoice)
    return world.all("refund", charge=charge["id"]) if charge is not None else []


def _get_charge(world: World, invoice: Obj, amount: int) -> Obj:
    """The invoice's payment; 400 if so much of it cannot be refunded."""
    charge = _find_charge(world, invoice)
    if charge is None or amount > charge["amount_captured"] - charge["amount_refunded"]:
        raise invalid("The refund amount is more than is left of the invoice's payment.", param="refund_amount")
    return charge


def _adjust(world: World, invoice: Obj, note: Obj, sign: int) -> None:
    """Count the note on its invoice, or with -1 no longer; the invoice is paid when nothing remains."""
    due = sign * note["pre_payment_amount"]
    with world.edit(invoice, "invoice.updated"):
        invoice["amount_due"] -= due
        invoice["amount_remaining"] -= due
        invoice["pre_payment_credit_notes_amount"] += due
        invoice["post_payment_credit_notes_amount"] += sign * note["post_payment_amount"]
    if invoice["status"] == "open" and due:
        life_cycle.change_payment(world, invoice)
