"""Confirms a quote: the same preview is asked again, and only what was shown is charged.

The quote's id is the key of the change at Stripe and of our row, so a double press, two tabs or a page that was gone
back to change the plan once and charge once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.kit.actor import Actor
from app.kit.errors import Conflict, DomainError, Unavailable
from app.payments.errors import ChangeNotNow, QuoteExpired
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.mirrors.retrieve import Retrieved, sync_retrieved
from app.payments.payment_methods.default_payment_method import align_subscription
from app.payments.plan_changes import attempts
from app.payments.plan_changes.case import ChangeCase, load_case
from app.payments.plan_changes.make_quote import NOT_SOLD, QuotedChange, make_quote
from app.payments.plan_changes.outcome import ChangeResult, describe_result
from app.payments.plan_changes.quote import PlanQuote, read_quote
from app.payments.plan_changes.resolve import ask_stripe, ensure_nothing_asked, sync_change
from app.payments.plan_changes.schedule import put_aside, try_schedule
from app.stripe_gateway import Gateway, plan_changes, subscriptions
from app.stripe_gateway.errors import StripeAway, StripeDenied, StripeMissing, StripeMisused, StripeRefused
from app.stripe_gateway.plan_changes import ItemSwap
from app.subscriptions.changes.timing import settle_timing
from app.web.database import mark_sent, transaction
from app.web.runtime import runtime

_ENDED = "The quote has expired. Nothing was charged. Look at the new amount and confirm it."
_ANOTHER = "The amount has changed since this quote. Nothing was charged. Look at the new amount and confirm it."
_NOT_NOW = "This change can no longer take effect at once. Nothing was charged."
_FAILED = "Our payment provider had a problem. Nothing was charged and your plan is as before. Please try again."


def confirm_change(org_id: UUID, signed: str, *, actor: Actor, now: datetime) -> ChangeResult:
    """Make the change that a quote is about, and charge what it says. Repeating it changes and charges nothing more.

    Opens its own transactions. Raises `QuoteExpired` and `UnreadableQuote` (make a new one), `ChangeNotNow` (a payment
    comes first, say), `Unavailable` (Stripe is away: nothing was charged, or, with the code `outcome_unknown`, it will
    be asked about and is never charged twice). Whatever it raises but the last, nothing was charged.
    """
    gw, quote = get_gateway(), read_quote(signed, runtime().settings.secret_key, org_id)
    with org_turn(gw, org_id):
        known = _find_known(gw, quote, now)
        if known is not None:
            return known
        _align_card(gw, quote, now)
        case = _load_case(quote, now)
        if case is None:
            return _describe_unneeded(quote)
        quoted = _ask_again(gw, case, quote, now)
        mark_sent(sent=False)  # roles are read again, right before the change
        with transaction() as session:
            begun = attempts.find_attempt(session, org_id, quote.id) is not None
            if not begun:
                ensure_nothing_asked(session, org_id)
                attempts.record_attempt(session, quoted, quote.id, actor=actor, now=now)
        try:
            _release(gw, quote, now, begun=begun)
            _change(gw, quote, now)
        except DomainError:
            try_schedule(gw, org_id, now)
            raise
        with transaction() as session:
            return describe_result(session, attempts.get_attempt(session, org_id, quote.id))


def _find_known(gw: Gateway, quote: PlanQuote, now: datetime) -> ChangeResult | None:
    """The outcome of a quote that was confirmed before; where that is unknown, Stripe is asked. None: not done yet."""
    with transaction() as session:
        row = attempts.find_attempt(session, quote.org_id, quote.id)
        state = row.state if row else None
    if state == "asked":
        state = ask_stripe(gw, quote.org_id, quote.id, now)
    if state in {None, "asked"}:
        return None
    if state in {"failed", "lapsed"}:
        raise QuoteExpired(_ENDED)
    with transaction() as session:
        return describe_result(session, attempts.get_attempt(session, quote.org_id, quote.id))


def _align_card(gw: Gateway, quote: PlanQuote, now: datetime) -> None:
    """Charge the card chosen last; one chosen in Stripe's portal becomes the subscription's when its event is heard."""
    remote = subscriptions.retrieve(gw, quote.stripe_id)
    aligned = align_subscription(gw, Retrieved(None, (remote,)))
    with transaction() as session:
        sync_retrieved(session, quote.org_id, aligned, now)


def _load_case(quote: PlanQuote, now: datetime) -> ChangeCase | None:
    """What the quote is about as things are now; None if the organisation has that plan already."""
    with transaction() as session:
        case = load_case(session, quote.org_id, quote.plan, quote.interval, now, quote_id=quote.id)
    if case.decision.reason == "same":
        return None
    if case.decision.timing != "at_once":
        raise ChangeNotNow(_NOT_NOW, reason=case.decision.reason)
    if now >= quote.expires_at:
        raise QuoteExpired(_ENDED)
    return case


def _describe_unneeded(quote: PlanQuote) -> ChangeResult:
    """Another tab made the same change: this quote charges nothing."""
    with transaction() as session:
        return ChangeResult(
            "applied", attempts.get_plan_name(session, quote.version_id), quote.interval, 0, quote.currency
        )


def _ask_again(gw: Gateway, case: ChangeCase, quote: PlanQuote, now: datetime) -> QuotedChange:
    """The preview of the quote's instant, asked again; raises `QuoteExpired` if anything about it is another."""
    try:
        again = make_quote(gw, case, now, at=quote.at)
    except Conflict as moved:  # it renewed, or is changed elsewhere
        raise QuoteExpired(_ANOTHER) from moved
    if not again.quote.same_terms(quote):
        raise QuoteExpired(_ANOTHER)
    if settle_timing(case.decision, again.quote.total).timing != "at_once":
        raise ChangeNotNow(_NOT_NOW, reason="credit")
    return replace(again, quote=quote)


