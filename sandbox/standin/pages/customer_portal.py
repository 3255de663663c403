"""The customer portal: add a card, make it the default, remove it. Its URL is a short-lived secret."""

from __future__ import annotations

from sandbox.standin.engine import cards
from sandbox.standin.engine.payments import attempts, saved_cards
from sandbox.standin.errors import not_found
from sandbox.standin.objects.billing_portal import SESSION
from sandbox.standin.pages import card_form
from sandbox.standin.pages.rendering import not_found_page, render
from sandbox.standin.routes import page
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, redirect

LIFETIME_S = 3600
PLACE = "/p/session/{token}"
NOTICES = {
    "added": "The card is saved.",
    "default": "This card will be used from now on.",
    "removed": "The card has been removed.",
}


class LinkExpired(LookupError):
    """The URL is unknown or has expired."""


@page("GET", PLACE)
def show(world: World, form: dict[str, str], token: str) -> Page:
    try:
        session = _get_session(world, token)
    except LinkExpired:
        return _render_expired()
    return _render_portal(world, session, notice=form.get("notice", ""))


@page("POST", f"{PLACE}/cards")
def add(world: World, form: dict[str, str], token: str) -> Page:
    try:
        session = _get_session(world, token)
    except LinkExpired:
        return _render_expired()
    card_data = card_form.parse_card(form, world.now())
    if isinstance(card_data, str):
        return _render_portal(world, session, error=card_data, typed=form)
    intent = saved_cards.create_setup_intent(world, session["customer"], {})
    card = attempts.create_payment_method(world, card_data)
    verdict = saved_cards.attempt_setup(world, intent, card, authenticated=False, back=session["url"])
    if verdict.kind == "authenticate":
        return _render_portal(world, session, intent=intent)
    if verdict.refusal is not None:
        return _render_portal(world, session, error=verdict.refusal.message, typed=form)
    return _use_new_card(world, session, card)


@page("POST", f"{PLACE}/authenticate")
def authenticate(world: World, form: dict[str, str], token: str) -> Page:
    try:
        session = _get_session(world, token)
        intent, card = _get_waiting_intent(world, session, form.get("intent", ""))
    except LinkExpired:
        return _render_expired()
    if form.get("answer") != "pass":
        saved_cards.record_setup_decline(world, intent, card, cards.NOT_AUTHENTICATED)
        return _render_portal(world, session, error=cards.NOT_AUTHENTICATED.message)
    saved_cards.attempt_setup(world, intent, card, authenticated=True, back=session["url"])
    return _use_new_card(world, session, card)


@page("POST", f"{PLACE}/default")
def choose(world: World, form: dict[str, str], token: str) -> Page:
    return _change_card(world, token, form, "default")


@page("POST", f"{PLACE}/remove")
def remove(world: World, form: dict[str, str], token: str) -> Page:
    return _change_card(world, token, form, "removed")


def _change_card(world: World, token: str, form: dict[str, str], notice: str) -> Page:
    """Make a card the default, or remove it."""
    try:
        session = _get_session(world, token)
    except LinkExpired:
        return _render_expired()
    card = saved_cards.get_customer_card(world, form.get("card", ""), session["customer"], "card")
    if notice == "removed":
        saved_cards.detach(world, card)
        return redirect(f"{session['url']}?notice={notice}")
    saved_cards.make_default(world, world.get("customer", session["customer"]), card)
    return _respond(session, notice)


def _use_new_card(world: World, session: Obj, card: Obj) -> Page:
    saved_cards.make_default(world, world.get("customer", session["customer"]), card)
    return _respond(session, "added")


def _respond(session: Obj, notice: str) -> Page:
    """The next page after a finished flow; without one, this page again."""
    after = (session["flow"] or {}).get("after_completion") or {}
    if after.get("type") == "redirect":
        return redirect(after["redirect"]["return_url"])
    return redirect(f"{session['url']}?notice={notice}")


def _get_session(world: World, token: str) -> Obj:
    for session in world.all(SESSION, _token=token):
        if session["created"] + LIFETIME_S > world.now():
            return session
    raise LinkExpired(token)


def _get_waiting_intent(world: World, session: Obj, identifier: str) -> tuple[Obj, Obj]:
    """The customer's setup intent that awaits 3-D Secure, and its card."""
    intent = world.find(identifier)
    if intent is None or intent["object"] != "setup_intent" or intent["customer"] != session["customer"]:
        raise not_found("setup_intent", identifier)
    if intent["status"] != "requires_action":
        raise LinkExpired(identifier)
    return intent, world.get("payment_method", intent["payment_method"])


def _render_expired() -> Page:
    return not_found_page("This link has expired. Go back and open it again.")


def _render_portal(
    world: World, session: Obj, *, error: str = "", notice: str = "", typed: dict[str, str] | None = None,
    intent: Obj | None = None,
) -> Page:  # fmt: skip
    customer = world.get("customer", session["customer"])
    return render(
        "portal.html",
        200 if not error else 402,
        place=f"/p/session/{session['_token']}",
        customer=customer,
        saved=world.all("payment_method", customer=customer["id"]),
        default=customer["invoice_settings"]["default_payment_method"],
        back=session["return_url"],
        cards=cards.CARDS,
        customer_email=True,
        error=error,
        notice=NOTICES.get(notice, ""),
        typed=card_form.typed_values(typed),
        intent=intent,
    )
