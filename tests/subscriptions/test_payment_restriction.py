"""Unpaid after the grace: the Free plan's limits hold at once, everything stays, and payment gives it all back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select, text

from app.accounts.models import Org
from app.audit.models import AuditEntry
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict, InvalidRequest
from app.kit.periods import Period, boundary
from app.metering.verification.move import move_usage
from app.subscriptions import payment_restriction, periods, queries
from app.subscriptions.entitlements import get_entitlements
from app.subscriptions.overrides.service import NewOverride, give_override
from tests.factories import allow_any_change, bearer, have_default_plan, make_key
from tests.factories import make_org as make_whole_org
from tests.scenario.followed import Follower, each_start, facts, over, tiles
from tests.subscriptions.conftest import NOW
from tests.support.terms import list_mentioned
from tests.today import NOON

DAY = timedelta(days=1)
EVENTS = "/api/v1/usage/events"


@pytest.fixture
def payer(db, make_org, plan):
    """An org that pays for Pro, whose renewal has failed."""
    made = Follower(db, make_org())
    made.see(facts(plan("pro"), NOW, NOW), NOW)
    made.see(facts(plan("pro"), NOW, NOW, state="past_due"), NOW + DAY)
    return made


def in_force(db, org, since):
    """The terms of `calls` in each period from `since` on: allowance, policy, cap and day limit."""
    found = []
    for start in each_start(tiles(db, org), since):
        rows = list_mentioned(db, org, start)
        found.append((rows[0].allowance, rows[0].policy, rows[0].cap, rows[0].per_day))
    return found


PRO, RESTRICTED, FREE = (1000, "charge", 5000, None), (1000, "charge", 100, 20), (100, "charge", 100, 20)


def test_the_free_plans_limits_hold_at_once_in_the_running_period_and_in_those_ahead(db, payer):
    assert in_force(db, payer.org, NOW) == [PRO] * 3
    assert payment_restriction.restrict(db, payer.org, NOW + 7 * DAY) is True
    assert in_force(db, payer.org, NOW) == [RESTRICTED] * 3
    assert payment_restriction.restrict(db, payer.org, NOW + 8 * DAY) is False
    assert queries.find_subscription(db, payer.org).limited_at == NOW + 7 * DAY


def test_periods_opened_meanwhile_are_limited_too(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    periods.open_periods_ahead(db, payer.org, NOW + 95 * DAY)
    assert set(in_force(db, payer.org, NOW)) == {RESTRICTED}
    assert len(in_force(db, payer.org, NOW)) >= 6


def test_payment_gives_the_limits_back_in_every_period_that_was_limited(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    periods.open_periods_ahead(db, payer.org, NOW + 95 * DAY)
    assert payment_restriction.lift_restriction(db, payer.org, NOW + 95 * DAY) is True
    assert set(in_force(db, payer.org, NOW)) == {PRO}
    assert payment_restriction.lift_restriction(db, payer.org, NOW + 95 * DAY) is False


def test_limiting_and_giving_back_move_no_period_and_delete_nothing(db, payer):
    before = payer.rows(NOW + 7 * DAY)
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    held = payer.rows(NOW + 7 * DAY)
    assert (held["usage_periods"], held["plans_in_force"]) == (
        before["usage_periods"],
        before["plans_in_force"],
    )
    payment_restriction.lift_restriction(db, payer.org, NOW + 8 * DAY)
    assert payer.rows(NOW + 7 * DAY) == before


def test_an_org_without_a_subscription_cannot_be_limited(db, make_org):
    org = make_org()
    assert (payment_restriction.restrict(db, org, NOW), payment_restriction.lift_restriction(db, org, NOW)) == (
        False,
        False,
    )


@pytest.mark.parametrize("state", ["unpaid", "paused"])
def test_unpaid_and_paused_limit_at_once_and_payment_unlimits(db, payer, plan, state):
    payer.see(facts(plan("pro"), NOW, NOW, state=state), NOW + 2 * DAY)
    assert set(in_force(db, payer.org, NOW)) == {RESTRICTED}
    payer.see(facts(plan("pro"), NOW, NOW, state="past_due"), NOW + 3 * DAY)
    assert set(in_force(db, payer.org, NOW)) == {RESTRICTED}
    payer.see(facts(plan("pro"), NOW, NOW), NOW + 4 * DAY)
    assert set(in_force(db, payer.org, NOW)) == {PRO}
    assert [kind for kind, _ in payer.noted()] == ["started", "past_due", "limited", "recovered"]


def test_a_new_plan_of_a_limited_org_stays_limited(db, payer, plan):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    payer.see(facts(plan("business"), NOW, NOW, state="past_due"), NOW + 8 * DAY)
    assert set(in_force(db, payer.org, NOW)) == {(None, "block", 100, 20)}
    payer.see(facts(plan("business"), NOW, NOW), NOW + 9 * DAY)
    assert {row[0] for row in in_force(db, payer.org, NOW)} == {None}


def test_the_end_of_a_limited_subscription_is_the_free_plan_like_any_other(db, payer, plan):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    ended = NOW + 9 * DAY
    payer.see(over(plan("pro"), NOW, ended), ended)
    assert in_force(db, payer.org, ended)[0] == FREE
    assert payment_restriction.lift_restriction(db, payer.org, ended) is False


def test_an_end_that_carries_an_older_billing_period_lifts_the_restriction_too(db, payer, plan):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    ended = NOW + 9 * DAY
    payer.see(over(plan("pro"), NOW, ended, billing=Period(NOW - 30 * DAY, NOW)), ended)
    [subscription] = queries.list_subscriptions(db, payer.org)
    assert (subscription.ended_at, subscription.limited_at, subscription.billing_starts_at) == (ended, None, NOW)
    assert in_force(db, payer.org, NOW)[0] == PRO


def test_a_restriction_lowers_limits_and_leaves_plan_allowance_and_features_alone(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    found = get_entitlements(db, payer.org, NOW + 7 * DAY)
    assert (found.plan_key, found.limited) == ("pro", True)
    assert (found.limits["jobs_at_once"].value, found.limits["jobs_at_once"].source) == (1, "restriction")
    assert {grant.source for grant in found.features.values()} == {"plan"}
    [calls] = found.meters
    assert (calls.meter.key, calls.terms.allowance, calls.terms.cap) == ("calls", 1000, 100)
    assert (calls.terms.cap_source, calls.terms.sources["per_day"]) == ("restriction", "restriction")
    payment_restriction.lift_restriction(db, payer.org, NOW + 8 * DAY)
    after = get_entitlements(db, payer.org, NOW + 8 * DAY)
    assert (after.limited, after.limits["jobs_at_once"].value) == (False, 5)


def test_requests_a_minute_fall_and_rise_on_both_connections(engine, db, payer):
    address = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as hot:
        for act, expected in [
            (None, 600),
            (payment_restriction.restrict, 60),
            (payment_restriction.lift_restriction, 600),
        ]:
            if act is not None:
                act(db, payer.org, NOW + 7 * DAY)
            db.commit()
            asked = {"org_id": payer.org, "now": NOW + 7 * DAY}
            assert hot.execute(queries.RATE_SQL, asked).fetchall() == [(expected,)]
            assert get_entitlements(db, payer.org, NOW + 7 * DAY).requests_per_minute == expected


def test_a_meter_that_the_free_plan_does_not_mention_keeps_its_own_terms(db, payer, plan):
    free = text("DELETE FROM plan_meters WHERE plan_version_id = :free AND meter_id = :meter")
    calls = list_mentioned(db, payer.org, NOW)[0].meter_id
    allow_any_change(db)  # a published version is not changed otherwise
    db.execute(free, {"free": plan("free"), "meter": calls})
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    row = next(each for each in list_mentioned(db, payer.org, NOW) if each.meter_id == calls)
    assert (row.allowance, row.policy, row.cap) == (1000, "charge", 5000)
    db.rollback()


# Lifted by staff, until a date.

STAFF = Actor("staff", uuid4())


def suspend(db, payer, until, now, reason="Waits for a bank transfer"):
    return payment_restriction.suspend_restriction(db, payer.org, until, reason, actor=STAFF, now=now)


def test_a_lifted_restriction_returns_at_its_instant(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    until = NOW + 12 * DAY
    assert suspend(db, payer, until, NOW + 8 * DAY) is True
    assert in_force(db, payer.org, NOW) == [PRO, RESTRICTED, RESTRICTED]
    running, *ahead = [list_mentioned(db, payer.org, start)[0] for start in each_start(tiles(db, payer.org), NOW)]
    assert (running.valid_until, {row.valid_until for row in ahead}) == (until, {None})
    for at, limited, jobs in ((NOW + 8 * DAY, False, 5), (until, True, 1)):
        found = get_entitlements(db, payer.org, at)
        assert (found.limited, found.limits["jobs_at_once"].value) == (limited, jobs)
    asked = {"org_id": payer.org, "now": NOW + 8 * DAY}
    hot = db.connection().connection.driver_connection
    assert hot.execute(queries.RATE_SQL, asked).fetchall() == [(600,)]
    assert hot.execute(queries.RATE_SQL, asked | {"now": until}).fetchall() == []
    periods.ensure_period(db, payer.org, until, until)
    db.expire_all()
    assert in_force(db, payer.org, NOW)[0] == RESTRICTED
    assert list_mentioned(db, payer.org, NOW)[0].valid_until is None


def test_a_lift_across_periods_ends_in_the_one_that_holds_its_end(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    starts = each_start(tiles(db, payer.org), NOW)
    suspend(db, payer, starts[1] + DAY, NOW + 8 * DAY)
    rows = [list_mentioned(db, payer.org, start)[0] for start in starts]
    assert [(row.cap, row.valid_until) for row in rows] == [(5000, None), (5000, starts[1] + DAY), (100, None)]


def test_the_earlier_of_an_overrides_end_and_the_lifts_is_when_terms_are_resolved_anew(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    given = NewOverride("hard_limit:calls", "9000", "why", NOW + 10 * DAY)
    give_override(db, payer.org, given, actor=STAFF, now=NOW + 8 * DAY)
    suspend(db, payer, NOW + 12 * DAY, NOW + 8 * DAY)
    row = list_mentioned(db, payer.org, NOW)[0]
    assert (row.cap, row.valid_until) == (9000, NOW + 10 * DAY)


def test_stripe_does_not_end_a_lift_and_payment_ends_everything(db, payer, plan):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    until = NOW + 20 * DAY
    suspend(db, payer, until, NOW + 8 * DAY)
    for day, state, key in ((9, "unpaid", "pro"), (10, "past_due", "pro"), (11, "past_due", "business")):
        payer.see(facts(plan(key), NOW, NOW, state=state), NOW + day * DAY)
        current = queries.find_subscription(db, payer.org)
        assert current.restriction_lifted_until == until
        assert list_mentioned(db, payer.org, NOW)[0].cap != 100
    payer.see(facts(plan("business"), NOW, NOW), NOW + 12 * DAY)
    current = queries.find_subscription(db, payer.org)
    assert (current.limited_at, current.restriction_lifted_until) == (None, None)


def test_a_lift_is_audited_once_changed_and_ended_early(db, payer):
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    assert suspend(db, payer, NOW + 9 * DAY, NOW + 8 * DAY) is True
    assert suspend(db, payer, NOW + 9 * DAY, NOW + 8 * DAY) is False
    assert suspend(db, payer, NOW + 20 * DAY, NOW + 8 * DAY) is True
    assert suspend(db, payer, None, NOW + 10 * DAY) is True
    assert suspend(db, payer, None, NOW + 10 * DAY) is False
    assert in_force(db, payer.org, NOW) == [RESTRICTED] * 3
    written = select(AuditEntry).where(AuditEntry.action == "subscription.restriction_lifted")
    entries = db.scalars(written.where(AuditEntry.org_id == payer.org)).all()
    assert [entry.after["reason"] for entry in entries] == ["Waits for a bank transfer"] * 3


def test_only_a_restriction_can_be_lifted_with_a_reason_and_until_a_later_instant(db, payer):
    with pytest.raises(Conflict):
        suspend(db, payer, NOW + 9 * DAY, NOW + 8 * DAY)
    payment_restriction.restrict(db, payer.org, NOW + 7 * DAY)
    for until, reason, field in ((NOW, "why", "lifted_until"), (NOW + 9 * DAY, "  ", "reason")):
        with pytest.raises(InvalidRequest) as caught:
            suspend(db, payer, until, NOW + 8 * DAY, reason)
        assert [error.field for error in caught.value.errors] == [field]


# Over HTTP, with events.


def use(client, key, quantity, at=None):
    event = {"id": str(uuid4()), "meter": "api_calls", "quantity": quantity}
    return client.post(EVENTS, json=event | ({"occurred_at": at.isoformat()} if at else {}), headers=bearer(key))


def used(session, org):
    """What the counters of `api_calls` hold, by the start of the period."""
    asked = text("""SELECT c.period_start, c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id
                    WHERE c.org_id = :org AND m.key = 'api_calls' AND c.used > 0 ORDER BY 1""")
    return [(start, int(count)) for start, count in session.execute(asked, {"org": org})]


@pytest.fixture
def customer(session) -> Org:
    """A new org; the shipped catalogue: 1000 calls free, 50000 on Pro."""
    have_default_plan(session)
    return make_whole_org(session, time_zone="America/New_York")


@pytest.fixture
def pro(session):
    have_default_plan(session)
    return catalog.find_newest_version(session, "pro").id


def see(session, follower, told, now):
    """As payments does it: follow, and move usage in the same transaction."""
    change = follower.see(told, now)
    if change.moved_from is not None:
        move_usage(session, follower.org, change.moved_from, now)
    session.commit()
    return change


def test_a_first_purchase_takes_the_events_after_its_anchor_into_the_new_period(session, client, customer, pro, clock):
    key = make_key(session, customer)
    anchor = NOON - timedelta(hours=2)
    for hours, quantity in [(3, 200), (2, 250), (1, 40)]:
        assert use(client, key, quantity, NOON - timedelta(hours=hours)).status_code == 200
    assert use(client, key, 100).status_code == 429
    follower = Follower(session, customer.id)
    see(session, follower, facts(pro, anchor, NOON), NOON)
    month = datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert used(session, customer.id) == [(month, 200), (anchor, 290)]
    assert use(client, key, 100).status_code == 200
    see(session, follower, facts(pro, anchor, NOON), NOON)
    assert used(session, customer.id) == [(month, 200), (anchor, 390)]


def test_a_corrected_boundary_moves_the_events_between_and_an_end_leaves_them_counted_once(
    session, client, customer, pro, clock
):
    key, follower = make_key(session, customer), Follower(session, customer.id)
    see(session, follower, facts(pro, NOON, NOON), NOON)
    ours = boundary(NOON, 1, "UTC")
    clock.at = ours + timedelta(hours=2)
    for minutes, quantity in [(-30, 1), (30, 10), (90, 100)]:
        assert use(client, key, quantity, ours + timedelta(minutes=minutes)).status_code == 200
    assert used(session, customer.id) == [(NOON, 1), (ours, 110)]
    stripes = ours + timedelta(hours=1)
    renewed = facts(pro, NOON, clock.at)
    corrected = facts(pro, NOON, clock.at, billing=Period(stripes, renewed.billing.end))
    see(session, follower, corrected, clock.at)
    assert used(session, customer.id) == [(NOON, 11), (stripes, 100)]
    see(session, follower, over(pro, NOON, stripes + timedelta(minutes=45), billing=renewed.billing), clock.at)
    assert used(session, customer.id) == [(NOON, 11), (stripes, 100)]


def test_a_limited_org_is_refused_with_the_free_plans_limit_and_served_again_once_it_has_paid(
    session, client, customer, pro, clock
):
    key, follower = make_key(session, customer), Follower(session, customer.id)
    see(session, follower, facts(pro, NOON, NOON), NOON)
    assert use(client, key, 900).status_code == 200
    see(session, follower, facts(pro, NOON, NOON, state="past_due"), NOON)
    assert use(client, key, 90).status_code == 200
    payment_restriction.restrict(session, customer.id, NOON)
    session.commit()
    refused = use(client, key, 90)
    assert refused.status_code == 429
    assert (refused.json["code"], refused.json["limit"]) == ("quota_exceeded", "1000")
    answer = client.get("/api/v1/limits", headers=bearer(key)).json
    assert (answer["plan"]["key"], answer["limited"]) == ("pro", True)
    assert (answer["meters"][0]["cap"], answer["meters"][0]["source"]) == ("1000", "restriction")
    assert used(session, customer.id) == [(NOON, 990)]
    see(session, follower, facts(pro, NOON, NOON), NOON)
    assert use(client, key, 90).status_code == 200
    assert used(session, customer.id) == [(NOON, 1080)]
