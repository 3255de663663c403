"""Builds the lines of a credit note: what of an invoice's lines is credited, and lines of its own.

A line is credited by gross amount or by quantity, never both; the discount on it follows in proportion, and the last
credit of a line takes what is left of either (https://docs.stripe.com/invoicing/integration/programmatic-credit-notes).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from sandbox.standin.engine import metadata, proration
from sandbox.standin.engine.shapes import credit_note_shape
from sandbox.standin.errors import invalid, missing_param, not_found
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

NAMES = ("amount", "description", "invoice_line_item", "metadata", "quantity", "type", "unit_amount",
         "unit_amount_decimal")  # fmt: skip


def build_lines(world: World, invoice: Obj, params: Obj, notes: list[Obj]) -> list[Obj]:
    """Build lines from the parameter `lines`, or one of our own over `amount`; `notes` were issued before.

    Raises 400 for a line that is not the invoice's, or of which less is left.
    """
    if not params.get("lines"):
        if "amount" not in params:
            raise missing_param("amount")
        return [credit_note_shape.line(world.new_id("cnli"), "custom_line_item", params["amount"], [], quantity=1)]
    built: list[Obj] = []
    earlier = [line for note in notes for line in note["lines"]["data"]]
    for index, row in enumerate(params["lines"]):
        path = f"lines[{index}]"
        if row["type"] == "custom_line_item":
            built.append(_build_custom(world, row, path))
        else:
            built.append(_build_credit(world, _find_line(invoice, row, path), row, path, earlier + built))
    return built


def _build_custom(world: World, row: Obj, path: str) -> Obj:
    """A line that credits no line of the invoice: a description, a price and a quantity."""
    for name in ("description", "unit_amount"):
        if name not in row and not (name == "unit_amount" and "unit_amount_decimal" in row):
            raise missing_param(f"{path}[{name}]")
    unit = Decimal(str(row.get("unit_amount_decimal", row.get("unit_amount"))))
    quantity = row.get("quantity", 1)
    amount = proration.rounded(Fraction(unit) * quantity)
    more = {"unit_amount": row.get("unit_amount"), "unit_amount_decimal": str(unit), **_texts(row)}
    return credit_note_shape.line(world.new_id("cnli"), row["type"], amount, [], quantity=quantity, **more)


def _build_credit(world: World, line: Obj, row: Obj, path: str, others: Sequence[Obj]) -> Obj:
    """A credit of a line of the invoice; `others` may hold earlier ones of the same line."""
    if ("amount" in row) == ("quantity" in row):
        raise invalid("You must specify one of these parameters: amount, quantity.", param=f"{path}[amount]")
    earlier = [other for other in others if other.get("invoice_line_item") == line["id"]]
    name = "quantity" if "quantity" in row else "amount"
    if any((other["quantity"] is None) == (name == "quantity") for other in earlier):
        raise invalid("A line is credited either by amount or by quantity.", param=f"{path}[{name}]")
    credited = sum(other["amount"] for other in earlier)
    left = line["amount"] - credited
    amount = row["amount"] if name == "amount" else _price(line, row["quantity"], earlier)
    if not 0 < amount <= left:
        raise invalid(f"At most {max(left, 0)} can be credited for this line.", param=f"{path}[{name}]")
    parts = [
        {"amount": _share(part, line, credited + amount, earlier), "discount": part["discount"]}
        for part in line["discount_amounts"]
    ]
    more = {"invoice_line_item": line["id"], "quantity": row.get("quantity"), **_texts(row)}
    more["description"] = line["description"]
    return credit_note_shape.line(world.new_id("cnli"), row["type"], amount, parts, **more)


def _price(line: Obj, quantity: int, earlier: Sequence[Obj]) -> int:
    """The price of so many units of the line, counted from those credited before, so that all add up to the line."""
    before = sum(other["quantity"] for other in earlier)
    whole = proration.rounded(Fraction(line["amount"] * (before + quantity), max(line["quantity"], 1)))
    return whole - int(sum(other["amount"] for other in earlier))


def _share(part: Obj, line: Obj, credited: int, earlier: Sequence[Obj]) -> int:
    """What of a discount on the line belongs to this credit, the line being credited up to `credited` with it."""
    before = sum(
        other["amount"]
        for credit in earlier
        for other in credit["discount_amounts"]
        if other["discount"] == part["discount"]
    )
    return proration.rounded(Fraction(part["amount"] * credited, line["amount"])) - int(before)


def _find_line(invoice: Obj, row: Obj, path: str) -> Obj:
    ident = row.get("invoice_line_item")
    if not ident:
        raise missing_param(f"{path}[invoice_line_item]")
    for line in invoice["lines"]["data"]:
        if line["id"] == ident:
            found: Obj = line
            return found
    raise not_found("line_item", ident, f"{path}[invoice_line_item]", 400)


def _texts(row: Obj) -> Obj:
    return {"description": row.get("description"), "metadata": metadata.merged({}, row.get("metadata"))}
