from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict, InvalidRequest, NotFound
from app.subscriptions import periods, queries, service
from app.subscriptions.models import UsagePeriod
from tests.scenario.followed import tiles
from tests.subscriptions.conftest import NOW
from tests.support.terms import list_mentioned

STAFF = Actor("staff", uuid4())
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
NEXT = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def give(db, plan):
    """Staff give a plan, by the month in dollars unless told."""

    def given(org, key, now=NOW, **chosen):
        chosen = {"interval": "month", "currency": "USD", **chosen}
        return service.assign_plan(db, org, plan(key), **chosen, actor=STAFF, now=now)

    return given


def calls(session, org, at):
    period = queries.find_period(session, org, at)
    return next((each for each in list_mentioned(session, org, period.starts_at) if each.per_day is None), None)


def test_a_paid_plan_after_free_starts_a_new_usage_period_at_that_instant(db, make_org, give, plan):
    org = make_org()
    periods.open_periods_ahead(db, org, NOW)
    change = give(org, "pro")
    assert change == service.PlanChange(True, NOW, queries.find_subscription(db, org).id)
    assert tiles(db, org)[:3] == [(MONTH, NOW), (NOW, NEXT), (NEXT, datetime(2027, 1, 1, tzinfo=UTC))]
    before, after = queries.find_period(db, org, MONTH), queries.find_period(db, org, NOW)
    assert (before.plan_version_id, after.plan_version_id) == (plan("free"), plan("pro"))


def test_limits_rise_at_once_in_the_running_period_and_in_those_ahead(db, make_org, give):
    org = make_org()
    periods.open_periods_ahead(db, org, NOW)
    assert list_mentioned(db, org, MONTH)[0].allowance == 100
    give(org, "pro")
    for start, _ in tiles(db, org)[1:]:
        row = list_mentioned(db, org, start)[0]
        assert (row.allowance, row.policy, row.hard_limit, row.per_day) == (1000, "charge", 5000, None)
    assert list_mentioned(db, org, MONTH)[0].allowance == 100


def test_between_two_paid_plans_the_period_runs_on_and_the_new_limits_hold_for_all_of_it(db, make_org, give, plan):
    org, later = make_org(), NOW + timedelta(days=2)
    give(org, "pro")
    spans = tiles(db, org)
    change = give(org, "business", later)
    assert change == service.PlanChange(True, None, queries.find_subscription(db, org).id)
    assert tiles(db, org) == spans
    running = queries.find_period(db, org, later)
    assert running.plan_version_id == plan("business")
    assert [(row.allowance, row.policy) for row in list_mentioned(db, org, running.starts_at)] == [(None, "block")]
    assert queries.get_plan_in_force(db, org, later - timedelta(seconds=1)) == plan("pro")
    assert queries.get_plan_in_force(db, org, later) == plan("business")


def test_the_same_plan_again_is_no_change(db, make_org, give):
    org = make_org()
    give(org, "pro")
    spans, held = tiles(db, org), queries.find_subscription(db, org).id
    entries = text("SELECT count(*) FROM audit_entries WHERE org_id = :org")
    count = db.scalar(entries, {"org": org})
    assert give(org, "pro", NOW + timedelta(days=1)) == service.PlanChange(changed=False)
    assert (tiles(db, org), queries.find_subscription(db, org).id) == (spans, held)
    assert db.scalar(entries, {"org": org}) == count == 1


def test_the_default_plan_for_an_org_that_is_on_it_is_no_change(db, make_org, give):
    org = make_org()
    assert give(org, "free") == service.PlanChange(changed=False)
    assert queries.find_subscription(db, org) is None


def test_back_to_free_starts_a_new_period_and_nothing_can_be_owed(db, make_org, give):
    org, later = make_org(), NOW + timedelta(days=2)
    give(org, "pro")
    assert give(org, "free", later).moved_from == later
    assert tiles(db, org)[:3] == [(MONTH, NOW), (NOW, later), (later, NEXT)]
    row = list_mentioned(db, org, later)[0]
    assert (row.charge_id, row.sources["cap"]) == (None, "not_collected")
    assert queries.find_subscription(db, org).collection == "none"
    assert [each.state for each in queries.list_subscriptions(db, org)] == ["active", "ended"]


