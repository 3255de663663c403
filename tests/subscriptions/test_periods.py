from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.kit.errors import NotFound
from app.subscriptions import periods, queries
from app.subscriptions.models import TermsInForce
from tests.scenario.followed import tiles
from tests.subscriptions.conftest import NOW
from tests.support.terms import list_mentioned


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_the_first_period_of_an_org_is_the_calendar_month_with_the_default_plans_limits(db, make_org, plan):
    org = make_org()
    period = periods.ensure_period(db, org, NOW, NOW)
    assert (period.starts_at, period.ends_at) == (utc(2026, 11, 1), utc(2026, 12, 1))
    assert period.plan_version_id == plan("free")
    calls, pages = list_mentioned(db, org, period.starts_at)
    assert (pages.allowance, pages.policy) == (5, "warn")
    assert (calls.allowance, calls.per_day) == (100, 20)


def test_nothing_can_be_owed_without_a_subscription_so_usage_is_refused_above_the_allowance(db, make_org):
    org = make_org()
    calls = list_mentioned(db, org, periods.ensure_period(db, org, NOW, NOW).starts_at)[0]
    assert (calls.policy, calls.allowance, calls.hard_limit) == ("charge", 100, 500)
    assert (calls.cap, calls.charge_id) == (100, None)
    assert (calls.sources["cap"], calls.sources["charge"]) == ("not_collected", "not_collected")


def test_ensuring_again_changes_nothing(db, make_org):
    org = make_org()
    first = periods.ensure_period(db, org, NOW, NOW)
    db.commit()
    mark = text("SELECT xmin::text FROM usage_periods WHERE org_id = :org")
    before = db.scalars(mark, {"org": org}).all()
    assert periods.ensure_period(db, org, NOW + timedelta(days=3), NOW) is first
    periods.lock_usage(db, org)
    periods.extend_periods(db, org, NOW, NOW, NOW)
    db.commit()
    assert db.scalars(mark, {"org": org}).all() == before


@pytest.mark.parametrize("days", [-400, -35, 40, 400])
def test_every_period_between_the_instant_and_the_known_ones_is_opened(db, make_org, days):
    org = make_org("America/New_York")
    at = NOW + timedelta(days=days)
    period = periods.ensure_period(db, org, at, NOW)
    assert period.starts_at <= at < period.ends_at
    spans = tiles(db, org)
    assert len(spans) == abs((at.year - NOW.year) * 12 + at.month - NOW.month) + 1
    for start, end in spans:
        local = start.astimezone(ZoneInfo("America/New_York"))
        assert (local.day, local.hour) == (1, 0)
        assert timedelta(days=27) < end - start < timedelta(days=32)
    counted = db.scalars(select(TermsInForce.period_start).where(TermsInForce.org_id == org)).all()
    assert sorted(set(counted)) == [start for start, _ in spans]


def test_months_of_a_zone_that_skipped_a_day_hold_the_days_that_were_there(db, make_org):
    org = make_org("Pacific/Apia")  # there was no 30 December 2011 in Samoa
    periods.ensure_period(db, org, utc(2011, 11, 15), utc(2012, 1, 15))
    november, december, january = tiles(db, org)
    assert december == (utc(2011, 12, 1, 10), utc(2011, 12, 31, 10))
    assert december[1] - december[0] == timedelta(days=30)
    assert november[0] == utc(2011, 11, 1, 10)
    assert january == (utc(2011, 12, 31, 10), utc(2012, 1, 31, 10))


def test_an_instant_on_a_boundary_belongs_to_the_period_that_starts_there(db, make_org):
    org = make_org()
    assert periods.ensure_period(db, org, utc(2026, 12, 1), NOW).starts_at == utc(2026, 12, 1)
    last = utc(2026, 12, 1) - timedelta(microseconds=1)
    assert periods.ensure_period(db, org, last, NOW).starts_at == utc(2026, 11, 1)


@pytest.mark.slow
def test_many_connections_at_once_open_each_period_once(engine, db, make_org):
    instants = [NOW + timedelta(days=31 * n) for n in (-3, -2, -1, 0, 0, 0, 1, 2, 3, 0, -3, 3)]
    for _ in range(4):
        org = make_org()
        start = Barrier(len(instants))

        def opened(at, org=org, start=start):
            with Session(engine) as session:
                start.wait()
                found = periods.ensure_period(session, org, at, NOW)
                span = found.starts_at, found.ends_at
                session.commit()
                return span

        with ThreadPoolExecutor(len(instants)) as pool:
            spans = list(pool.map(opened, instants))
        assert sorted(set(spans)) == tiles(db, org)
        assert len(tiles(db, org)) == 7
        db.rollback()


