"""The hosted invoice page: lines, card form while open, PDF."""

from __future__ import annotations

from sandbox.standin.engine import cards, subscription_status
from sandbox.standin.engine.cards import NOT_AUTHENTICATED, OFF_SESSION, Verdict
from sandbox.standin.engine.invoices import collection, life_cycle
from sandbox.standin.engine.payments import attempts
from sandbox.standin.engine.proration import format_money as money
from sandbox.standin.pages import card_form, pdf
from sandbox.standin.pages.rendering import format_day, not_found_page, render, secure_step
from sandbox.standin.routes import page
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, redirect

URL = "/invoice/{ident}"


@page("GET", URL)
def show(world: World, form: dict[str, str], ident: str) -> Page:  # noqa: ARG001  # pages are called with the form
    """Show a finalised invoice; drafts are not shown."""
    invoice = world.get("invoice", ident)
    return (
        _render_invoice(world, invoice)
        if invoice["number"]
        else not_found_page("This invoice has not been finalised yet.")
    )


@page("POST", URL)
def pay(world: World, form: dict[str, str], ident: str) -> Page:
    """Pay the invoice with another card; the customer is present for 3-D Secure."""
    invoice = world.get("invoice", ident)
    if invoice["status"] not in {"open", "uncollectible"}:
        return redirect(f"/invoice/{ident}")
    typed = card_form.parse_card(form, world.now())
    if isinstance(typed, str):
        return _render_invoice(world, invoice, form, typed)
    method = attempts.create_payment_method(world, typed)
    return _charge(world, invoice, method, form)


@page("POST", URL + "/confirm")
def confirm(world: World, _form: dict[str, str], ident: str) -> Page:
    """Pay with the card on file; the customer is present for 3-D Secure."""
    invoice = world.get("invoice", ident)
    method = _find_card_to_confirm(world, invoice)
    return redirect(f"/invoice/{ident}") if method is None else _charge(world, invoice, method, {})


@page("GET", URL + "/secure")
def show_secure(world: World, _form: dict[str, str], ident: str) -> Page:
    """Show the page that simulates the bank's 3-D Secure step."""
    invoice = world.get("invoice", ident)
    method = world.find(invoice.get("_method") or "")
    if method is None or invoice["status"] != "open":
        return redirect(f"/invoice/{ident}")
    return secure_step(method, invoice["amount_due"], invoice["currency"], f"/invoice/{ident}/secure")


@page("POST", URL + "/secure")
def answer_secure(world: World, form: dict[str, str], ident: str) -> Page:
    """Complete or fail the 3-D Secure step."""
    invoice = world.get("invoice", ident)
    method, intent = world.find(invoice.get("_method") or ""), life_cycle.find_intent(world, invoice)
    if method is None or intent is None or invoice["status"] != "open":
        return redirect(f"/invoice/{ident}")
    if form.get("answer") != "pass":
        attempts.record_decline(world, intent, method, NOT_AUTHENTICATED)
        return _render_invoice(world, invoice, None, NOT_AUTHENTICATED.message)
    verdict = collection.pay(world, invoice, method=method, off_session=False, authenticated=True)
    return _respond(world, invoice, method, verdict, {})


@page("GET", URL + "/pdf")
def download(world: World, _form: dict[str, str], ident: str) -> Page:
    """Download the invoice as PDF."""
    invoice = world.get("invoice", ident)
    rows = [f"Invoice {invoice['number']}", "Sandbox: no money moves", f"Date: {format_day(invoice['created'])}"]
    rows += [f"To: {invoice['customer_name'] or ''} {invoice['customer_email'] or ''}".rstrip()]
    rows += [*(f"{field['name']}: {field['value']}" for field in invoice["custom_fields"] or ()), ""]
    rows += [f"{line['description']}: {money(line['amount'], line['currency'])}" for line in invoice["lines"]["data"]]
    for part in invoice["total_discount_amounts"]:
        rows.append(f"Discount: {money(-part['amount'], invoice['currency'])}")
    for part in invoice["total_taxes"]:
        rows.append(f"Tax: {money(part['amount'], invoice['currency'])}")
    rows += ["", f"Total: {money(invoice['total'], invoice['currency'])}", f"Status: {invoice['status']}"]
    rows += ["", invoice["footer"]] if invoice["footer"] else []
    return Page(pdf.document(rows), kind="application/pdf")


def _charge(world: World, invoice: Obj, method: Obj, form: dict[str, str]) -> Page:
    invoice["_method"] = method["id"]
    world.save(invoice)
    verdict = collection.pay(world, invoice, method=method, off_session=False)
    return _respond(world, invoice, method, verdict, form)


def _respond(world: World, invoice: Obj, method: Obj, verdict: Verdict, form: dict[str, str]) -> Page:
    if verdict.kind == "authenticate":
        return redirect(f"/invoice/{invoice['id']}/secure")
    if verdict.refusal is not None:
        return _render_invoice(world, invoice, form, verdict.refusal.message)
    if verdict.kind == "paid":
        _keep_card(world, invoice, method)
    return redirect(f"/invoice/{invoice['id']}")


def _keep_card(world: World, invoice: Obj, method: Obj) -> None:
    """Keep the card only if the subscription says so (`save_default_payment_method`)."""
    subscription = subscription_status.find_subscription(world, invoice)
    if subscription is None or subscription["payment_settings"]["save_default_payment_method"] != "on_subscription":
        return
    attempts.attach(world, method, world.get("customer", invoice["customer"]))
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["default_payment_method"] = method["id"]


def _find_card_to_confirm(world: World, invoice: Obj) -> Obj | None:
    """The card on file, if its last payment of this invoice was left for the cardholder to confirm."""
    intent = life_cycle.find_intent(world, invoice) if invoice["status"] == "open" else None
    if intent is None:
        return None
    asked = (intent["last_payment_error"] or {}).get("code") == OFF_SESSION.code
    return collection.find_default_method(world, invoice) if asked or intent["status"] == "requires_action" else None


def _render_invoice(world: World, invoice: Obj, typed: dict[str, str] | None = None, error: str | None = None) -> Page:
    if collection.is_processing(world, invoice):
        error = "A bank debit is under way. Its bank answers within days."
    return render(
        "invoice.html", invoice=invoice, error=error, cards=cards.CARDS, typed=card_form.typed_values(typed),
        customer_email=True, saved=_find_card_to_confirm(world, invoice),
    )  # fmt: skip
