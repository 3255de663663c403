"""The hosted checkout page: order, promotion code, card, 3-D Secure, return to the shop."""

from __future__ import annotations

from sandbox.standin.engine import bank_debits, cards
from sandbox.standin.engine.bank_debits import DebitForm
from sandbox.standin.engine.cards import Verdict
from sandbox.standin.engine.checkout import flow
from sandbox.standin.pages import card_form
from sandbox.standin.pages.rendering import render, secure_step
from sandbox.standin.routes import page
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, redirect

URL = "/c/pay/{ident}"
HEADINGS = {"subscription": "Subscribe", "payment": "Pay", "setup": "Save a card"}


@page("GET", URL)
def show(world: World, form: dict[str, str], ident: str) -> Page:  # noqa: ARG001  # pages are called with the form
    """Show the open session's page, or a notice if it is complete or expired."""
    session = world.get("checkout.session", ident)
    return _render_checkout(world, session) if session["status"] == "open" else _render_closed(session)


@page("POST", URL)
def pay(world: World, form: dict[str, str], ident: str) -> Page:
    """Submit the card. A second click finds the session complete and redirects to the same place."""
    session = world.get("checkout.session", ident)
    if session["status"] != "open":
        return _return_to_shop(session)
    if not flow.needs_card(session):
        flow.submit(world, session, None)
        return _return_to_shop(session)
    typed = card_form.parse_card(form, world.now())
    if isinstance(typed, str):
        return _render_checkout(world, session, form, error=typed)
    return _respond(world, session, flow.submit(world, session, typed), form)


@page("POST", URL + "/debit")
def debit(world: World, form: dict[str, str], ident: str) -> Page:
    """Pay from a bank account; the bank answers days later."""
    session = world.get("checkout.session", ident)
    known = {account.iban for account in bank_debits.ACCOUNTS}
    if session["status"] != "open" or not flow.needs_card(session):
        return _return_to_shop(session)
    iban = bank_debits.normalised(form.get("iban", ""))
    if iban not in known:
        return _render_checkout(world, session, form, error="Choose one of the test accounts.")
    holder = DebitForm(iban, form.get("name", "").strip() or None, form.get("email", "").strip() or None)
    return _respond(world, session, flow.submit(world, session, holder), form)


@page("POST", URL + "/code")
def use_code(world: World, form: dict[str, str], ident: str) -> Page:
    """Apply a promotion code; an empty one removes it."""
    session = world.get("checkout.session", ident)
    if session["status"] != "open" or not session["allow_promotion_codes"]:
        return _render_closed(session)
    text = form.get("code", "")
    if not text.strip():
        flow.set_discount(world, session, None, None)
        world.save(session)
    elif (problem := flow.use_code(world, session, text)) is not None:
        return _render_checkout(world, session, code_error=problem)
    return redirect(session["url"])


@page("GET", URL + "/secure")
def show_secure(world: World, _form: dict[str, str], ident: str) -> Page:
    """Show the page that simulates the bank's 3-D Secure step."""
    session = world.get("checkout.session", ident)
    if session["status"] != "open":
        return _render_closed(session)
    method = world.find(session["_method"] or "")
    if method is None:
        return redirect(session["url"])
    return secure_step(method, session["amount_total"], session["currency"], f"/c/pay/{ident}/secure")


@page("POST", URL + "/secure")
def answer_secure(world: World, form: dict[str, str], ident: str) -> Page:
    """Complete or fail the 3-D Secure step."""
    session = world.get("checkout.session", ident)
    if session["status"] != "open":
        return _return_to_shop(session)
    if session["_method"] is None:
        return redirect(session["url"])
    return _respond(world, session, flow.authenticate(world, session, passed=form.get("answer") == "pass"), {})


def _respond(world: World, session: Obj, verdict: Verdict, form: dict[str, str]) -> Page:
    """The next page after an attempt: the shop, the bank, or the form with the reason."""
    if verdict.kind in {"paid", "processing"}:
        return _return_to_shop(session)
    if verdict.kind == "authenticate":
        return redirect(flow.secure_address(world, session))
    return _render_checkout(world, session, form, error=verdict.refusal.message if verdict.refusal else None)


def _return_to_shop(session: Obj) -> Page:
    """Return to the shop once paid; show a notice if the session expired meanwhile."""
    if session["status"] == "complete" and session["success_url"]:
        return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))
    return _render_closed(session)


def _render_checkout(
    world: World,
    session: Obj,
    typed: dict[str, str] | None = None,
    *,
    error: str | None = None,
    code_error: str | None = None,
) -> Page:
    codes = [world.find(row["promotion_code"]) for row in session["discounts"] or [] if row["promotion_code"]]
    email = session["customer_email"] or (session["customer_details"] or {}).get("email")
    return render(
        "checkout.html",
        session=session,
        heading=HEADINGS[session["mode"]],
        needs_card=flow.needs_card(session),
        code=codes[0]["code"] if codes and codes[0] else None,
        code_error=code_error,
        error=error,
        cards=cards.CARDS,
        accounts=bank_debits.ACCOUNTS,
        typed=card_form.typed_values(typed),
        customer_email=email,
    )


def _render_closed(session: Obj) -> Page:
    if session["status"] == "complete":
        return render(
            "checkout_over.html",
            heading="You're all done here",
            words="This checkout is complete.",
            link=None,
            link_words="",
        )
    return render(
        "checkout_over.html", heading="This page has expired", link=session["cancel_url"], link_words="Go back",
        words="This checkout has expired. Nothing was paid.",
    )  # fmt: skip
