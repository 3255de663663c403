"""What a call can end in, told without a secret, a body or an address of a person.

Who calls decides what to do; the words are fit for the person who waits.
"""

from __future__ import annotations

from app.kit.errors import DomainError, InvalidRequest, NotFound, Unavailable


class StripeAway(Unavailable):
    """No answer, or none that can be used: repeat it under the same key.

    `sent` False: nothing was asked, so nothing was done. True: whether it was done is not known.
    """

    def __init__(self, *, sent: bool = True) -> None:
        super().__init__("Our payment provider does not answer right now. Please try again in a minute.")
        self.sent = sent


class StripeRefused(DomainError):
    """The payment was declined. `detail` are Stripe's words to the customer; `decline_code` is the bank's reason."""

    code = "payment_refused"

    def __init__(
        self, detail: str, *, stripe_code: str | None, decline_code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(detail)
        self.stripe_code = stripe_code
        self.decline_code = decline_code
        self.param = param


class StripeMissing(NotFound):
    """Stripe has no such object (for this key). `param` names the parameter that asked for it, if one did."""

    def __init__(self, *, param: str | None = None) -> None:
        super().__init__("Our payment provider does not know this.")
        self.param = param


class StripeMisused(DomainError):
    """Our fault or the operator's: a call that Stripe does not take. Logged; a repeat will not help.

    `stripe_code` and `param` are for programs: some refusals are a state of the object (`invoice_already_paid`).
    """

    def __init__(self, reason: str, *, stripe_code: str | None = None, param: str | None = None) -> None:
        super().__init__(f"The payment provider does not take our request: {reason}.")
        self.stripe_code = stripe_code
        self.param = param


class StripeDenied(StripeMisused):
    """The key is not valid, or may not do this: for the operator to mend."""

    code = "unavailable"


class StripeKeyReused(StripeMisused):
    """The idempotency key stands for another request of ours."""

    code = "conflict"


class StripeMisread(StripeMisused):
    """An answer that is not shaped as the pinned version of the API says."""


class BadSignature(InvalidRequest):
    """A delivery that Stripe did not sign, or not lately. `reason` is one word for the log: never what was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__("The signature is not valid.")
        self.reason = reason
