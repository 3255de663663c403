"""What a checkout is for: a plan version at one of its prices, or saving a card. Checks that it may be bought."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.catalog import queries as catalog
from app.kit.errors import Conflict, FieldError, InvalidRequest, NotAllowed, NotFound
from app.payments import queries
from app.payments.price_push.price_selection import PriceSelection, list_paid_prices
from app.payments.trials.uses import may_try
from app.subscriptions.states import LATE


class AlreadyPaid(Conflict):
    """The requested plan is already paid for and in force."""


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a checkout is for: a plan at `price`, tried for `trial_days` first, or a card saved for invoices."""

    purpose: str
    currency: str
    price: PriceSelection | None = None
    trial_days: int | None = None


def select_price(session: Session, org_id: UUID, plan_key: str, interval: str, currency: str) -> PriceSelection:
    """Select a price of a plan's newest version.

    Raises `NotFound` (no such plan), `Conflict` (the plan is not sold through Stripe), `InvalidRequest` (no such
    price), `NotAllowed` (the org is suspended).
    """
    org = accounts.get_org(session, org_id)
    if org.suspended_at is not None:
        raise NotAllowed(
            "Your organisation is suspended. Nothing was charged. Please contact us.", code="org_suspended"
        )
    version = catalog.find_newest_version(session, plan_key)
    if version is None or not version.plan.public:
        raise NotFound("There is no such plan.")
    offered = list_paid_prices(version)
    if not offered:
        raise Conflict(f"{version.plan.name} cannot be purchased online. Contact us to switch to it.")
    if org.currency is not None and org.currency != currency:
        field = FieldError("currency", f"your organisation pays in {org.currency}")
        raise InvalidRequest(f"Your organisation pays in {org.currency}.", [field])
    for price in offered:
        if (price.interval, price.currency) == (interval, currency):
            return price
    reason = f"{version.plan.name} has no price per {interval} in {currency}"
    raise InvalidRequest(f"{reason}.", [FieldError("currency", reason)])


def find_trial_days(session: Session, org_id: UUID, selected: PriceSelection) -> int | None:
    """How long the org may try a plan before it is charged; None: the plan has no trial, or the org has had one."""
    version = catalog.find_version(session, selected.version_id)
    days = version.trial_days if version else None
    return days if days is not None and may_try(session, org_id) else None


def ensure_no_running_plan(session: Session, org_id: UUID, selected: PriceSelection) -> None:
    """Raise `AlreadyPaid` if the org already pays for this price at Stripe, `Conflict` if it pays for another plan."""
    running = queries.find_open_subscription(session, org_id)
    if running is None:
        return
    price = queries.find_price(session, running.price_id)
    version = catalog.find_version(session, price.plan_version_id) if price else None
    name = version.plan.name if version else "a paid plan"
    if price and version and (version.plan.key, price.interval, price.currency) == (
        selected.plan_key, selected.interval, selected.currency,
    ):  # fmt: skip
        raise AlreadyPaid(f"Your organisation is already on {name}. You were not charged again.")
    if running.status in LATE:
        raise Conflict(f"Your organisation is on {name} and has an unpaid invoice. Pay it on the billing page first.")
    if version is None:
        raise Conflict(
            "Your organisation already pays a price that is not in our catalogue. To change it, contact us. Nothing"
            " was charged."
        )
    raise Conflict(
        f"Your organisation pays for {name} already. A change of plan needs a quote: open the plan's page, or call"
        " POST /subscription/preview. Nothing was charged."
    )