ZONES = ["UTC", "Pacific/Apia", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Pacific/Kiritimati"]
INSTANTS = st.integers(-500, 500).map(lambda days: NOW + timedelta(days=days, microseconds=days))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3), instants=st.lists(INSTANTS, max_size=5))
def test_periods_tile_time_whatever_is_asked_in_whatever_order_and_zone(engine, make_org, zones, instants):
    org = make_org(zones[0])
    with Session(engine) as session:
        for number, at in enumerate([NOW, *instants]):
            session.execute(update(Org).where(Org.id == org).values(time_zone=zones[number % len(zones)]))
            session.expire_all()
            period = periods.ensure_period(session, org, at, NOW)
            assert period.starts_at <= at < period.ends_at
        spans = tiles(session, org)
        assert all(timedelta(days=26) < end - start < timedelta(days=33) for start, end in spans)
        session.commit()


def test_the_database_refuses_gaps_overlaps_and_a_second_beginning(engine, make_org):
    org = make_org()
    with Session(engine) as session:
        periods.ensure_period(session, org, utc(2027, 1, 15), NOW)
        session.commit()
    row = (
        "INSERT INTO usage_periods"
        " VALUES ('{org}', '{start}', '{end}', {before}, gen_random_uuid(), 'UTC', 'USD', now())"
    )
    address = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    wrong = [
        ("2027-03-01", "2027-04-01", "'2027-03-01'", psycopg.errors.ForeignKeyViolation),  # a gap
        ("2027-01-15", "2027-03-01", "'2027-01-15'", psycopg.errors.ForeignKeyViolation),  # an overlap
        ("2027-02-01", "2027-03-01", "'2027-01-01'", psycopg.errors.CheckViolation),  # another one's end
        ("2020-01-01", "2020-02-01", "NULL", psycopg.errors.UniqueViolation),  # a second beginning
        ("2027-02-01", "2027-02-01", "'2027-02-01'", psycopg.errors.CheckViolation),  # no length
    ]
    for start, end, before, error in wrong:
        with psycopg.connect(address) as connection:
            connection.execute("SET timezone = 'UTC'")
            with pytest.raises(error):  # noqa: PT012  (a deferred key speaks at the commit)
                connection.execute(row.format(org=org, start=start, end=end, before=before))
                connection.commit()


def test_the_first_period_is_never_pulled_away_from_under_the_next(engine, make_org):
    org = make_org()
    with Session(engine) as session:
        periods.ensure_period(session, org, utc(2027, 1, 15), NOW)
        session.commit()
        session.execute(text("DELETE FROM usage_periods WHERE org_id = :org AND previous_end IS NULL"), {"org": org})
        with pytest.raises(Exception, match="fk_usage_periods_org_id_previous_end_usage_periods"):
            session.commit()


def test_the_org_must_exist(db):
    with pytest.raises(NotFound):
        periods.ensure_period(db, uuid4(), NOW, NOW)


def test_opening_ahead_leaves_two_whole_months_beyond_the_running_one(db, make_org):
    org = make_org()
    for at in (utc(2026, 11, 1), utc(2026, 11, 30, 23, 59), utc(2027, 1, 31), utc(2027, 2, 1)):
        periods.open_periods_ahead(db, org, at)
        ahead = [span for span in tiles(db, org) if span[0] > at]
        assert len(ahead) >= 2
        assert len(ahead) <= 3


def test_an_org_that_moves_to_another_zone_has_its_boundaries_moved_and_no_sliver_of_a_period(db, make_org):
    org = make_org()
    periods.open_periods_ahead(db, org, NOW)
    db.execute(update(Org).where(Org.id == org).values(time_zone="Asia/Tokyo"))
    db.expire_all()
    periods.rebuild_periods_ahead(db, org, NOW)
    spans = tiles(db, org)
    assert spans[0] == (utc(2026, 11, 1), utc(2026, 11, 30, 15))
    assert spans[1] == (utc(2026, 11, 30, 15), utc(2026, 12, 31, 15))
    assert {row.time_zone for row in queries.list_periods(db, org, NOW, NOW + timedelta(days=90))} == {"Asia/Tokyo"}


def test_a_boundary_that_is_too_near_stays_where_it_is(db, make_org):
    org, late = make_org(), utc(2026, 11, 30, 23, 30)
    periods.open_periods_ahead(db, org, late)
    db.execute(update(Org).where(Org.id == org).values(time_zone="Asia/Tokyo"))
    db.expire_all()
    periods.rebuild_periods_ahead(db, org, late)
    assert tiles(db, org)[:2] == [(utc(2026, 11, 1), utc(2026, 12, 1)), (utc(2026, 12, 1), utc(2026, 12, 31, 15))]
