"""Credit notes and their lines, with every field in Stripe's description. Pure."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine.shapes.subscription_shape import embedded_list

Obj = dict[str, Any]


def credit_note(ident: str, now: int, invoice: Obj, lines: list[Obj], **more: Any) -> Obj:
    """A note on the invoice with these lines, issued now. `more` overrides any field."""
    return {
        "id": ident,
        "object": "credit_note",
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "effective_at": now,
        "invoice": invoice["id"],
        "lines": embedded_list(f"/v1/credit_notes/{ident}/lines", lines),
        "livemode": False,
        "memo": None,
        "metadata": {},
        "out_of_band_amount": None,
        "reason": None,
        "refunds": [],
        "status": "issued",
        "voided_at": None,
        **_sums(lines),
        **more,
    }


def _sums(lines: list[Obj]) -> Obj:
    """The totals of the lines, by discount too. There is neither tax nor shipping."""
    subtotal, discount = (sum(line[name] for line in lines) for name in ("amount", "discount_amount"))
    by_discount: dict[str, int] = {}
    for line in lines:
        for part in line["discount_amounts"]:
            by_discount[part["discount"]] = by_discount.get(part["discount"], 0) + part["amount"]
    parts = [{"amount": amount, "discount": ident} for ident, amount in by_discount.items()]
    total = subtotal - discount
    return {
        "amount": total,
        "amount_shipping": 0,
        "discount_amount": discount,
        "discount_amounts": parts,
        "pretax_credit_amounts": [{**part, "type": "discount"} for part in parts],
        "shipping_cost": None,
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": total,
        "total_taxes": [],
    }


def line(ident: str, kind: str, amount: int, discounts: list[Obj], **more: Any) -> Obj:
    """A line of a note: `amount` is gross, `discounts` the parts of it that were never paid."""
    return {
        "id": ident,
        "object": "credit_note_line_item",
        "amount": amount,
        "description": None,
        "discount_amount": sum(part["amount"] for part in discounts),
        "discount_amounts": discounts,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [{**part, "type": "discount"} for part in discounts],
        "quantity": None,
        "tax_rates": [],
        "taxes": [],
        "type": kind,
        "unit_amount": None,
        "unit_amount_decimal": None,
        **more,
    }


def linked_refund(refund: str, amount: int) -> Obj:
    """The part of a refund that belongs to a note."""
    return {"amount_refunded": amount, "payment_record_refund": None, "refund": refund, "type": "refund"}
