"""The hosted invoice page: lines, card form while open, PDF."""

from __future__ import annotations

from sandbox.standin.engine import cards, invoicing, payment_attempts, subscription_status
from sandbox.standin.engine.cards import NOT_AUTHENTICATED, Verdict
from sandbox.standin.engine.proration import format_money as money
from sandbox.standin.pages import card_form, pdf
from sandbox.standin.pages.rendering import format_day, not_found_page, render, secure_step
from sandbox.standin.routes import page
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, redirect

URL = "/invoice/{ident}"


@page("GET", URL)
def show(world: World, form: dict[str, str], ident: str) -> Page:  # noqa: ARG001  # every page is given the fields
    """A finalised invoice; nothing of a draft."""
    invoice = world.get("invoice", ident)
    return _shown(invoice) if invoice["number"] else not_found_page("This invoice is not finalised yet.")


@page("POST", URL)
def pay(world: World, form: dict[str, str], ident: str) -> Page:
    """Pay it with another card, the customer being there for 3-D Secure."""
    invoice = world.get("invoice", ident)
    if invoice["status"] not in {"open", "uncollectible"}:
        return redirect(f"/invoice/{ident}")
    typed = card_form.parse_card(form, world.now())
    if isinstance(typed, str):
        return _shown(invoice, form, typed)
    method = payment_attempts.new_method(world, typed)
    invoice["_method"] = method["id"]
    world.save(invoice)
    verdict = invoicing.pay(world, invoice, method=method, off_session=False)
    return _led(world, invoice, method, verdict, form)


@page("GET", URL + "/secure")
def show_secure(world: World, _form: dict[str, str], ident: str) -> Page:
    """The step that stands for the bank's page."""
    invoice = world.get("invoice", ident)
    method = world.find(invoice.get("_method") or "")
    if method is None or invoice["status"] != "open":
        return redirect(f"/invoice/{ident}")
    return secure_step(method, invoice["amount_due"], invoice["currency"], f"/invoice/{ident}/secure")


@page("POST", URL + "/secure")
def answer_secure(world: World, form: dict[str, str], ident: str) -> Page:
    """Complete or fail it."""
    invoice = world.get("invoice", ident)
    method, intent = world.find(invoice.get("_method") or ""), invoicing.intent_of(world, invoice)
    if method is None or intent is None or invoice["status"] != "open":
        return redirect(f"/invoice/{ident}")
    if form.get("answer") != "pass":
        payment_attempts.refuse(world, intent, method, NOT_AUTHENTICATED)
        return _shown(invoice, None, NOT_AUTHENTICATED.message)
    verdict = invoicing.pay(world, invoice, method=method, off_session=False, authenticated=True)
    return _led(world, invoice, method, verdict, {})


@page("GET", URL + "/pdf")
def download(world: World, _form: dict[str, str], ident: str) -> Page:
    """The same as a PDF."""
    invoice = world.get("invoice", ident)
    rows = [f"Invoice {invoice['number']}", "Sandbox: no money moves", f"Date: {format_day(invoice['created'])}"]
    rows += [f"To: {invoice['customer_name'] or ''} {invoice['customer_email'] or ''}".rstrip(), ""]
    rows += [f"{line['description']}: {money(line['amount'], line['currency'])}" for line in invoice["lines"]["data"]]
    for part in invoice["total_discount_amounts"]:
        rows.append(f"Discount: {money(-part['amount'], invoice['currency'])}")
    rows += ["", f"Total: {money(invoice['total'], invoice['currency'])}", f"Status: {invoice['status']}"]
    return Page(pdf.document(rows), kind="application/pdf")


def _led(world: World, invoice: Obj, method: Obj, verdict: Verdict, form: dict[str, str]) -> Page:
    if verdict.kind == "authenticate":
        return redirect(f"/invoice/{invoice['id']}/secure")
    if verdict.refusal is not None:
        return _shown(invoice, form, verdict.refusal.message)
    _keep_card(world, invoice, method)
    return redirect(f"/invoice/{invoice['id']}")


def _keep_card(world: World, invoice: Obj, method: Obj) -> None:
    """The card is kept only for a subscription that says so (`save_default_payment_method`)."""
    subscription = subscription_status.subscription_of(world, invoice)
    if subscription is None or subscription["payment_settings"]["save_default_payment_method"] != "on_subscription":
        return
    payment_attempts.attach(world, method, world.get("customer", invoice["customer"]))
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["default_payment_method"] = method["id"]


def _shown(invoice: Obj, typed: dict[str, str] | None = None, error: str | None = None) -> Page:
    return render(
        "invoice.html", invoice=invoice, error=error, cards=cards.CARDS, typed=card_form.typed(typed),
        customer_email=True,
    )  # fmt: skip
