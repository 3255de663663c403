"""Billing status of an organisation: subscription, card, what is owed, open checkout. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.payments.resume import PAUSED
from app.statements.offers import TodaysVersion
from app.subscriptions.states import LATE, TRIALING, is_renewed
from app.web.filters import payment_method


@dataclass(frozen=True, slots=True)
class CardOnFile:
    """What is charged by default, limited to what may be displayed. Link has neither number nor expiry."""

    brand: str
    last4: str | None
    exp_month: int | None
    exp_year: int | None

    @property
    def words(self) -> str:
        """For display: Visa ending 4242."""
        return payment_method(self.brand, self.last4, " ending ")


@dataclass(frozen=True, slots=True)
class Due:
    """What is owed for the subscription, in minor units, over so many invoices.

    `confirm_url` is set if the bank asks the cardholder to confirm a payment there (3-D Secure).
    """

    amount: int
    currency: str
    next_attempt_at: datetime | None
    invoices: int = 1
    confirm_url: str | None = None


@dataclass(frozen=True, slots=True)
class OpenCheckout:
    """The plan and price of an unfinished checkout."""

    plan_key: str
    interval: str
    currency: str


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change of plan that waits for its payment, in minor units, until `until`; then it is dropped.

    `confirms`: the bank asks the cardholder to confirm it. `failure` is the bank's reason; without one, the money is on
    its way. The plan is None if its price is none of ours.
    """

    plan_name: str | None
    interval: str | None
    until: datetime
    amount: int | None
    currency: str | None
    pay_url: str | None
    failure: str | None
    confirms: bool


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A change of plan at the end of the paid period; `fee` in minor units per `interval`."""

    plan_name: str
    interval: str
    at: datetime
    fee: int | None


@dataclass(frozen=True, slots=True)
class SecondSubscription:
    """A subscription that Stripe charges beside the one in force; minor units."""

    plan_name: str
    amount: int
    currency: str
    interval: str
    renews_at: datetime


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An open invoice beside the plan's payments; minor units. `due_at` is set if it is to be paid by hand."""

    number: str | None
    amount: int
    currency: str
    due_at: datetime | None
    pay_url: str | None


@dataclass(frozen=True, slots=True)
class BillingStatus:
    """Billing status at `as_of`. `fee` is in minor units of `currency` per `interval`; None is a custom price.

    `state` and `collection` are the subscription's; without a subscription they are "active" and "none". `renews_at` is
    the end of the paid period, `ends_at` a planned end, which may be another time. `contact_refused`: Stripe does not
    take the organisation's address or tax id. `change_asked`: what became of a change of plan is not known yet.
    `planned` is the organisation's own; `moved_fee`: the next payment's, where a move by staff has it change with it;
    `moves`: such a move is planned.
    `version` is the plan's; `today` the one that is sold today, if that is another.
    `grace_ends_at` is when limits fall if nothing is paid: when the grace
    period ends, or the time for which staff have lifted the restriction.
    """

    as_of: datetime
    time_zone: str
    plan_key: str
    plan_name: str
    default_name: str
    state: str
    collection: str
    interval: str
    currency: str | None
    fee: int | None
    renews_at: datetime | None
    ends_at: datetime | None
    limited: bool
    grace_ends_at: datetime | None
    customer: bool
    stripe_id: str | None
    card: CardOnFile | None
    due: Due | None
    checkout: OpenCheckout | None
    second: SecondSubscription | None = None
    open_invoices: Sequence[OpenInvoice] = ()
    contact_refused: bool = False
    suspended: bool = False
    pending: PendingChange | None = None
    planned: PlannedMove | None = None
    moved_fee: int | None = None
    moves: bool = False
    change_asked: bool = False
    version: int | None = None
    today: TodaysVersion | None = None

    @property
    def paid_by_stripe(self) -> bool:
        """Whether Stripe collects payments for the open subscription."""
        return self.collection == "stripe"

    @property
    def is_renewed(self) -> bool:
        """Whether another payment follows the paid period."""
        return self.renews_at is not None and is_renewed(self.renews_at, self.ends_at)

    @property
    def last_day(self) -> datetime | None:
        """When the plan ends if it is cancelled, as planned or else with the paid period."""
        return self.ends_at or self.renews_at

    @property
    def paused(self) -> bool:
        """Whether Stripe paused the subscription, as it does when a trial ends without a card. Nothing is owed then."""
        return self.paid_by_stripe and self.state == PAUSED

    @property
    def is_trial(self) -> bool:
        """Whether the plan is being tried: `renews_at` is then the trial's end, and nothing has been charged."""
        return self.paid_by_stripe and self.state == TRIALING

    @property
    def late(self) -> bool:
        """Whether a failed payment is still owed."""
        return self.paid_by_stripe and self.state in LATE
