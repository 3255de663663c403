"""Stripe's test cards, and the bank's answer when each is saved or charged. Pure.

A payment method keeps no number; like Stripe we give each number a fingerprint, and the fingerprint tells the card.
Source: https://docs.stripe.com/testing (the numbers), https://docs.stripe.com/declines/codes (the words).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.standin.errors import StripeError

Kind = Literal["paid", "declined", "authenticate"]
Secure = Literal["never", "setup", "always"]


@dataclass(frozen=True, slots=True)
class CardRefusal:
    """Why a bank said no: Stripe's error code, the bank's decline code, and the words a customer reads."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class TestCard:
    """One number of Stripe's list. `saves`: it can be saved without being charged."""

    number: str
    says: str
    brand: str = "visa"
    refusal: CardRefusal | None = None
    saves: bool = True
    secure: Secure = "never"
    disputed: bool = False
    refund_fails: bool = False

    @property
    def fingerprint(self) -> str:
        """What a payment method carries instead of the number."""
        return fingerprint(self.number)


@dataclass(frozen=True, slots=True)
class CardForm:
    """What somebody types into a card form."""

    number: str
    exp_month: int
    exp_year: int
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bank answered to one try."""

    kind: Kind
    refusal: CardRefusal | None = None


DECLINED = CardRefusal("card_declined", "generic_decline", "Your card was declined.")
NO_FUNDS = CardRefusal("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LAPSED = CardRefusal("expired_card", "expired_card", "Your card has expired.")
NOT_AUTHENTICATED = CardRefusal(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please try again.",
)
OFF_SESSION = CardRefusal(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NEEDS_ACTION = CardRefusal(
    "invoice_payment_intent_requires_action",
    None,
    "Payment for this invoice requires additional user action before it can be completed successfully.",
)
BAD_NUMBER = CardRefusal("incorrect_number", "incorrect_number", "Your card number is incorrect.")
BAD_EXPIRY = CardRefusal("invalid_expiry_year", None, "Your card's expiration date is in the past or unreadable.")
BAD_CVC = CardRefusal("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")

CARDS = (
    TestCard("4242424242424242", "Always pays"),
    TestCard("5555555555554444", "Always pays (Mastercard)", brand="mastercard"),
    TestCard("4000002500003155", "Asks for 3-D Secure when saved, pays later by itself", secure="setup"),
    TestCard("4000002760003184", "Asks for 3-D Secure at every payment", secure="always"),
    TestCard("4000000000000002", "Is declined", refusal=DECLINED, saves=False),
    TestCard("4000000000009995", "Has insufficient funds", refusal=NO_FUNDS, saves=False),
    TestCard("4000000000000069", "Has expired", refusal=LAPSED, saves=False),
    TestCard("4000000000000341", "Can be saved, then every payment is declined", refusal=DECLINED),
    TestCard("4000000000000259", "Pays, then the payment is disputed", disputed=True),
    TestCard("4000000000005126", "Pays, but a refund to it fails", refund_fails=True),
)
PLAIN = TestCard("", "Another number that adds up: always pays")


def fingerprint(number: str) -> str:
    """A number's 16 letters and figures, the same each time."""
    return hashlib.sha256(b"card " + number.encode()).hexdigest()[:16]


BY_FINGERPRINT = {card.fingerprint: card for card in CARDS}


def get_test_card(payment_method: dict[str, Any]) -> TestCard:
    """The card behind a payment method; an unknown one always pays."""
    return BY_FINGERPRINT.get((payment_method.get("card") or {}).get("fingerprint", ""), PLAIN)


def verdict_on_charge(card: TestCard, *, off_session: bool, authenticated: bool) -> Verdict:
    """What the bank says to a payment. Off session nobody is there to pass 3-D Secure."""
    if card.refusal is not None:
        return Verdict("declined", card.refusal)
    if card.secure == "always" and off_session:
        return Verdict("declined", OFF_SESSION)
    if card.secure != "never" and not off_session and not authenticated:
        return Verdict("authenticate")
    return Verdict("paid")


def verdict_on_save(card: TestCard, *, authenticated: bool) -> Verdict:
    """What the bank says to a card that is saved without a payment."""
    if card.refusal is not None and not card.saves:
        return Verdict("declined", card.refusal)
    if card.secure != "never" and not authenticated:
        return Verdict("authenticate")
    return Verdict("paid")


def declined(refusal: CardRefusal, *, keep: bool = True, **more: Any) -> StripeError:
    """402: the card was refused. What was recorded about it (a failed charge, a failed intent) is kept by default."""
    codes = {"code": refusal.code, "decline_code": refusal.decline_code}
    return StripeError(402, "card_error", refusal.message, keep=keep, **codes, **more)


def brand_of(number: str) -> str:
    """The brand by the first figures."""
    starts = {"4": "visa", "5": "mastercard", "2": "mastercard", "34": "amex", "37": "amex", "6": "discover"}
    return starts.get(number[:2]) or starts.get(number[:1]) or "unknown"


def luhn(number: str) -> bool:
    """True when the check figure is right."""
    if not number.isdigit() or not 13 <= len(number) <= 19:
        return False
    total = 0
    for place, figure in enumerate(reversed(number)):
        value = int(figure) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


# Stripe's ready payment methods for tests, by the name that a call may give instead of a card.
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_refundFail": "4000000000005126",
}
