"""Monthly partitions are made ahead, while writers go on; what has no month yet is caught by the default one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.metering.partitions import ensure_partitions, remove_expired
from tests.metering.world import NOW, World, event
from tests.today import FixedClock


def partition_of(world: World, org: UUID) -> str:
    return str(world.run("SELECT tableoid::regclass::text FROM usage_events WHERE org_id = %s", (org,))[0][0])


def test_an_event_lands_in_the_partition_of_its_month(world: World) -> None:
    world.run("SELECT usage_partitions(%s, 0, 0)", (NOW,))
    org = world.org()
    world.one(org, event())
    assert partition_of(world, org) == "usage_events_202611"


def test_making_partitions_again_makes_none(world: World) -> None:
    at = datetime(2031, 5, 31, 23, tzinfo=UTC)
    made = [world.run("SELECT usage_partitions(%s, 1, 2)", (at,))[0][0] for _ in range(2)]
    assert made in ([8, 0], [0, 0])  # the other form of the world has made them already
    names = world.run(
        "SELECT relname FROM pg_class WHERE relname LIKE 'usage_events_2031%%' AND relkind = 'r' ORDER BY 1"
    )
    assert [name for (name,) in names] == [f"usage_events_2031{month:02}" for month in (4, 5, 6, 7)]


def test_new_partitions_have_the_indexes_and_refuse_changes(world: World) -> None:
    world.run("SELECT usage_partitions(%s, 0, 0)", (datetime(2032, 1, 1, tzinfo=UTC),))
    indexes = world.run("SELECT indexdef FROM pg_indexes WHERE tablename = 'usage_events_203201' ORDER BY 1")
    assert len(indexes) == 2
    triggers = world.run("SELECT tgname FROM pg_trigger WHERE tgrelid = 'usage_events_203201'::regclass ORDER BY 1")
    assert triggers == [("usage_events_immutable",), ("usage_events_not_truncated",)]
    with pytest.raises(psycopg.Error, match="cannot be changed"):
        world.by_hand("TRUNCATE usage_events_203201")


def test_a_month_that_has_rows_in_the_default_partition_stays_there(world: World) -> None:
    org, year = world.org(), 2040 + int(world.standby)
    at = datetime(year, 3, 5, tzinfo=UTC)
    world.run(
        "INSERT INTO usage_events (org_id, key, occurred_at, recorded_at, meter_id, billable, quantity, event_id,"
        " source) VALUES (%s, %s, %s, %s, 1, true, 1, 'x', 'api')",
        (org, uuid4(), at, at),
    )
    assert partition_of(world, org) == "usage_events_default"
    world.run("SELECT usage_partitions(%s, 0, 0)", (at,))
    assert partition_of(world, org) == "usage_events_default"


def test_writers_go_on_while_a_partition_is_attached(world: World) -> None:
    org = world.org()
    with psycopg.connect(world.url) as making:
        making.execute("SELECT usage_partitions(%s, 0, 0)", (datetime(2050 + int(world.standby), 1, 1, tzinfo=UTC),))
        assert world.one(org, event()).code == "recorded"  # the attaching transaction is still open
        assert world.many(org, [event(), event()]).recorded == 2
        making.rollback()


@pytest.mark.slow
def test_a_reader_in_the_way_is_waited_for_a_second_and_no_longer(world: World) -> None:
    with psycopg.connect(world.url) as reading:
        reading.execute("SELECT count(*) FROM usage_events")  # holds every partition, also the default one
        with pytest.raises(psycopg.errors.LockNotAvailable), psycopg.connect(world.url) as making:
            making.execute("SELECT usage_partitions(%s, 0, 0)", (datetime(2060, 1, 1, tzinfo=UTC),))


def test_the_task_makes_partitions_by_the_business_clock(app: Flask, session: Session, clock: FixedClock) -> None:
    clock.at = datetime(2070, 1, 15, tzinfo=UTC)
    assert ensure_partitions() == 12
    assert ensure_partitions() == 0


def test_the_sweep_removes_windows_that_have_passed_and_refusals_after_30_days(
    app: Flask, session: Session, clock: FixedClock, world: World
) -> None:
    org = world.org(t_sum={"policy": "charge", "allowance": 0, "per_minute": 5})
    world.one(org, event())
    for day in (21, 22):
        world.run(
            "INSERT INTO refused_events VALUES (%s, %s, %s, 'a', 'unknown_meter', 'x', '{}')",
            (org, uuid4(), datetime(2026, 10, day, 12, tzinfo=UTC)),
        )
    clock.at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    remove_expired()
    assert world.run("SELECT at FROM refused_events WHERE org_id = %s", (org,)) == [
        (datetime(2026, 10, 22, 12, tzinfo=UTC),)
    ]
    assert len(world.run("SELECT 1 FROM usage_windows WHERE org_id = %s", (org,))) == 1
    clock.at = datetime(2026, 11, 25, 12, tzinfo=UTC)
    remove_expired()
    assert world.run("SELECT 1 FROM usage_windows WHERE org_id = %s", (org,)) == []
