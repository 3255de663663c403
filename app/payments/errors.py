"""What payments cannot do, in words that the inbox and the drift report show."""

from __future__ import annotations

from app.kit.errors import DomainError, Unavailable


class UnknownOwner(DomainError):
    """Nobody here is known to own what an event is about, yet: our row may still be on its way."""


class UnknownPayment(DomainError):
    """Money went back of a payment that no billing record of ours knows, nor ever will: its invoice was asked for."""


class UnknownPrice(DomainError):
    """A subscription has a price that no plan version of ours was pushed as."""


class NotOurs(DomainError):
    """Stripe's object belongs to another org than the one that asks for it, or to a second customer of it."""

    code = "not_found"


class Busy(Unavailable):
    """Another request or task works on the org's payments right now."""
