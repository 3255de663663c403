"""Errors of a call to Stripe. They contain no secrets, request bodies or personal addresses.

Their messages are fit to show to users.
"""

from __future__ import annotations

from app.kit.errors import DomainError, InvalidRequest, NotFound, Unavailable


class StripeAway(Unavailable):
    """No response, or no usable one: retry with the same key.

    `sent` False: no request was made, so nothing was done. True: it may or may not have been done; of a call that
    changes something, the gateway then sets the code `outcome_unknown`. `replayed`: Stripe answered with a failure of
    its own (500), and gives the same answer again under this key for a day.
    """

    def __init__(self, *, sent: bool = True, replayed: bool = False) -> None:
        super().__init__("Our payment provider is not responding. Please try again in a minute.")
        self.sent = sent
        self.replayed = replayed


class StripeRefused(DomainError):
    """The payment was declined. `detail` is Stripe's message to the customer; `decline_code` is the bank's reason."""

    code = "payment_refused"

    def __init__(
        self, detail: str, *, stripe_code: str | None, decline_code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(detail)
        self.stripe_code = stripe_code
        self.decline_code = decline_code
        self.param = param


class StripeMissing(NotFound):
    """Stripe has no such object for this key. `param` names the parameter that referred to it, if any."""

    def __init__(self, *, param: str | None = None) -> None:
        super().__init__("Our payment provider has no such object.")
        self.param = param


class StripeMisused(DomainError):
    """An invalid call, our fault or the operator's. Logged; retrying will not help.

    Callers may inspect `stripe_code` and `param`: some refusals reflect the object's state (`invoice_already_paid`).
    """

    def __init__(self, reason: str, *, stripe_code: str | None = None, param: str | None = None) -> None:
        super().__init__(f"The payment provider rejected our request: {reason}.")
        self.stripe_code = stripe_code
        self.param = param


class StripeDenied(StripeMisused):
    """The API key is invalid or lacks permission; the operator must fix it."""

    code = "unavailable"


class StripeKeyReused(StripeMisused):
    """The idempotency key was used for a different request."""

    code = "conflict"


class StripeMisread(StripeMisused):
    """A response that does not match the pinned API version."""


class BadSignature(InvalidRequest):
    """A delivery not signed by Stripe, or not recently. `reason` is one word for the log, never the content."""

    def __init__(self, reason: str) -> None:
        super().__init__("The signature is not valid.")
        self.reason = reason
