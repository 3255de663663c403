"""A credit note as PDF."""

from __future__ import annotations

from sandbox.standin.engine.proration import format_money as money
from sandbox.standin.pages import pdf
from sandbox.standin.pages.rendering import format_day
from sandbox.standin.routes import page
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World
from sandbox.web_pages import Page


@page("GET", "/credit_note/{ident}/pdf")
def download(world: World, _form: dict[str, str], ident: str) -> Page:
    """Download the note."""
    note = world.get("credit_note", ident)
    invoice: Obj = world.get("invoice", note["invoice"])
    rows = [f"Credit note {note['number']}", "Sandbox: no money moves", f"Date: {format_day(note['created'])}"]
    rows += [f"Of invoice {invoice['number']}", ""]
    rows += [f"{line['description'] or 'Credit'}: {money(line['amount'], note['currency'])}" for line in
             note["lines"]["data"]]  # fmt: skip
    rows += ["", f"Total: {money(note['total'], note['currency'])}", f"Status: {note['status']}"]
    return Page(pdf.document(rows), kind="application/pdf")
