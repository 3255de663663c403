"""Many periods at once, here or in lanes: what fails or is busy is left to be closed alone."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from signal import SIGSTOP
from time import sleep

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs.closing.lane_process import Door
from app.billing_runs.closing.lanes import LANES, Lanes, rate_here
from app.billing_runs.closing.rate import RatedPeriods
from app.billing_runs.run import run_billing
from app.billing_runs.tasks import open_lanes
from app.kit.errors import Conflict
from app.settings import PROJECT
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
    """Transactions of this process; the first of them fail."""
    failing = iter(range(shut))

    @contextmanager
    def door() -> Iterator[Session]:
        with scenario.app.app_context(), transaction() as session:
            if next(failing, None) is not None:
                raise Conflict("busy")
            yield session

    return door


_PARENT = """
import sys, time
from app.billing_runs.closing.lanes import Lanes
lanes = Lanes(sys.argv[1].replace("postgresql://", "postgresql+psycopg://", 1), None)
lanes.start()
print(*(lane._process.pid for lane in lanes._lanes), flush=True)
time.sleep(600)
"""


def runs(process: int) -> bool:
    """Whether a process runs; one that nobody has asked for its end does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def no_more_files() -> Iterator[None]:
    """No file, pipe or socket can be opened in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


Rate = Callable[[Sequence[PeriodKey], datetime], RatedPeriods]


@pytest.fixture(scope="module")
def lanes(app: Flask) -> Iterator[Lanes]:
    """Lanes that run: they start once for the tests of this file."""
    with app.app_context():
        opened = open_lanes(many=MONTHS)
    with opened:
        yield opened


@pytest.fixture(params=["here", "in lanes"])
def rate(request: pytest.FixtureRequest, scenario: Scenario) -> Rate:
    """The two ways to rate many periods."""
    if request.param == "here":
        return lambda keys, now: rate_here(doors(scenario), keys, now)
    opened: Lanes = request.getfixturevalue("lanes")
    return opened.rate


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


def test_all_periods_are_closed_those_of_an_org_in_their_order(scenario: Scenario, rate: Rate) -> None:
    orgs = some_orgs(scenario)
    keys = due(scenario, *orgs)
    done = rate(keys, scenario.clock.now())
    assert (sorted(done.closed), done.waiting) == (sorted(keys), {})
    for org in orgs:
        assert [key for key in done.closed if key.org_id == org.id] == [key for key in keys if key.org_id == org.id]
        assert [line.amount for line in lines(scenario, org) if line.meter_id and line.amount] == [100] * MONTHS
    assert due(scenario, *orgs) == []


@pytest.mark.slow
def test_a_batch_that_fails_leaves_its_periods_open_and_stops_no_other(scenario: Scenario) -> None:
    keys = due(scenario, *some_orgs(scenario))
    done = rate_here(doors(scenario, shut=1), keys, scenario.clock.now(), together=MONTHS)
    assert list(done.closed) == list(keys[MONTHS:])


@pytest.mark.slow
def test_a_lane_that_is_killed_leaves_its_periods_open_and_another_takes_its_place(
    scenario: Scenario, lanes: Lanes
) -> None:
    orgs, now = some_orgs(scenario), scenario.clock.now()
    keys = due(scenario, *orgs)
    share = [key for key in keys if key.org_id.int % LANES == keys[0].org_id.int % LANES]
    lanes.start()
    victim = lanes._lanes[keys[0].org_id.int % LANES]._process
    victim.send_signal(SIGSTOP)
    with ThreadPoolExecutor(1) as beside:
        rating = beside.submit(lanes.rate, keys, now)
        while due(scenario, *orgs) != share:  # the others are done, so the victim's share was sent too
            sleep(0.1)
        victim.kill()
        victim.wait()
        done = rating.result()
    assert [key for key in keys if key not in done.closed] == share
    assert {*lanes.rate(share, now).closed} == {*share}


def test_a_run_rates_what_is_many_in_lanes(scenario: Scenario, lanes: Lanes) -> None:
    org = some_orgs(scenario)[0]
    keys = due(scenario, org)
    assert run_billing(None, scenario.clock.now(), GRACE, org.id, lanes).rated == list(keys)


def test_where_no_process_can_be_started_everything_is_left_to_be_closed_alone(
    scenario: Scenario, lanes: Lanes
) -> None:
    org = some_orgs(scenario)[0]
    keys, now = due(scenario, org), scenario.clock.now()
    with scenario.app.app_context(), open_lanes() as opened, no_more_files():
        done = opened.rate(keys, now)
    assert (done.closed, done.waiting) == ([], {})
    assert due(scenario, org) == keys
    assert lanes.rate(keys, now).closed == list(keys)


@pytest.mark.slow
def test_lanes_end_with_the_runs_that_needed_them(scenario: Scenario) -> None:
    with scenario.app.app_context(), open_lanes() as opened:
        opened.start()
        processes = [lane._process for lane in opened._lanes]
        assert [process.poll() for process in processes] == [None] * LANES
    assert [process.poll() for process in processes] == [0] * LANES


@pytest.mark.slow
def test_lanes_end_when_their_parent_is_killed(scenario: Scenario) -> None:
    url = scenario.app.extensions["tollkeeper"].settings.database_url
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, url], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert [runs(child) for child in children] == [True] * LANES
        parent.kill()
    until = time.monotonic() + 10
    while any(map(runs, children)) and time.monotonic() < until:
        sleep(0.05)
    assert [runs(child) for child in children] == [False] * LANES


@pytest.mark.parametrize("most", [None, 1], ids=["beside others", "alone in its batch"])
def test_an_org_that_is_busy_is_left_out(scenario: Scenario, rate: Rate, most: int | None) -> None:
    """Nobody who holds many locks waits for one."""
    orgs = some_orgs(scenario)[:most]
    busy = orgs[0].id
    keys = due(scenario, *orgs)[: most and 1]
    rate([], scenario.clock.now())  # the lanes have started
    with Session(scenario.session.get_bind()) as other:
        other.execute(text("SELECT pg_advisory_xact_lock(usage_lock(:org))"), {"org": busy})
        began = time.monotonic()
        done = rate(keys, scenario.clock.now())
        assert most is None or time.monotonic() - began < LOCKED
    assert {key.org_id for key in done.closed} == {org.id for org in orgs} - {busy}
    assert {key.org_id for key in due(scenario, *orgs)} == {busy}
    assert done.waiting == {}
