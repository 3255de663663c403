"""Stripe's test cards and the bank's answer when one is saved or charged. Pure.

A payment method stores no number. Like Stripe, we give every number a fingerprint, which identifies the test card.
Source: https://docs.stripe.com/testing (numbers), https://docs.stripe.com/declines/codes (messages).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.standin.errors import StripeError

Kind = Literal["paid", "declined", "authenticate", "processing"]
Secure = Literal["never", "setup", "always"]


@dataclass(frozen=True, slots=True)
class CardRefusal:
    """Why a bank declined: Stripe's error code, the bank's decline code, and the message for the customer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class TestCard:
    """A number from Stripe's list. `behaviour` describes it; `saves`: can be saved without a charge."""

    number: str
    behaviour: str
    brand: str = "visa"
    refusal: CardRefusal | None = None
    saves: bool = True
    secure: Secure = "never"
    disputed: bool = False
    refund_fails: bool = False

    @property
    def fingerprint(self) -> str:
        """Stored on a payment method instead of the number."""
        return fingerprint(self.number)


@dataclass(frozen=True, slots=True)
class CardForm:
    """The values of a card form."""

    number: str
    exp_month: int
    exp_year: int
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The bank's answer to one attempt."""

    kind: Kind
    refusal: CardRefusal | None = None


DECLINED = CardRefusal("card_declined", "generic_decline", "Your card was declined.")
NO_FUNDS = CardRefusal("card_declined", "insufficient_funds", "Your card has insufficient funds.")
BANK_REFUSED = CardRefusal(
    "payment_intent_payment_attempt_failed",
    "insufficient_funds",
    "The payment could not be completed: the bank account has insufficient funds.",
)
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
    TestCard("4000002500003155", "Requires 3-D Secure when saved, then pays", secure="setup"),
    TestCard("4000002760003184", "Requires 3-D Secure for every payment", secure="always"),
    TestCard("4000000000000002", "Is declined", refusal=DECLINED, saves=False),
    TestCard("4000000000009995", "Has insufficient funds", refusal=NO_FUNDS, saves=False),
    TestCard("4000000000000069", "Has expired", refusal=LAPSED, saves=False),
    TestCard("4000000000000341", "Can be saved, but every payment is declined", refusal=DECLINED),
    TestCard("4000000000000259", "Pays, then the payment is disputed", disputed=True),
    TestCard("4000000000005126", "Pays, but refunds fail", refund_fails=True),
)
PLAIN = TestCard("", "Any other valid number: always pays")


def fingerprint(number: str) -> str:
    """A stable fingerprint of 16 hex digits."""
    return hashlib.sha256(b"card " + number.encode()).hexdigest()[:16]


BY_FINGERPRINT = {card.fingerprint: card for card in CARDS}


def get_test_card(payment_method: dict[str, Any]) -> TestCard:
    """Get the test card behind a payment method; unknown ones always pay."""
    return BY_FINGERPRINT.get((payment_method.get("card") or {}).get("fingerprint", ""), PLAIN)


def verdict_on_charge(card: TestCard, *, off_session: bool, authenticated: bool) -> Verdict:
    """The bank's answer to a payment. Off session, nobody is there to complete 3-D Secure."""
    if card.refusal is not None:
        return Verdict("declined", card.refusal)
    if card.secure == "always" and off_session:
        return Verdict("declined", OFF_SESSION)
    if card.secure != "never" and not off_session and not authenticated:
        return Verdict("authenticate")
    return Verdict("paid")


def verdict_on_save(card: TestCard, *, authenticated: bool) -> Verdict:
    """The bank's answer when a card is saved without a payment."""
    if card.refusal is not None and not card.saves:
        return Verdict("declined", card.refusal)
    if card.secure != "never" and not authenticated:
        return Verdict("authenticate")
    return Verdict("paid")


def declined(refusal: CardRefusal, *, keep: bool = True, **more: Any) -> StripeError:
    """A 402 for a declined card. By default, changes made before it (a failed charge or intent) are kept."""
    codes = {"code": refusal.code, "decline_code": refusal.decline_code}
    return StripeError(402, "card_error", refusal.message, keep=keep, **codes, **more)


def get_brand(number: str) -> str:
    """The brand, by the first digits."""
    starts = {"4": "visa", "5": "mastercard", "2": "mastercard", "34": "amex", "37": "amex", "6": "discover"}
    return starts.get(number[:2]) or starts.get(number[:1]) or "unknown"


def luhn(number: str) -> bool:
    """Whether the check digit is correct."""
    if not number.isdigit() or not 13 <= len(number) <= 19:
        return False
    total = 0
    for place, figure in enumerate(reversed(number)):
        value = int(figure) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


# Stripe's predefined payment methods for tests, by the name that a call may pass instead of a card.
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
