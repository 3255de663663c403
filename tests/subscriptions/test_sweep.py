"""The task that opens periods ahead, through the doors that the worker uses."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text, update

from app.accounts.models import Org
from app.kit.actor import SYSTEM
from app.subscriptions import queries, service, tasks
from tests.scenario.followed import tiles
from tests.subscriptions.conftest import NOW
from tests.support.roles import BY_HAND


def test_a_new_org_has_its_period_and_two_ahead_after_the_sweep(worker, db, make_org):
    org = make_org()
    tasks.open_periods()
    assert [start for start, _ in tiles(db, org)] == [
        datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC),
    ]  # fmt: skip


def test_the_sweep_again_writes_nothing(worker, db, make_org):
    make_org()
    tasks.open_periods()
    marks = text("SELECT array_agg(xmin::text ORDER BY org_id, starts_at) FROM usage_periods")
    before = db.scalar(marks)
    tasks.open_periods()
    assert db.scalar(marks) == before


def test_the_sweep_catches_up_when_months_pass_at_once(worker, business, db, make_org):
    org = make_org()
    tasks.open_periods()
    business.advance(timedelta(days=400))
    tasks.open_periods()
    spans = tiles(db, org)
    assert spans[-1][1] > business.now() + timedelta(days=59)
    assert len(spans) == 16


def test_a_change_of_zone_reaches_the_periods(worker, db, make_org):
    org = make_org()
    tasks.open_periods()
    db.execute(update(Org).where(Org.id == org).values(time_zone="Asia/Tokyo"))
    db.commit()
    tasks.open_periods()
    assert queries.find_current_period(db, org, NOW).ends_at == datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert len(tiles(db, org)) >= 3


def test_an_org_that_fails_stops_none_of_the_others(worker, db, make_org):
    broken, org = make_org(), make_org()
    db.execute(BY_HAND)
    db.execute(text("ALTER TABLE usage_periods ADD CONSTRAINT ck_test CHECK (org_id <> '" + str(broken) + "')"))
    db.commit()
    tasks.open_periods()
    assert len(tiles(db, org)) == 3
    assert queries.find_current_period(db, broken, NOW) is None
    db.execute(BY_HAND)
    db.execute(text("ALTER TABLE usage_periods DROP CONSTRAINT ck_test"))
    db.commit()
    tasks.open_periods()
    assert len(tiles(db, broken)) == 3


def test_a_deleted_org_gets_no_more_periods(worker, db, make_org):
    org = make_org()
    db.execute(update(Org).where(Org.id == org).values(deleted_at=NOW))
    db.commit()
    tasks.open_periods()
    assert queries.find_current_period(db, org, NOW) is None


def test_billing_periods_of_orgs_that_we_bill_are_rolled_on(worker, business, db, make_org, plan):
    org = make_org()
    service.assign_plan(db, org, plan("pro"), interval="month", currency="USD", actor=SYSTEM, now=NOW)
    db.commit()
    business.advance(timedelta(days=70))
    tasks.open_periods()
    held = queries.find_subscription(db, org)
    db.refresh(held)
    assert (held.billing_starts_at, held.billing_ends_at) == (
        datetime(2027, 1, 21, 12, tzinfo=UTC), datetime(2027, 2, 21, 12, tzinfo=UTC),
    )  # fmt: skip