def _release(gw: Gateway, quote: PlanQuote, now: datetime, *, begun: bool) -> None:
    """Release the schedule of what is planned. If that fails nothing was asked, unless an earlier press had `begun`."""
    try:
        put_aside(gw, quote.org_id, now)
    except StripeAway as away:
        if begun:
            raise
        _drop(quote, away, now)
        raise Unavailable(_FAILED) from away


def _change(gw: Gateway, quote: PlanQuote, now: datetime) -> None:
    """Change the subscription at Stripe and sync what came of it. What Stripe has not done is settled as such."""
    swap = ItemSwap(quote.stripe_id, quote.item_id, quote.price_id, quote.at, restarts=quote.restarts)
    try:
        changed = plan_changes.change_price(gw, swap, key=f"change-{quote.id}")
    except StripeDenied as denied:
        _drop(quote, denied, now)
        raise
    except StripeRefused as refused:
        _drop(quote, refused, now)
        raise
    except (StripeMisused, StripeMissing) as misused:
        _drop(quote, misused, now)
        raise Unavailable(NOT_SOLD) from misused
    except StripeAway as away:
        _find_out(gw, quote, away, now)
    else:
        sync_change(gw, quote.org_id, changed, now)


def _find_out(gw: Gateway, quote: PlanQuote, away: StripeAway, now: datetime) -> None:
    """After a lost answer: raise it, unless Stripe failed itself: that is over, and its subscription tells the rest."""
    if not away.sent:
        _drop(quote, away, now)
    if not away.sent or not away.replayed:
        raise away
    try:
        state = ask_stripe(gw, quote.org_id, quote.id, now, settles=True)
    except StripeAway:
        raise away from None
    if state == "failed":
        raise Unavailable(_FAILED) from away


def _drop(quote: PlanQuote, error: DomainError, now: datetime) -> None:
    with transaction() as session:
        attempts.drop_attempt(session, attempts.get_attempt(session, quote.org_id, quote.id), error.detail, now)
