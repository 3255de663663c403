"""What is offered to who wants to change plan: when it takes effect, and its quote where that is at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.payments.gateway import get_gateway
from app.payments.plan_changes.case import ChangeCase, load_case
from app.payments.plan_changes.make_quote import QuotedChange, make_quote
from app.payments.plan_changes.quote import sign_quote
from app.subscriptions.changes.timing import ChangeDecision, settle_timing
from app.web.database import end_read_transaction
from app.web.database import session as reading
from app.web.runtime import runtime


@dataclass(frozen=True, slots=True)
class ChangeOffer:
    """A change and when it takes effect; `quoted` and the `signed` quote only where that is at once."""

    case: ChangeCase
    decision: ChangeDecision
    quoted: QuotedChange | None = None
    signed: str | None = None


def offer_change(org_id: UUID, plan_key: str, interval: str, now: datetime) -> ChangeOffer:
    """Decide about a change, and have it priced where it is at once. Writes nothing.

    Raises `NotFound`, `NotAllowed`, `Conflict` as `load_case` and `make_quote` do; `Unavailable` if Stripe is away.
    """
    case = load_case(reading(), org_id, plan_key, interval, now)
    end_read_transaction()
    if case.decision.timing != "at_once":
        return ChangeOffer(case, case.decision)
    gw = get_gateway()
    with gw.budget():
        quoted = make_quote(gw, case, now)
    decision = settle_timing(case.decision, quoted.quote.total)
    if decision.timing != "at_once":
        return ChangeOffer(case, decision)
    return ChangeOffer(case, decision, quoted, sign_quote(quoted.quote, runtime().settings.secret_key))
