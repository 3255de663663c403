"""The app, its clock and its Stripe: the cast enters here, time moves here, and the worker works here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts import models as accounts
from app.ops.clock.mover import Mover
from app.payments.webhooks.models import InboxEvent
from tests import factories
from tests.factories import MadePlan
from tests.scenario import queue, webhook
from tests.scenario.moving import PortalHere, StripeHere
from tests.scenario.org import Org
from tests.scenario.rollups import fold
from tests.standin import StandIn
from tests.support.statements import asked_inside
from tests.today import FixedClock


@dataclass
class Scenario:
    """`opening` is when orgs open, now without; `only` is the kind of task that `work` runs, all without."""

    app: Flask
    clock: FixedClock
    session: Session
    connect: Callable[[], StandIn]
    opening: datetime | None = None
    only: str | None = "payments.apply"
    sweeps: tuple[str, ...] = ()
    _stripe: StandIn | None = None
    _client: FlaskClient | None = None

    @property
    def stripe(self) -> StandIn:
        """The stand-in; its webhooks come to our door."""
        if self._stripe is None:
            self._stripe = self.connect()
            self._stripe.deliver_to(self.client)
        return self._stripe

    @property
    def client(self) -> FlaskClient:
        """Somebody without an account: a visitor, a program, Stripe."""
        self._client = self._client or self.app.test_client()
        return self._client

    # The cast

    def org(self, *, owner: bool = True, zone: str = "UTC", **facts: Any) -> Org:
        """An org, with an owner unless it shall have nobody; `facts` are its name and currency."""
        back, self.clock.at = self.clock.at, self.opening or self.clock.at
        made = factories.make_org(self.session, time_zone=zone, **facts)
        self.clock.at = back
        return self.known(made.id, factories.make_member(self.session, made).id if owner else None)

    def known(self, org_id: UUID, owner: UUID | None = None) -> Org:
        """An org that is there already."""
        self.session.rollback()
        return Org(self, org_id, owner)

    def plan(self, **terms: Any) -> MadePlan:
        """A plan of its own for 10 USD a month, 100 a year; see `factories.make_plan`."""
        return factories.make_plan(self.session, **terms)

    def plan_named(self, plan: str | MadePlan) -> MadePlan:
        """The newest version of a plan of the catalogue."""
        return factories.find_plan(self.session, plan) if isinstance(plan, str) else plan

    def default_plan(self) -> MadePlan:
        """What an org is on that chose nothing."""
        return factories.have_default_plan(self.session)

    def staff(self) -> FlaskClient:
        """A browser of somebody of the team, who is in no org."""
        return self.browser(factories.make_user(self.session, staff=True).id)

    def browser(self, user_id: UUID, org_id: UUID | None = None) -> FlaskClient:
        """A browser that is signed in."""
        user = self.session.get_one(accounts.User, user_id)
        org = self.session.get_one(accounts.Org, org_id) if org_id else None
        return factories.signed_in(self.app, self.session, user, org)

    def api(self, *scopes: str) -> dict[str, str]:
        """The headers of a call with a key of the team's."""
        return factories.bearer(factories.make_key(self.session, None, scopes=scopes or factories.ALL_SCOPES))

    # Time

    def at(self, when: str | datetime) -> Scenario:
        """Set the clock; nothing runs."""
        self.clock.at = factories.utc(when) if isinstance(when, str) else when
        return self

    def later(self, **time: float) -> Scenario:
        """Advance the clock, by days=3 for example; nothing runs."""
        self.clock.advance(timedelta(**time))
        return self

    def moves_to(self, when: str | datetime, look: Callable[[], None] = lambda: None) -> Scenario:
        """Move the clock as the sandbox does: from due instant to due instant, at each until all is quiet; then `look`.

        What is due here counts only for stories with sweeps.
        """
        target = factories.utc(when) if isinstance(when, str) else when
        places = [StripeHere(self.stripe), PortalHere(self.app, self.only, self.sweeps)]
        Mover(self.clock, places, look=look, pause=lambda: None).move(target)
        return self

    def renew(self) -> None:
        """The next period of what runs at Stripe began a day ago; Stripe charges it, and we hear of it."""
        running = (each for each in self.stripe.objects("subscription") if each["ended_at"] is None)
        ends = (datetime.fromtimestamp(each["items"]["data"][0]["current_period_end"], UTC) for each in running)
        self.moves_to(min(end for end in ends if end > self.clock.at) + timedelta(days=1, hours=2))
        self.settle()

    def sessions(self, **match: Any) -> list[dict[str, Any]]:
        """Checkout sessions at Stripe, newest first."""
        return self.stripe.objects("checkout.session", **match)

    # What runs without people

    def settle(self) -> None:
        """Do what is due at Stripe, carry the webhooks, run what waits until all is quiet; then the sweeps, once."""
        while self.stripe.run_due() + self.stripe.deliver() + self.work():
            pass
        for name in self.sweeps:
            queue.task(name)()
        self.work()

    def work(self) -> int:
        """Run the tasks that wait, as the worker does; tries that were put off are made at once. Returns how many."""
        return queue.run(self.app, self.only)

    def fold(self) -> None:
        """Bring the roll-ups up to date."""
        fold(self.app, self.clock)

    # The inbox

    def send(self, sent: dict[str, Any]) -> int:
        """One delivery of an event at the door; the status of the answer."""
        return int(webhook.post(self.client, json.dumps(sent).encode()).status_code)

    def inbox(self, event_id: str) -> InboxEvent:
        """An event as it lies in the inbox now."""
        self.session.rollback()
        return self.session.get_one(InboxEvent, event_id)

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """What requests ask of the database, signing in included."""
        with asked_inside() as asked:
            yield asked
