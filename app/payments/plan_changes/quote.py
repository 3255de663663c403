"""A quote of a change of plan: what is charged today, signed, so that nothing else is charged. Pure but for the secret.

It names all that its price follows from; whatever of that changes ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from app.kit.errors import Conflict
from app.payments.errors import QuoteExpired

LIFETIME = timedelta(minutes=30)
_PURPOSE = "plan-quote-2"
_SHOWN_ONLY = frozenset({"id", "issued_at", "expires_at"})


@dataclass(frozen=True, slots=True)
class PlanQuote:
    """A quote. Amounts are minor units of `currency`, tax included; `amount_due` is `total` less the balance.

    `at` is the instant from which it is prorated; `restarts`: a whole new period begins when it is confirmed, so that
    `next_at` is only its day. `next_estimated`: `next_amount` is before tax, by our own formula. `discounts`, `price`
    and `tax` are fingerprints of what the subscription is discounted by, what the plans cost, and what the customer is
    taxed by.
    """

    id: UUID
    org_id: UUID
    stripe_id: str
    item_id: str
    old_price_id: str
    price_id: str
    plan: str
    version_id: UUID
    interval: str
    restarts: bool
    currency: str
    at: datetime
    total: int
    amount_due: int
    next_amount: int
    next_at: datetime
    next_estimated: bool
    discounts: str
    price: str
    tax: str
    issued_at: datetime
    expires_at: datetime

    def same_terms(self, other: PlanQuote) -> bool:
        """Whether both charge the same for the same reasons."""
        names = [field.name for field in fields(self) if field.name not in _SHOWN_ONLY]
        return all(getattr(self, name) == getattr(other, name) for name in names)


class UnreadableQuote(Conflict):
    """A quote that is not ours, or of another organisation. Nothing was charged."""

    code = QuoteExpired.code


def sign_quote(quote: PlanQuote, secret: str) -> str:
    """The quote as text that only we can have made."""
    return str(
        URLSafeSerializer(secret, salt=_PURPOSE).dumps([_to_json(getattr(quote, f.name)) for f in fields(quote)])
    )


def read_quote(signed: str, secret: str, org_id: UUID) -> PlanQuote:
    """The quote of a text; raises `UnreadableQuote` for another one's and for text that is not ours."""
    try:
        values = URLSafeSerializer(secret, salt=_PURPOSE).loads(signed)
    except (BadData, ValueError):
        values = None
    if not isinstance(values, list) or len(values) != len(fields(PlanQuote)):
        raise UnreadableQuote("This is not a quote of ours. Nothing was charged. Request a new one.")
    quote = PlanQuote(**{f.name: _READ[str(f.type)](value) for f, value in zip(fields(PlanQuote), values, strict=True)})
    if quote.org_id != org_id:
        raise UnreadableQuote("The quote is another organisation's. Nothing was charged. Request a new one.")
    return quote


_READ: dict[str, Any] = {"UUID": UUID, "str": str, "int": int, "bool": bool, "datetime": datetime.fromisoformat}


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
