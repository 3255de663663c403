"""Many periods at once: two lanes, an org in one of them, and what fails or is busy is left to be closed alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs.closing.lanes import LANES, Door, rate_together
from app.kit.errors import Conflict
from app.subscriptions.close import PeriodKey, list_due
from app.web.database import transaction
from tests.billing_runs.test_close import GRACE, lines
from tests.billing_runs.test_racing_runs import ended
from tests.scenario import Org, Scenario

MONTHS = 3
LOCKED = 1.5
"""Seconds: less than a transaction waits for a lock."""


def let_events_settle(scenario: Scenario) -> None:
    """Wait until no transaction of the cluster, other tests' included, is older than the events recorded so far."""
    scenario.session.rollback()
    now = scenario.session.scalar(text("SELECT pg_current_xact_id()::text::bigint"))
    scenario.session.rollback()
    for _ in range(600):
        if scenario.session.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")) > now:
            break
        scenario.session.rollback()
        sleep(0.1)
    scenario.session.rollback()


def doors(scenario: Scenario, *, shut: int = 0) -> Door:
    """Transactions in any thread; the first of them fail."""
    failing = iter(range(shut))

    @contextmanager
    def door() -> Iterator[Session]:
        with scenario.app.app_context(), transaction() as session:
            if next(failing, None) is not None:
                raise Conflict("busy")
            yield session

    return door


def due(scenario: Scenario, *orgs: Org) -> list[PeriodKey]:
    """What is due of some orgs, earliest first."""
    scenario.session.rollback()
    found = list_due(scenario.session, scenario.clock.now(), GRACE, 10_000)
    scenario.session.rollback()
    mine = {org.id for org in orgs}
    return [key for key in found if key.org_id in mine]


def some_orgs(scenario: Scenario) -> list[Org]:
    """Orgs with usage in months that have ended; their ids decide the lane."""
    plan = scenario.plan(policy="charge", allowance=50_000)
    orgs = [ended(scenario, plan, months=MONTHS) for _ in range(2 * LANES)]
    scenario.later(days=120)
    let_events_settle(scenario)
    return orgs


def test_all_periods_are_closed_those_of_an_org_in_their_order(scenario: Scenario) -> None:
    orgs = some_orgs(scenario)
    keys = due(scenario, *orgs)
    done = rate_together(doors(scenario), keys, scenario.clock.now())
    assert (sorted(done.closed), done.waiting) == (sorted(keys), {})
    for org in orgs:
        assert [key for key in done.closed if key.org_id == org.id] == [key for key in keys if key.org_id == org.id]
        assert [line.amount for line in lines(scenario, org) if line.meter_id and line.amount] == [100] * MONTHS
    assert due(scenario, *orgs) == []


def test_a_batch_that_fails_leaves_its_periods_open_and_stops_no_other(scenario: Scenario) -> None:
    orgs = some_orgs(scenario)
    keys = due(scenario, *orgs)
    lanes = len({key.org_id.int % LANES for key in keys})
    done = rate_together(doors(scenario, shut=1), keys, scenario.clock.now())
    left = due(scenario, *orgs)
    assert {*done.closed, *left} == {*keys}
    assert left, "one batch failed"
    assert len({key.org_id.int % LANES for key in left}) == 1
    assert bool(done.closed) == (lanes > 1)


@pytest.mark.parametrize("most", [None, 1], ids=["beside others", "alone in its batch"])
def test_an_org_that_is_busy_is_left_out(scenario: Scenario, most: int | None) -> None:
    """A lane waits for nobody, whether it has many periods or one."""
    orgs = some_orgs(scenario)[:most]
    busy = orgs[0].id
    keys = due(scenario, *orgs)[: most and 1]
    with Session(scenario.session.get_bind()) as other:
        other.execute(text("SELECT pg_advisory_xact_lock(usage_lock(:org))"), {"org": busy})
        began = time.monotonic()
        done = rate_together(doors(scenario), keys, scenario.clock.now())
        assert most is None or time.monotonic() - began < LOCKED
    assert {key.org_id for key in done.closed} == {org.id for org in orgs} - {busy}
    assert {key.org_id for key in due(scenario, *orgs)} == {busy}
    assert done.waiting == {}
