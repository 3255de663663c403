"""The restore drill of docs/operating.md: a dump is restored that does not know of the last purchase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from app.kit.clock import Clocks
from app.payments.checkout.request import AlreadyPaid
from app.payments.gateway import get_gateway
from app.payments.price_push.push import push_catalog
from app.payments.tasks import reconcile_everything as reconcile
from app.web.database import db
from sandbox.postgres import server as postgres
from tests.pages import text_of
from tests.scenario import Org, Scenario
from tests.scenario.fixtures import begin
from tests.support.copy import copy
from tests.support.database import copy_database, create_database, drop_database
from tests.support.installation import app_on, furnish
from tests.today import FixedClock

pytestmark = pytest.mark.long  # test_catch_up plays the same without stopping anything


@dataclass
class Drill:
    """An installation that is stopped, dumped, restored and started again. Stripe goes on."""

    request: pytest.FixtureRequest
    server: Path
    clocks: Clocks
    clock: FixedClock
    database: str

    @contextmanager
    def runs(self) -> Iterator[Scenario]:
        """Its processes run."""
        stripe = self.request.getfixturevalue("standin")
        url = postgres.url(self.server, self.database)
        with app_on(url, self.clocks, **stripe.stripe_settings()) as app, app.app_context():
            try:
                yield begin(self.request, app, db.session(), self.clock)
            finally:
                db.session.remove()

    @contextmanager
    def loses_what_follows(self) -> Iterator[None]:
        """A dump is taken; an hour later it is restored, and whatever Stripe has sent meanwhile is gone."""
        dump = f"{self.database}_dump"
        copy_database(self.server, self.database, dump)
        yield
        self.request.getfixturevalue("standin").lose()
        drop_database(self.server, self.database)
        copy_database(self.server, dump, self.database)
        drop_database(self.server, dump)
        self.clock.advance(timedelta(hours=1))


@pytest.fixture
def drill(request: pytest.FixtureRequest, server: Path, clocks: Clocks, clock: FixedClock) -> Iterator[Drill]:
    name = create_database(server, "drill")
    yield Drill(request, server, clocks, clock, name)
    drop_database(server, name)


def furnished(scenario: Scenario) -> Org:
    """An org that could buy Pro."""
    furnish(scenario.app, scenario.clock.now())
    assert list(push_catalog(get_gateway(), scenario.clock.now()))
    return scenario.org()


def again(scenario: Scenario, org: Org) -> Org:
    """The same org after the restart."""
    return scenario.known(org.id, org.owner)


def buy_again(org: Org) -> tuple[int, str]:
    """The owner presses the button that leads to Stripe's page; the status, and what the page that follows says."""
    path, version = "/billing/upgrade/pro", org.scenario.plan_named("pro").version_id
    answer = org.press(path, interval="month", currency="USD", version=str(version))
    return answer.status_code, org.page("/billing")


def test_a_purchase_that_a_restore_lost_is_found_before_a_second_checkout_opens(drill: Drill) -> None:
    """Both sides are told: the customer on the page, staff on the org's."""
    with drill.runs() as scenario:
        org = furnished(scenario)
    with drill.loses_what_follows(), drill.runs() as scenario:
        again(scenario, org).buys("pro")
    with drill.runs() as scenario:
        restored = again(scenario, org)
        assert restored.books == {"checkouts": [], "records": [], "subscriptions": 0, "customers": 0}
        status, told = buy_again(restored)
        assert (status, len(scenario.sessions())) == (303, 1)
        assert copy("upgrade.paid_already", plan="Pro") in told
        restored.has_paid_once_for(scenario.plan_named("pro"))
        page = text_of(scenario.staff().get(f"/admin/orgs/{org.id}"))
        assert "Subscription found at Stripe" in page
        assert reconcile().differences == []


def test_the_drill_reconciles_first_and_nothing_is_left_to_find(drill: Drill) -> None:
    """However old the dump is: Stripe forgets events after thirty days, but neither customers nor subscriptions."""
    with drill.runs() as scenario:
        org = furnished(scenario)
        reconcile()
    with drill.loses_what_follows(), drill.runs() as scenario:
        again(scenario, org).buys("pro")
        scenario.later(days=20)
        with scenario.stripe.world.change():
            for event in scenario.stripe.events():
                scenario.stripe.world.remove(event)
    with drill.runs() as scenario:
        restored = again(scenario, org)
        assert [each.describe() for each in reconcile().remaining] == []
        restored.has_paid_once_for(scenario.plan_named("pro"))
        assert reconcile().differences == []
        with pytest.raises(AlreadyPaid):
            restored.opens("pro")
        assert len(scenario.sessions()) == 1
