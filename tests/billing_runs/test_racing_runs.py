"""Runs beside runs, and beside events: each period is rated once, and each event is counted by its line or late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from threading import Barrier, Event
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text

from app.billing_runs.run import RunReport, run_billing
from app.billing_runs.tasks import close_periods
from app.invoices.models import Invoice
from app.kit.periods import month_of
from app.metering import schemas
from app.metering.recorder import get_usage_recorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.payments.cli import background_gateway
from tests.billing_runs.patience import patiently
from tests.billing_runs.test_close import GRACE, lines, manual, on_pro, renewals, to_the_end
from tests.factories import MadePlan, unique
from tests.scenario import Org, Scenario

# The line, and what of its events lies below the mark of its close, and above.
_COUNTED = text("""
    SELECT line.quantity, line.events,
           (SELECT coalesce(sum(e.quantity), 0) FROM usage_events e
            WHERE e.org_id = close.org_id AND e.occurred_at >= close.period_start
              AND e.occurred_at < close.period_end AND e.tx < close.mark) AS below,
           (SELECT count(*) FROM usage_events e WHERE e.org_id = close.org_id) AS recorded,
           (SELECT count(*) FROM usage_events e WHERE e.org_id = close.org_id AND e.tx >= close.mark) AS late
    FROM period_closes close JOIN invoice_lines line USING (org_id, period_start)
    WHERE close.org_id = :org AND line.quantity > 0 AND line.kind = 'usage'
""")


def ended(scenario: Scenario, plan: MadePlan, months: int = 1) -> Org:
    """An org that we invoice, with usage in each of some months that have ended."""
    start = scenario.clock.at
    org = scenario.org().on(plan)
    for _ in range(months):
        org.uses(50_100, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
        scenario.later(days=31)
    scenario.at(start)
    return org


def side_by_side(scenario: Scenario, works: list[Callable[[], Any]]) -> list[Any]:
    """All at once, each in a context of its own."""
    barrier = Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        with scenario.app.app_context():
            barrier.wait()
            return work()

    scenario.session.rollback()
    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


@pytest.mark.slow
def test_runs_that_race_rate_each_period_once(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=50_000)
    orgs = [ended(scenario, plan, months=3) for _ in range(4)]
    scenario.later(days=120)
    now = scenario.clock.now()

    def run(seed: int) -> list[RunReport]:
        shuffled = Random(seed).sample(orgs, len(orgs))
        return [patiently(lambda org=org: run_billing(None, now, GRACE, org.id)) for org in shuffled]  # type: ignore[misc]

    done = side_by_side(scenario, [lambda seed=seed: run(seed) for seed in range(4)])  # type: ignore[misc]
    assert {name for reports in done for each in reports for name in each.errors.values()} == set()
    for org in orgs:
        owed = [line for line in lines(scenario, org) if line.meter_id and line.amount]
        assert [line.amount for line in owed] == [100, 100, 100]
        made = scenario.session.scalars(select(Invoice).where(Invoice.org_id == org.id)).all()
        assert {line.invoice_id for line in lines(scenario, org) if line.amount} == {each.id for each in made}
        fees = [line.period_start for line in lines(scenario, org) if line.kind == "fee"]
        assert len(fees) == len(set(fees)) >= 3


@pytest.mark.slow
def test_runs_that_race_at_stripe_bill_each_overage_once(scenario: Scenario) -> None:
    monthly, yearly = on_pro(scenario, 60_000), on_pro(scenario, 60_000, "year")
    for _ in range(2):
        to_the_end(scenario)
    scenario.later(hours=1)

    def run() -> None:
        with background_gateway():
            for org in (monthly, yearly):
                patiently(lambda: close_periods(org.id))  # noqa: B023  # called at once

    for _ in range(3):
        side_by_side(scenario, [run, run, run])
        scenario.settle()
        scenario.later(minutes=3)
    found = [*renewals(scenario, monthly), *manual(scenario, monthly), *manual(scenario, yearly)]
    billed = [
        (each["customer"], line["amount"])
        for each in found
        for line in each["lines"]["data"]
        if "tollkeeper_line" in line["metadata"]
    ]
    assert sorted(billed) == sorted([(monthly.customer_id, 10_000), (yearly.customer_id, 10_000)])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 30))])
def test_an_event_beside_a_run_is_counted_by_the_line_or_late(scenario: Scenario, seed: int) -> None:
    """Never both, never neither; events that are late change no line."""
    chance, plan = Random(seed), scenario.plan(policy="charge", allowance=50_000)
    scenario.at(month_of(scenario.clock.at, "UTC").end)  # on a month's last day its period would be over tomorrow
    org = ended(scenario, plan)
    scenario.later(days=1)
    end: datetime = org.period.ends_at
    scenario.at(end + timedelta(hours=1))
    now, closed = scenario.clock.now(), Event()

    def record() -> int:
        sent = 0
        while not closed.is_set() or sent < 5:
            batch = [event(plan, end - timedelta(hours=chance.randint(1, 40))) for _ in range(chance.randint(1, 4))]
            terms = BatchTerms(limited=False)
            done = record_batch(get_usage_recorder(), org.id, batch, key_id=None, now=now, terms=terms)
            assert done.refused == []
            sent += done.recorded
        return sent

    def close() -> None:
        try:
            assert patiently(lambda: run_billing(None, now, GRACE, org.id)).rated
        finally:
            closed.set()

    *sent, _ = side_by_side(scenario, [record, record, close])
    scenario.session.rollback()
    [row] = scenario.session.execute(_COUNTED, {"org": org.id}).all()
    assert row.quantity == row.below
    assert row.recorded == sum(sent) + 1 == row.events + row.late


def event(plan: MadePlan, at: datetime) -> schemas.Event:
    return schemas.Event(id=unique("event"), meter=plan.meter, quantity=msgspec.Raw(b"7"), occurred_at=at)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
@pytest.mark.slow
def test_any_order_and_number_of_runs_is_one_run(scenario: Scenario, seed: int) -> None:
    chance, plan = Random(seed), scenario.plan(policy="charge", allowance=50_000)
    often, once = ([ended(scenario, plan, months=3) for _ in range(2)] for _ in range(2))
    start, told = scenario.clock.at, []
    for days in sorted(chance.choices(range(120), k=12)):
        scenario.at(start + timedelta(days=days))
        for org in chance.choices(often, k=chance.randint(1, 3)):
            patiently(lambda: run_billing(None, scenario.clock.now(), GRACE, org.id))  # noqa: B023  # called at once
    scenario.at(start + timedelta(days=125))
    for org in (*often, *once):
        report = patiently(lambda: run_billing(None, scenario.clock.now(), GRACE, org.id))  # noqa: B023  # called at once
        assert report.errors == {}
        told.append(
            [
                (line.period_start, line.quantity, line.exact_amount, line.amount)
                for line in lines(scenario, org)
                if line.meter_id
            ]
        )
    assert told[0] == told[1] == told[2] == told[3]
    assert len(told[0]) >= 3
