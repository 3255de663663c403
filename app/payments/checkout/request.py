"""What can be paid for: a plan version at one of its prices, or a card to be kept; and why not."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.catalog import queries as catalog
from app.kit.errors import Conflict, FieldError, InvalidRequest, NotAllowed, NotFound
from app.payments import queries
from app.payments.price_push.price_selection import PriceSelection, list_prices_sold


class AlreadyPaid(Conflict):
    """What is asked for is paid already, and has been given: there is nothing left to pay."""


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a checkout is for: `sold`, or a card kept for invoices in `currency`."""

    purpose: str
    currency: str
    sold: PriceSelection | None = None


def select_price(session: Session, org_id: UUID, plan_key: str, interval: str, currency: str) -> PriceSelection:
    """The newest version of a plan at a price.

    Raises `NotFound` (no such plan), `Conflict` (nothing is paid for it at Stripe), `InvalidRequest` (no such price),
    `NotAllowed` (the org is suspended).
    """
    org = accounts.get_org(session, org_id)
    if org.suspended_at is not None:
        raise NotAllowed("Your organisation is suspended. Nothing was charged; write to us.", code="org_suspended")
    version = catalog.find_newest_version(session, plan_key)
    if version is None or not version.plan.public:
        raise NotFound("There is no such plan.")
    offered = list_prices_sold(version)
    if not offered:
        raise Conflict(f"{version.plan.name} is not paid for here. Write to us, and we put you on it.")
    if org.currency is not None and org.currency != currency:
        field = FieldError("currency", f"your organisation pays in {org.currency}")
        raise InvalidRequest(f"Your organisation pays in {org.currency}.", [field])
    for each in offered:
        if (each.interval, each.currency) == (interval, currency):
            return each
    words = f"{version.plan.name} has no price by the {interval} in {currency}"
    raise InvalidRequest(f"{words}.", [FieldError("currency", words)])


def ensure_no_running_plan(session: Session, org_id: UUID, sold: PriceSelection) -> None:
    """Raise `AlreadyPaid` when the org pays for just this at Stripe, `Conflict` when it pays for another plan."""
    running = queries.open_subscription(session, org_id)
    if running is None:
        return
    price = queries.price(session, running.price_id)
    version = catalog.find_version(session, price.plan_version_id) if price else None
    name = version.plan.name if version else "a paid plan"
    if price and version and (version.plan.key, price.interval, price.currency) == (
        sold.plan_key, sold.interval, sold.currency,
    ):  # fmt: skip
        raise AlreadyPaid(f"Your organisation is on {name} already. Nothing was charged again.")
    if running.status in {"past_due", "unpaid"}:
        raise Conflict(f"Your organisation is on {name}, with a payment open. Pay it on the billing page first.")
    raise Conflict(
        f"Your organisation is on {name}. To take another plan, cancel it on the billing page and choose again when"
        " the paid period has ended, or write to us. Nothing was charged."
    )
