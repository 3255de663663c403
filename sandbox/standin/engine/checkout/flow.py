"""Steps of an open checkout session: promotion code, payment attempt, 3-D Secure, expiry."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import bank_debits, cards, proration
from sandbox.standin.engine.bank_debits import DebitForm
from sandbox.standin.engine.cards import CardForm, Verdict
from sandbox.standin.engine.checkout import completion
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.payments import attempts, minimums, saved_cards
from sandbox.standin.engine.subscriptions.trials import parse_end
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

NO_CODE = "This code is invalid."


def set_discount(world: World, session: Obj, coupon_id: str | None, code_id: str | None) -> None:
    """Apply a coupon or promotion code to the session, or remove it; updates the totals."""
    code = world.get("promotion_code", code_id, "discounts") if code_id else None
    chosen_coupon = code["promotion"]["coupon"] if code else coupon_id
    coupon = world.get("coupon", chosen_coupon, "discounts") if chosen_coupon else None
    session["discounts"] = [{"coupon": coupon["id"], "promotion_code": code_id}] if coupon else []
    trial = parse_end(world, session["_data"]["subscription_data"]) is not None
    for line in session["_lines"]:
        whole = 0 if trial else int(line["price"]["unit_amount"] or 0) * int(line["quantity"])
        line.update(amount_subtotal=whole, amount_discount=0, amount_total=whole)
    subtotal = sum(line["amount_subtotal"] for line in session["_lines"])
    remaining = off = proration.discount_amount(subtotal, coupon, session["currency"])
    for index, line in enumerate(session["_lines"]):
        last = index == len(session["_lines"]) - 1
        part = remaining if last else off * line["amount_subtotal"] // max(subtotal, 1)
        remaining -= part
        line.update(amount_discount=part, amount_total=line["amount_subtotal"] - part)
    session.update(amount_subtotal=subtotal, amount_total=subtotal - off)
    session["total_details"]["amount_discount"] = off


def use_code(world: World, session: Obj, text: str) -> str | None:
    """Apply the code that a customer typed; return an error message if it cannot be used."""
    for code in world.all("promotion_code", active=True):
        if code["code"].lower() == text.strip().lower() and _is_usable(world, session, code):
            set_discount(world, session, None, code["id"])
            world.save(session)
            return None
    return NO_CODE


def needs_card(session: Obj) -> bool:
    """Whether the page asks for a card. Not if nothing is due and the mode or `if_required` allows it."""
    if session["mode"] == "setup":
        return True
    free = session["amount_total"] == 0
    return not (free and (session["mode"] == "payment" or session["payment_method_collection"] == "if_required"))


def submit(world: World, session: Obj, form: CardForm | DebitForm | None) -> Verdict:
    """Submit a card or an account (None if none is needed): paid, declined, with the bank, or on to 3-D Secure."""
    if form is None:
        completion.complete(world, session, None, None)
        return Verdict("paid")
    if session["customer"]:
        get_active_customer(world, session["customer"])
    method = attempts.create_payment_method(world, form)
    session["_method"] = method["id"]
    world.save(session)
    return _attempt(world, session, method, authenticated=False)


def authenticate(world: World, session: Obj, *, passed: bool) -> Verdict:
    """Complete or fail the 3-D Secure step."""
    method = world.get("payment_method", session["_method"] or "")
    if passed:
        return _attempt(world, session, method, authenticated=True)
    refusal = cards.NOT_AUTHENTICATED
    intent = _find_intent(world, session)
    session["_method"] = None
    world.save(session)
    if intent is not None and intent["object"] == "payment_intent":
        attempts.record_decline(world, intent, method, refusal)
    elif intent is not None:
        saved_cards.record_setup_decline(world, intent, method, refusal)
    return Verdict("declined", refusal)


def expire(world: World, session: Obj) -> None:
    """Expire the session, so that it can no longer be paid."""
    session.update(status="expired", url=None)
    intent = _find_intent(world, session)
    if intent is not None and intent["object"] == "payment_intent":
        attempts.cancel(world, intent, "abandoned")
    elif intent is not None:
        saved_cards.cancel_setup(world, intent, "abandoned")
    world.emit("checkout.session.expired", world.save(session))


@scheduled("expire_session")
def expire_due(world: World, session: str) -> None:
    """Expire the session at its scheduled time."""
    row = world.get("checkout.session", session)
    if row["status"] == "open":
        expire(world, row)


@scheduled("settle_session")
def settle_due(world: World, session: str) -> None:
    """Tell how a debit ended; the bank's answer came just before."""
    row = world.get("checkout.session", session)
    intent = _find_intent(world, row)
    if row["payment_status"] != "unpaid" or intent is None:
        return
    paid = intent["status"] == "succeeded"
    row["payment_status"] = "paid" if paid else "unpaid"
    world.emit(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", world.save(row))


def secure_address(world: World, session: Obj) -> str:
    """The URL of the 3-D Secure page."""
    return world.url(f"/c/pay/{session['id']}/secure")


def _attempt(world: World, session: Obj, method: Obj, *, authenticated: bool) -> Verdict:
    intent, back = None, secure_address(world, session)
    if session["mode"] == "setup":
        intent = world.get("setup_intent", session["setup_intent"])
        verdict = saved_cards.attempt_setup(world, intent, method, authenticated=authenticated, back=back)
    elif session["amount_total"] > 0:
        intent = _ensure_payment_intent(world, session)
        verdict = attempts.attempt(world, intent, method, off_session=False, authenticated=authenticated, back=back)
    else:
        verdict = cards.verdict_on_save(cards.get_test_card(method), authenticated=authenticated)
    if verdict.kind in {"paid", "processing"}:
        completion.complete(world, session, method, intent)
    if verdict.kind == "processing":
        world.schedule(world.now() + bank_debits.SETTLES_S, "settle_session", session=session["id"])
    elif verdict.kind == "declined":
        session["_method"] = None
        world.save(session)
    return verdict


def _find_intent(world: World, session: Obj) -> Obj | None:
    ident = session["setup_intent"] or session["_intent"]
    return world.find(ident) if ident else None


def _ensure_payment_intent(world: World, session: Obj) -> Obj:
    """The session's payment intent for the current total; created at the first attempt."""
    intent = _find_intent(world, session)
    if intent is not None:
        intent["amount"] = session["amount_total"]
        return world.save(intent)
    data = session["_data"]["payment_intent_data"]
    more: dict[str, Any] = {"metadata": dict(data.get("metadata") or {}), "description": data.get("description")}
    more["setup_future_usage"] = data.get("setup_future_usage")
    if session["mode"] == "subscription":
        more |= {"description": "Subscription creation", "setup_future_usage": "off_session"}
    intent = attempts.create_payment_intent(
        world, amount=session["amount_total"], currency=session["currency"], customer=session["customer"], **more
    )
    session["_intent"] = intent["id"]
    if session["mode"] == "payment":
        session["payment_intent"] = intent["id"]
    world.save(session)
    return intent


def _is_usable(world: World, session: Obj, code: Obj) -> bool:
    """Whether the code applies, and leaves nothing or enough to be charged."""
    coupon = world.find(code["promotion"]["coupon"] or "")
    if coupon is None or coupon.get("deleted") or not coupon["valid"]:
        return False
    if coupon["currency"] not in {None, session["currency"]} or code["customer"] not in {None, session["customer"]}:
        return False
    deadlines = [moment for moment in (code["expires_at"], coupon["redeem_by"]) if moment is not None]
    if any(moment <= world.now() for moment in deadlines):
        return False
    below_maximum = all(
        limited["max_redemptions"] is None or limited["times_redeemed"] < limited["max_redemptions"]
        for limited in (code, coupon)
    )
    subtotal = session["amount_subtotal"]
    off = proration.discount_amount(subtotal, coupon, session["currency"])
    if minimums.is_too_small(subtotal - off, session["currency"]):
        return False
    least, first = code["restrictions"]["minimum_amount"], code["restrictions"]["first_time_transaction"]
    if first and session["customer"] and world.all("charge", customer=session["customer"], paid=True):
        return False
    return below_maximum and (least is None or subtotal >= least)
