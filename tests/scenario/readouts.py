"""What our books say of an org now. Each read is fresh, and ends what was read before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text

from app.payments import queries as payments
from app.payments.checkout_models import Checkout
from app.payments.models import BillingRecord, StripeCustomer, StripeSubscription
from app.subscriptions import queries
from app.subscriptions.models import Subscription, UsagePeriod
from tests.scenario.base import OrgBase


class Readouts(OrgBase):
    """Rows of the org, oldest first, and the sentences that tests say of them."""

    # What it is on

    @property
    def plan_version(self) -> UUID:
        """The plan version in force."""
        return queries.get_plan_in_force(self.session, self.id, self.now)

    @property
    def subscription(self) -> Subscription | None:
        """Ours, where one runs."""
        return queries.find_subscription(self.session, self.id)

    @property
    def period(self) -> UsagePeriod:
        """The usage period that is open now."""
        [found] = queries.list_periods(self.session, self.id, self.now, self.now)
        return found

    # What it paid

    @property
    def checkout(self) -> Checkout:
        """Its last checkout."""
        return self.session.get_one(Checkout, self.opened[-1].checkout_id)

    @property
    def record(self) -> BillingRecord:
        """The billing record of its last checkout."""
        chosen = select(BillingRecord).where(BillingRecord.checkout_id == self.opened[-1].checkout_id)
        return self.session.scalars(chosen).one()

    @property
    def records(self) -> list[BillingRecord]:
        """All its billing records."""
        chosen = select(BillingRecord).where(BillingRecord.org_id == self.id)
        return list(self.session.scalars(chosen.order_by(BillingRecord.created_at)))

    @property
    def mirror(self) -> StripeSubscription | None:
        """Its subscription at Stripe, as we know it."""
        return self.session.scalars(
            select(StripeSubscription).where(StripeSubscription.org_id == self.id)
        ).one_or_none()

    @property
    def customer(self) -> StripeCustomer | None:
        """Its customer at Stripe, as we know it."""
        return payments.find_customer(self.session, self.id)

    @property
    def books(self) -> dict[str, Any]:
        """States of checkouts and records, and how many subscriptions run and customers there are."""
        running = StripeSubscription.ended_at.is_(None)
        return {
            "checkouts": self._all(select(Checkout.state).where(Checkout.org_id == self.id).order_by(Checkout.id)),
            "records": self._all(
                select(BillingRecord.state).where(BillingRecord.org_id == self.id).order_by(BillingRecord.id)
            ),
            "subscriptions": self._one(select(func.count()).where(StripeSubscription.org_id == self.id, running)),
            "customers": self._one(select(func.count()).where(StripeCustomer.org_id == self.id)),
        }

    def has_paid_once_for(self, plan: Any) -> None:
        """One subscription, one charge, one billing record, and the plan is the org's."""
        books = self.books
        assert (books["subscriptions"], books["customers"], books["records"]) == (1, 1, ["completed"])
        customer = self._one(select(StripeCustomer.id).where(StripeCustomer.org_id == self.id))
        stripe = self.scenario.stripe
        assert len([each for each in stripe.objects("charge", customer=customer) if each["paid"]]) == 1
        assert len(stripe.objects("subscription", customer=customer)) == 1
        assert self.plan_version == plan.version_id

    def was_given_nothing(self) -> None:
        """Still on the default plan, and nobody was charged."""
        assert self.plan_version == self.scenario.default_plan().version_id
        assert [each for each in self.scenario.stripe.objects("charge") if each["paid"]] == []
        assert self.books["subscriptions"] == 0

    # What it used, and what we wrote to it

    def counter(self, meter: str = "api_calls") -> Decimal:
        """What the open period counts of a meter."""
        asked = text(
            "SELECT c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
            " WHERE c.org_id = :org AND m.key = :meter AND c.period_start = :start"
        )
        found = self.period.starts_at
        return self._one(asked.bindparams(org=self.id, meter=meter, start=found)) or Decimal(0)

    def counters(self, meter: str = "api_calls") -> list[Decimal]:
        """What each period counts of a meter, oldest first."""
        asked = text(
            "SELECT c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
            " WHERE c.org_id = :org AND m.key = :meter ORDER BY c.period_start"
        )
        return self._all(asked.bindparams(org=self.id, meter=meter))

    @property
    def letters(self) -> list[str]:
        """The templates of what was mailed to its members."""
        asked = text(
            "SELECT template FROM mail_outbox WHERE to_address IN (SELECT email FROM users u JOIN memberships m"
            " ON m.user_id = u.id WHERE m.org_id = :org) ORDER BY id"
        )
        return self._all(asked.bindparams(org=self.id))

    def _all(self, asked: Select[Any] | Any) -> list[Any]:
        return list(self.session.scalars(asked))

    def _one(self, asked: Select[Any] | Any) -> Any:
        return self.session.scalar(asked)