def test_another_currency_starts_a_new_period_and_another_interval_does_not(db, make_org, give):
    org = make_org()
    give(org, "pro")
    spans = tiles(db, org)
    assert give(org, "pro", NOW + timedelta(hours=1), interval="year").moved_from is None
    assert tiles(db, org) == spans
    later = NOW + timedelta(hours=2)
    assert give(org, "pro", later, currency="EUR").moved_from == later
    assert (NOW, later) in tiles(db, org)


def test_two_changes_at_one_instant_leave_no_empty_period(db, make_org, give, plan):
    org = make_org()
    give(org, "pro")
    give(org, "free")
    give(org, "business")
    assert tiles(db, org)[:2] == [(MONTH, NOW), (NOW, NEXT)]
    assert queries.get_plan_in_force(db, org, NOW) == plan("business")
    assert [row.allowance for row in list_mentioned(db, org, NOW)] == [None]


def test_a_billing_period_runs_on_through_a_change_of_plan_and_is_rolled_without_drift(db, make_org, give):
    org, start = make_org(), datetime(2026, 12, 31, 12, tzinfo=UTC)
    give(org, "pro", start)
    give(org, "business", start + timedelta(days=1))
    held = queries.find_subscription(db, org)
    assert (held.billing_starts_at, held.billing_ends_at) == (start, datetime(2027, 1, 31, 12, tzinfo=UTC))
    service.roll_billing_period(db, held.id, datetime(2027, 3, 1, tzinfo=UTC))
    assert held.billing_ends_at == datetime(2027, 3, 31, 12, tzinfo=UTC)
    service.roll_billing_period(db, held.id, datetime(2027, 3, 2, tzinfo=UTC))
    assert held.billing_starts_at == datetime(2027, 2, 28, 12, tzinfo=UTC)


def test_giving_a_plan_is_audited_with_before_and_after(db, make_org, give):
    org = make_org()
    give(org, "pro")
    give(org, "business", NOW + timedelta(days=1))
    entry = db.execute(
        text("SELECT * FROM audit_entries WHERE org_id = :org ORDER BY id DESC LIMIT 1"), {"org": org}
    ).one()
    assert (entry.action, entry.actor_id) == ("subscription.plan_assigned", STAFF.id)
    assert (entry.before["plan"], entry.after["plan"], entry.after["collection"]) == ("pro", "business", "offline")


def test_a_price_that_the_plan_does_not_have_is_refused(db, make_org, give):
    org = make_org()
    for chosen in ({"currency": "JPY"}, {"interval": "year", "currency": "EUR"}, {"interval": "week"}):
        with pytest.raises(InvalidRequest):
            give(org, "pro", **chosen)
    assert queries.find_subscription(db, org) is None


def test_drafts_unknown_versions_and_unknown_orgs_are_refused(db, make_org, plan):
    org, draft = make_org(), uuid4()
    db.execute(
        text(
            "INSERT INTO plan_versions SELECT :draft, plan_id, 9, NULL, content_hash FROM plan_versions WHERE id = :of"
        ),
        {"draft": draft, "of": plan("pro")},
    )
    chosen = {"interval": "month", "currency": "USD", "actor": STAFF, "now": NOW}
    for refusal, where, version in [
        (Conflict, org, draft), (NotFound, org, uuid4()), (NotFound, uuid4(), plan("pro")),
    ]:  # fmt: skip
        with pytest.raises(refusal):
            service.assign_plan(db, where, version, **chosen)
    db.rollback()


def test_plans_given_at_once_leave_one_subscription_and_whole_periods(engine, db, make_org, plan):
    org = make_org()
    versions = [plan("pro"), plan("business"), plan("free"), plan("pro")] * 3

    def give_one(number):
        with Session(engine) as session:
            now = NOW + timedelta(seconds=number)
            service.assign_plan(session, org, versions[number], interval="month", currency="USD", actor=STAFF, now=now)
            session.commit()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(give_one, range(len(versions))))
    tiles(db, org)
    assert queries.find_subscription(db, org) is not None
    open_rows = text("SELECT count(*) FROM subscriptions WHERE org_id = :org AND ended_at IS NULL")
    assert db.scalar(open_rows, {"org": org}) == 1
    last = db.scalars(
        select(UsagePeriod).where(UsagePeriod.org_id == org).order_by(UsagePeriod.starts_at.desc())
    ).first()
    assert last.plan_version_id == queries.find_subscription(db, org).plan_version_id
    assert catalog.find_version(db, last.plan_version_id) is not None
