"""`/v1/credit_notes`: create, preview, retrieve, update, void, list, lines."""

from __future__ import annotations

from stripe.params import (
    CreditNoteCreateParams,
    CreditNoteLineItemListParams,
    CreditNoteListParams,
    CreditNotePreviewLinesListParams,
    CreditNotePreviewParams,
    CreditNoteRetrieveParams,
    CreditNoteUpdateParams,
    CreditNoteVoidCreditNoteParams,
)

from sandbox.standin.engine.invoices import credit_note_lines, credit_notes
from sandbox.standin.engine.metadata import merged
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/credit_notes"
PAGE = ("limit", "starting_after", "ending_before")

lists.add_list("credit_note", URL, CreditNoteListParams, "customer", "invoice")
lists.add_retrieve("credit_note", URL, CreditNoteRetrieveParams)


@route("POST", URL, CreditNoteCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Issue a note on an open or paid invoice."""
    invoice, note = _build(world, params)
    return credit_notes.issue(world, invoice, note, params)


@route("GET", URL + "/preview", CreditNotePreviewParams)
def preview(world: World, params: Obj) -> Obj:
    """The note that the same parameters would issue; nothing is stored, refunded or credited."""
    return _build(world, params)[1]


@route("GET", URL + "/preview/lines", CreditNotePreviewLinesListParams)
def preview_lines(world: World, params: Obj) -> Obj:
    """The lines of such a note."""
    page = {name: params.pop(name) for name in PAGE if name in params}
    return lists.list_page(_build(world, params)[1]["lines"]["data"], page, f"{URL}/preview/lines")


@route("POST", URL + "/{ident}", CreditNoteUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Change memo and metadata."""
    allow_only(params, "memo", "metadata")
    note = world.get("credit_note", ident)
    with world.edit(note, "credit_note.updated"):
        note.update(given_fields(params, "memo"))
        note["metadata"] = merged(note["metadata"], params.get("metadata"))
    return note


@route("GET", URL + "/{ident}/lines", CreditNoteLineItemListParams)
def listing(world: World, params: Obj, ident: str) -> Obj:
    """A note's lines, in their own order."""
    return lists.list_page(world.get("credit_note", ident)["lines"]["data"], params, f"{URL}/{ident}/lines")


@route("POST", URL + "/{ident}/void", CreditNoteVoidCreditNoteParams)
def void(world: World, _params: Obj, ident: str) -> Obj:
    """Void a note, as far as it can be undone."""
    note = world.get("credit_note", ident)
    credit_notes.void(world, note)
    return note


def _build(world: World, params: Obj) -> tuple[Obj, Obj]:
    """The invoice, and a note on it that is not in the world yet."""
    allow_only(
        params, "amount", "credit_amount", "effective_at", "invoice", "lines", "memo", "metadata",
        "out_of_band_amount", "reason", "refund_amount", "refunds",
    )  # fmt: skip
    for row in params.get("lines") or []:
        allow_only(row, *credit_note_lines.NAMES)
    for row in params.get("refunds") or []:
        allow_only(row, "amount_refunded", "refund", "type")
    invoice = world.get("invoice", params["invoice"], "invoice")
    return invoice, credit_notes.build(world, invoice, params)
