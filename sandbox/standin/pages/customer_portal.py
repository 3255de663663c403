"""The customer portal: add a card, make it the default, remove it. Its address is a short-lived secret."""

from __future__ import annotations

from sandbox.standin.engine import cards, payment_attempts, saved_cards
from sandbox.standin.errors import not_found
from sandbox.standin.objects.billing_portal import SESSION
from sandbox.standin.pages import card_form
from sandbox.standin.pages.rendering import not_found_page, render
from sandbox.standin.routes import page
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, redirect

LIVES_S = 3600
PLACE = "/p/session/{token}"
NOTICES = {
    "added": "The card is saved.",
    "default": "This card is used from now on.",
    "removed": "The card is removed.",
}


class LinkExpired(LookupError):
    """The address is unknown or its hour is over."""


@page("GET", PLACE)
def show(world: World, form: dict[str, str], token: str) -> Page:
    try:
        session = _session(world, token)
    except LinkExpired:
        return _gone()
    return _shown(world, session, notice=form.get("notice", ""))


@page("POST", f"{PLACE}/cards")
def add(world: World, form: dict[str, str], token: str) -> Page:
    try:
        session = _session(world, token)
    except LinkExpired:
        return _gone()
    read = card_form.parse_card(form, world.now())
    if isinstance(read, str):
        return _shown(world, session, error=read, typed=form)
    intent = saved_cards.create_setup_intent(world, session["customer"], {})
    card = payment_attempts.new_method(world, read)
    verdict = saved_cards.attempt_setup(world, intent, card, authenticated=False, back=session["url"])
    if verdict.kind == "authenticate":
        return _shown(world, session, intent=intent)
    if verdict.refusal is not None:
        return _shown(world, session, error=verdict.refusal.message, typed=form)
    return _added(world, session, card)


@page("POST", f"{PLACE}/authenticate")
def authenticate(world: World, form: dict[str, str], token: str) -> Page:
    try:
        session = _session(world, token)
        intent, card = _waiting(world, session, form.get("intent", ""))
    except LinkExpired:
        return _gone()
    if form.get("answer") != "pass":
        saved_cards.refuse_setup(world, intent, card, cards.NOT_AUTHENTICATED)
        return _shown(world, session, error=cards.NOT_AUTHENTICATED.message)
    saved_cards.attempt_setup(world, intent, card, authenticated=True, back=session["url"])
    return _added(world, session, card)


@page("POST", f"{PLACE}/default")
def choose(world: World, form: dict[str, str], token: str) -> Page:
    return _act(world, token, form, "default")


@page("POST", f"{PLACE}/remove")
def remove(world: World, form: dict[str, str], token: str) -> Page:
    return _act(world, token, form, "removed")


def _act(world: World, token: str, form: dict[str, str], notice: str) -> Page:
    """Make a card the default, or remove it."""
    try:
        session = _session(world, token)
    except LinkExpired:
        return _gone()
    card = saved_cards.of_customer(world, form.get("card", ""), session["customer"], "card")
    if notice == "removed":
        saved_cards.detach(world, card)
        return redirect(f"{session['url']}?notice={notice}")
    saved_cards.make_default(world, world.get("customer", session["customer"]), card)
    return _onward(session, notice)


def _added(world: World, session: Obj, card: Obj) -> Page:
    saved_cards.make_default(world, world.get("customer", session["customer"]), card)
    return _onward(session, "added")


def _onward(session: Obj, notice: str) -> Page:
    """Where a finished flow leads; without one, the page again."""
    after = (session["flow"] or {}).get("after_completion") or {}
    if after.get("type") == "redirect":
        return redirect(after["redirect"]["return_url"])
    return redirect(f"{session['url']}?notice={notice}")


def _session(world: World, token: str) -> Obj:
    for session in world.all(SESSION, _token=token):
        if session["created"] + LIVES_S > world.now():
            return session
    raise LinkExpired(token)


def _waiting(world: World, session: Obj, identifier: str) -> tuple[Obj, Obj]:
    """The customer's setup intent that waits for 3-D Secure, and its card."""
    intent = world.find(identifier)
    if intent is None or intent["object"] != "setup_intent" or intent["customer"] != session["customer"]:
        raise not_found("setup_intent", identifier)
    if intent["status"] != "requires_action":
        raise LinkExpired(identifier)
    return intent, world.get("payment_method", intent["payment_method"])


def _gone() -> Page:
    return not_found_page("This link has expired. Go back to where you came from and open it again.")


def _shown(
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
        typed=card_form.typed(typed),
        intent=intent,
    )
