"""What an org is on, and what it has used."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

import msgspec

from app.kit.actor import SYSTEM
from app.metering.recorder import get_usage_recorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.schemas import Event
from app.subscriptions.overrides.service import NewOverride, give_override
from app.subscriptions.service import assign_plan
from app.web.database import transaction
from tests import factories
from tests.factories import MadePlan
from tests.scenario.base import OrgBase


class Using(OrgBase):
    """Plans that staff give, and events past all limits."""

    def on(self, plan: str | MadePlan, *, interval: str = "month", currency: str = "USD", since: str = "") -> Self:
        """Staff put it on a plan, which we invoice: from the moment that orgs open here, unless another is named."""
        at = factories.utc(since) if since else self.scenario.opening or self.now
        version_id = self.scenario.plan_named(plan).version_id
        self.scenario.session.rollback()
        with transaction() as session:
            assign_plan(session, self.id, version_id, interval=interval, currency=currency, actor=SYSTEM, now=at)
        return self

    def agrees(self, key: str, value: Any, *, ends_at: datetime | None = None, stays: bool = False) -> Self:
        """Staff agree another value with it."""
        self.scenario.session.rollback()
        given = NewOverride(key, value, "Agreed by email", ends_at, stays)
        with transaction() as session:
            give_override(session, self.id, given, actor=SYSTEM, now=self.now)
        return self

    def with_period(self) -> Self:
        """The usage period of now is open, with its terms, as it is within a minute of a sign-up."""
        get_usage_recorder().resolve_terms(self.id, self.now, self.now)
        return self

    def uses(self, quantity: int | str, *, meter: str = "api_calls", at: str = "2026-11-10 12:00",
             event: str = "", **fields: Any) -> Self:  # fmt: skip
        """Record one event past all limits, under an id if one is given; nothing for a quantity of nothing."""
        if quantity == 0:
            return self
        sent = Event(id=event or factories.unique("event"), meter=meter, quantity=msgspec.Raw(str(quantity).encode()),
                     occurred_at=factories.utc(at), **fields)  # fmt: skip
        terms = BatchTerms(limited=False, oldest=factories.utc("2026-01-01 00:00"))
        done = record_batch(get_usage_recorder(), self.id, [sent], key_id=None, now=self.now, terms=terms)
        assert done.recorded == 1, done
        return self
