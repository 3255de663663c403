"""Errors raised by payments. The inbox and the drift report show their messages."""

from __future__ import annotations

from app.kit.errors import Busy, Conflict, DomainError


class UnknownOwner(DomainError):
    """No organisation is known for an event yet; our row may still be uncommitted."""


class UnknownPayment(DomainError):
    """A refund of a payment that has no billing record, even after its invoice was synced."""


class NotOurs(DomainError):
    """The Stripe object belongs to another organisation, or to a second customer of this one."""

    code = "not_found"


class LockLost(Busy):
    """The connection that holds the organisation's payments lock died: what was retrieved must not be written.

    Its code is `outcome_unknown` where something may have been done before that.
    """


class QuoteExpired(Conflict):
    """A quote that no longer says what a change would cost, or has ended. Nothing was charged; make a new one."""

    code = "quote_expired"


class ChangeNotNow(Conflict):
    """A change that does not take effect at once as things are; the decision about it says why."""
