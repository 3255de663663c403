"""Our subscription follows Stripe's: what it grants, where its periods lie, and that no order changes the end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, NotFound
from app.kit.periods import Period, boundary
from app.subscriptions import periods, queries, service
from tests.scenario.followed import Follower, each_start, facts, over, span, tiles
from tests.subscriptions.conftest import NOW
from tests.support.copy import copy
from tests.support.terms import list_mentioned

MONTH, NEXT = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
JANUARY = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def follower(db, make_org):
    """Somebody new, in New York: Stripe reckons in UTC all the same."""
    made = Follower(db, make_org("America/New_York"))
    periods.open_periods_ahead(db, made.org, NOW)
    return made


def test_a_purchase_starts_a_usage_period_at_stripes_anchor_with_the_plans_limits(db, follower, plan):
    anchor = NOW - timedelta(seconds=40)
    change = follower.see(facts(plan("pro"), anchor, NOW), NOW)
    held = queries.find_subscription(db, follower.org)
    assert change == service.PlanChange(True, anchor, held.id)
    assert (held.state, held.collection, held.started_at) == ("active", "stripe", anchor)
    assert tiles(db, follower.org)[0][1] == anchor
    assert queries.find_current_period(db, follower.org, NOW).ends_at == boundary(anchor, 1, "UTC")
    calls = list_mentioned(db, follower.org, anchor)
    assert [(row.allowance, row.policy, row.hard_limit) for row in calls] == [(1000, "charge", 5000)]
    assert queries.get_plan_in_force(db, follower.org, anchor - DAY) == plan("free")
    assert follower.noted() == [("started", anchor)]


def test_the_same_facts_again_change_nothing(db, follower, plan):
    told = facts(plan("pro"), NOW, NOW)
    follower.see(told, NOW)
    before, entries = follower.rows(NOW), audited(db, follower)
    for minute in range(3):
        assert follower.see(told, NOW + timedelta(minutes=minute)) == service.PlanChange(False, None, follower.ours)
    assert (follower.rows(NOW), audited(db, follower)) == (before, entries)


def audited(db, follower):
    entries = text("SELECT action FROM audit_entries WHERE org_id = :org ORDER BY id")
    return list(db.scalars(entries, {"org": follower.org}))


@pytest.mark.parametrize("state", ["incomplete", "incomplete_expired"])
def test_what_was_not_paid_grants_nothing_and_opens_no_row(db, follower, plan, state):
    before = follower.rows(NOW)
    ended = NOW if state == "incomplete_expired" else None
    assert follower.see(facts(plan("pro"), NOW, NOW, state=state, ended_at=ended), NOW) == service.PlanChange(False)
    assert follower.rows(NOW) == before
    assert before["subscriptions"] == []


def test_a_state_that_stripe_does_not_have_is_an_error(follower, plan):
    with pytest.raises(ValueError, match="half_paid"):
        follower.see(facts(plan("pro"), NOW, NOW, state="half_paid"), NOW)


def test_an_unknown_org_is_refused(db, plan):
    with pytest.raises(NotFound):
        Follower(db, uuid4()).see(facts(plan("pro"), NOW, NOW), NOW)


@pytest.mark.parametrize("seconds_late", [0, 90, 3600])
def test_twelve_renewals_from_the_31st_tile_time_and_grant_the_allowance_twelve_times(db, follower, plan, seconds_late):
    late = timedelta(seconds=seconds_late)
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    for n in range(1, 13):
        now = boundary(JANUARY, n, "UTC") + late
        periods.open_periods_ahead(db, follower.org, now)
        assert follower.see(facts(plan("pro"), JANUARY, now), now).moved_from is None
    expected = [boundary(JANUARY, n, "UTC") for n in range(13)]
    assert [(at.month, at.day, at.hour) for at in expected[:4]] == [(1, 31, 9), (2, 28, 9), (3, 31, 9), (4, 30, 9)]
    assert each_start(tiles(db, follower.org), JANUARY)[:13] == expected
    granted = text("""SELECT count(*), sum(allowance) FROM terms_in_force
                      WHERE org_id = :org AND period_start >= :since AND period_start < :until AND mentioned""")
    given_out = {"org": follower.org, "since": JANUARY, "until": expected[-1]}
    assert tuple(db.execute(granted, given_out).one()) == (12, 12_000)
    assert follower.noted("renewed") == [("renewed", at) for at in expected[1:]]


def test_a_renewal_that_nobody_told_us_of_is_noted_all_the_same(follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    now = boundary(JANUARY, 4, "UTC")
    follower.see(facts(plan("pro"), JANUARY, now), now)
    assert follower.noted("renewed") == [("renewed", boundary(JANUARY, n, "UTC")) for n in range(1, 5)]


@pytest.mark.parametrize("days", [3, 25, 70])
def test_a_purchase_seen_weeks_late_cuts_the_period_in_which_it_was_made(db, follower, plan, days):
    anchor = NOW + timedelta(hours=7)
    now = anchor + days * DAY
    periods.open_periods_ahead(db, follower.org, now)
    change = follower.see(facts(plan("pro"), anchor, now), now)
    assert change.moved_from == anchor
    starts = [start for start, _ in tiles(db, follower.org)]
    midnight = datetime(2026, 11, 1, 4, tzinfo=UTC)  # in New York
    assert starts[:3] == [midnight, anchor, boundary(anchor, 1, "UTC")]
    assert queries.get_plan_in_force(db, follower.org, anchor) == plan("pro")
    assert queries.get_plan_in_force(db, follower.org, anchor - DAY) == plan("free")


def test_a_purchase_before_the_orgs_first_known_period_opens_the_time_before_it(db, make_org, plan):
    late = Follower(db, make_org())
    late.see(facts(plan("pro"), NOW - 60 * DAY, NOW), NOW)
    assert each_start(tiles(db, late.org), NOW - 60 * DAY)[0] == NOW - 60 * DAY


def test_stripes_clock_a_little_ahead_of_ours_leaves_no_sliver_of_a_period(db, follower, plan):
    anchor = NOW + timedelta(seconds=5)
    follower.see(facts(plan("pro"), anchor, NOW), NOW)
    follower.see(facts(plan("pro"), anchor, NOW + DAY), NOW + DAY)
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, boundary(anchor, 1, "UTC")]


def test_a_trial_grants_the_plan_from_its_first_day_and_is_a_period_of_its_own(db, follower, plan):
    ends = NOW + 14 * DAY
    trial = facts(plan("pro"), ends, NOW, state="trialing", started_at=NOW, billing=span(NOW, 14))
    follower.see(trial, NOW)
    assert each_start(tiles(db, follower.org), NOW)[:2] == [NOW, ends]
    assert queries.find_subscription(db, follower.org).state == "trialing"


@pytest.mark.parametrize("hours", [1, -1, 23])
def test_a_boundary_of_stripes_that_differs_from_ours_is_taken_over_and_moves_usage(db, follower, plan, hours):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    ours = boundary(JANUARY, 1, "UTC")
    stripes = ours + timedelta(hours=hours)
    now = max(ours, stripes) + timedelta(minutes=5)
    billing = span(stripes, 31)
    change = follower.see(facts(plan("pro"), JANUARY, now, billing=billing), now)
    assert change == service.PlanChange(True, min(ours, stripes), follower.ours)
    starts = each_start(tiles(db, follower.org), JANUARY)
    assert starts[:3] == [JANUARY, stripes, billing.end]
    assert [row.allowance for row in list_mentioned(db, follower.org, stripes)] == [1000]
    assert follower.see(facts(plan("pro"), JANUARY, now, billing=billing), now).changed is False


def test_a_boundary_ahead_is_corrected_before_it_comes_and_no_usage_moves(db, follower, plan):
    told = facts(plan("pro"), JANUARY, JANUARY)
    follower.see(told, JANUARY)
    later = Period(JANUARY, told.billing.end + timedelta(hours=1))
    change = follower.see(facts(plan("pro"), JANUARY, JANUARY, billing=later), JANUARY + DAY)
    assert change.moved_from is None
    assert each_start(tiles(db, follower.org), JANUARY)[1] == later.end


def test_an_anchor_that_stripe_moved_cuts_the_period_there(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    moved = JANUARY + 10 * DAY
    change = follower.see(facts(plan("pro"), moved, moved, started_at=JANUARY), moved + timedelta(minutes=1))
    assert change.moved_from == moved
    assert each_start(tiles(db, follower.org), JANUARY)[:3] == [JANUARY, moved, boundary(moved, 1, "UTC")]


def test_who_pays_by_the_year_has_usage_periods_by_the_month(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY, interval="year"), JANUARY)
    now = boundary(JANUARY, 13, "UTC")
    periods.open_periods_ahead(db, follower.org, now)
    follower.see(facts(plan("pro"), JANUARY, now, interval="year"), now)
    held = queries.find_subscription(db, follower.org)
    assert (held.billing_starts_at, held.billing_ends_at.year) == (datetime(2028, 1, 31, 9, 30, tzinfo=UTC), 2029)
    expected = [boundary(JANUARY, n, "UTC") for n in range(14)]
    assert each_start(tiles(db, follower.org), JANUARY)[:14] == expected
    assert follower.noted("renewed") == [("renewed", datetime(2028, 1, 31, 9, 30, tzinfo=UTC))]


def test_from_monthly_to_yearly_the_usage_period_runs_on(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    spans, now = tiles(db, follower.org), JANUARY + 5 * DAY
    first = follower.ours
    change = follower.see(facts(plan("pro"), now, now, interval="year", started_at=JANUARY), now)
    held = queries.find_subscription(db, follower.org)
    assert (change.changed, change.moved_from) == (True, None)
    assert tiles(db, follower.org)[: len(spans)] == spans
    assert (held.interval, held.billing_starts_at, held.anchor_at) == ("year", now, JANUARY)
    assert held.id == follower.ours != first


def test_after_monthly_became_yearly_a_years_renewal_is_noted_once(follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    yearly = JANUARY + 5 * DAY
    renewed = boundary(yearly, 12, "UTC")
    for now in (yearly, renewed):
        follower.see(facts(plan("pro"), yearly, now, interval="year", started_at=JANUARY), now)
    assert follower.noted("renewed") == [("renewed", renewed)]


def test_another_price_at_stripe_changes_the_plan_for_the_whole_running_period(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    now = JANUARY + 5 * DAY
    change = follower.see(facts(plan("business"), JANUARY, now), now)
    assert (change.changed, change.moved_from) == (True, None)
    assert [row.allowance for row in list_mentioned(db, follower.org, JANUARY)] == [None]
    assert queries.get_plan_in_force(db, follower.org, now) == plan("business")
    assert queries.get_plan_in_force(db, follower.org, now - DAY) == plan("pro")
    assert [each.state for each in queries.list_subscriptions(db, follower.org)] == ["active", "ended"]
    assert follower.noted("upgraded") == [("upgraded", now)]
    assert follower.see(facts(plan("business"), JANUARY, now), now).changed is False


def test_a_price_that_came_with_the_renewal_holds_from_the_boundary_on(db, follower, plan):
    follower.see(facts(plan("business"), JANUARY, JANUARY), JANUARY)
    renewed = boundary(JANUARY, 1, "UTC")
    now = renewed + 2 * DAY
    follower.see(facts(plan("pro"), JANUARY, now), now)
    assert [row.allowance for row in list_mentioned(db, follower.org, JANUARY)] == [None]
    assert [row.allowance for row in list_mentioned(db, follower.org, renewed)] == [1000]
    assert queries.get_plan_in_force(db, follower.org, renewed) == plan("pro")


def test_past_due_keeps_everything_and_is_noted_once_a_billing_period(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    before = follower.rows(NOW)
    due = facts(plan("pro"), NOW, NOW, state="past_due")
    for _ in range(3):
        follower.see(due, NOW + DAY)
    after = follower.rows(NOW)
    assert queries.find_subscription(db, follower.org).state == "past_due"
    assert {table: after[table] for table in list(after)[1:]} == {table: before[table] for table in list(before)[1:]}
    follower.see(facts(plan("pro"), NOW, NOW), NOW + 2 * DAY)
    assert follower.noted()[1:] == [("past_due", NOW + DAY), ("recovered", NOW + 2 * DAY)]


def test_a_planned_cancellation_and_its_undoing_are_noted_each_time(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    for n, planned in enumerate([JANUARY, JANUARY, None, JANUARY]):
        follower.see(facts(plan("pro"), NOW, NOW, cancel_at=planned), NOW + (n + 1) * DAY)
    assert [kind for kind, _ in follower.noted()[1:]] == ["cancel_planned", "cancel_undone", "cancel_planned"]
    assert queries.find_subscription(db, follower.org).cancel_at == JANUARY


@pytest.mark.parametrize("seconds", [0, 40])
def test_the_end_starts_a_calendar_period_of_the_free_plan(db, follower, plan, seconds):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    ends = boundary(JANUARY, 1, "UTC")
    now = ends + timedelta(hours=2)
    told = over(plan("pro"), JANUARY, ends, ended_at=ends + timedelta(seconds=seconds))
    change = follower.see(told, now)
    assert change == service.PlanChange(True, ends, follower.ours)
    assert queries.find_subscription(db, follower.org) is None
    midnight = datetime(2027, 3, 1, 5, tzinfo=UTC)  # in New York
    assert each_start(tiles(db, follower.org), JANUARY)[:3] == [JANUARY, ends, midnight]
    assert list_mentioned(db, follower.org, ends)[0].sources["cap"] == "not_collected"
    assert follower.noted()[-1] == ("ended", ends)


def test_an_end_seen_weeks_late_lies_where_it_happened(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    ends, now = JANUARY + 12 * DAY, JANUARY + 80 * DAY
    periods.open_periods_ahead(db, follower.org, now)
    assert follower.see(over(plan("pro"), JANUARY, ends), now).moved_from == ends
    assert ends in each_start(tiles(db, follower.org), JANUARY)
    assert queries.get_plan_in_force(db, follower.org, ends) == plan("free")


def test_what_has_ended_never_opens_again(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    now = JANUARY + 12 * DAY
    follower.see(over(plan("pro"), JANUARY, now), now)
    before = follower.rows(now)
    for state in ("active", "past_due", "unpaid", "trialing"):
        told = facts(plan("pro"), JANUARY, now, state=state)
        assert follower.see(told, now) == service.PlanChange(False, None, follower.ours)
    assert follower.rows(now) == before


def test_an_org_that_comes_back_has_a_new_row_and_a_new_anchor(db, follower, plan):
    follower.see(facts(plan("pro"), JANUARY, JANUARY), JANUARY)
    follower.see(over(plan("pro"), JANUARY, JANUARY + 5 * DAY), JANUARY + 5 * DAY)
    again = Follower(db, follower.org)
    again.see(facts(plan("business"), JANUARY + 9 * DAY, JANUARY + 9 * DAY), JANUARY + 9 * DAY)
    starts = each_start(tiles(db, follower.org), JANUARY)
    assert starts[:3] == [JANUARY, JANUARY + 5 * DAY, JANUARY + 9 * DAY]
    assert [each.state for each in queries.list_subscriptions(db, follower.org)] == ["active", "ended"]


def test_a_plan_given_by_staff_ends_when_the_org_pays_and_not_before_it_was_given(db, follower, plan):
    given_at = NOW + DAY
    service.assign_plan(
        db, follower.org, plan("business"), interval="month", currency="USD", actor=SYSTEM, now=given_at
    )
    follower.see(facts(plan("pro"), NOW, NOW), NOW + 2 * DAY)
    paid, offline = queries.list_subscriptions(db, follower.org)
    assert (offline.collection, offline.ended_at) == ("offline", given_at)
    assert (paid.collection, paid.started_at) == ("stripe", given_at)
    tiles(db, follower.org)


def test_staff_cannot_give_a_plan_while_stripe_collects(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    chosen = {"interval": "month", "currency": "USD", "actor": SYSTEM, "now": NOW}
    for key in ("free", "business", "pro"):
        with pytest.raises(Conflict, match=copy("payments.elsewhere")):
            service.assign_plan(db, follower.org, plan(key), **chosen)
    follower.see(over(plan("pro"), NOW, NOW + DAY), NOW + DAY)
    chosen["now"] = NOW + 2 * DAY
    assert service.assign_plan(db, follower.org, plan("business"), **chosen).changed


def test_of_two_subscriptions_at_stripe_the_first_wins(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    before = follower.rows(NOW)
    second = Follower(db, follower.org)
    assert second.see(facts(plan("business"), NOW, NOW, ref="sub_2"), NOW) == service.PlanChange(False)
    assert second.rows(NOW) == before
    follower.see(over(plan("pro"), NOW, NOW + DAY), NOW + DAY)
    assert second.see(facts(plan("business"), NOW, NOW, ref="sub_2"), NOW + DAY).changed


def test_purchases_followed_at_once_leave_one_subscription(engine, make_org, plan):
    org, version, start = make_org(), plan("pro"), Barrier(6)

    def bought(number):
        with Session(engine) as session:
            start.wait()
            change = Follower(session, org).see(facts(version, NOW, NOW, ref=f"sub_{number}"), NOW)
            session.commit()
            return change.changed

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(bought, range(6))) == [False] * 5 + [True]


def test_the_history_names_what_happened_on_which_plan_newest_first(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    follower.see(facts(plan("business"), NOW, NOW), NOW + DAY)
    follower.see(over(plan("business"), NOW, NOW + 2 * DAY), NOW + 2 * DAY)
    lines = queries.list_history(db, follower.org)
    assert [(line.kind, line.plan.key) for line in lines] == [
        ("ended", "business"), ("upgraded", "business"), ("started", "pro"),
    ]  # fmt: skip
    assert queries.list_history(db, uuid4()) == []


def test_every_change_of_plan_state_and_end_is_audited(db, follower, plan):
    follower.see(facts(plan("pro"), NOW, NOW), NOW)
    follower.see(facts(plan("pro"), NOW, NOW, state="unpaid"), NOW + DAY)
    follower.see(over(plan("pro"), NOW, NOW + 2 * DAY), NOW + 2 * DAY)
    assert audited(db, follower) == [
        "subscription.started", "subscription.limited", "subscription.changed", "subscription.ended",
    ]  # fmt: skip


EXAMPLES = pytest.mark.parametrize("examples", [5, pytest.param(100, marks=pytest.mark.long)])

# One life at Stripe: paid, three renewals, a failure, unpaid, paid, cancelled at the end of the period.
AT = [boundary(JANUARY, n, "UTC") for n in range(6)]
END = AT[5]


def life(version):
    return [
        (AT[0], {"state": "incomplete"}),
        (AT[0], {}),
        (AT[1], {}),
        (AT[2], {}),
        (AT[3], {}),
        (AT[3] + DAY, {"state": "past_due"}),
        (AT[3] + 9 * DAY, {"state": "unpaid"}),
        (AT[3] + 12 * DAY, {}),
        (AT[4], {}),
        (AT[4] + DAY, {"cancel_at": END}),
        (END, None),
    ]


def told(version, moment):
    at, changed = moment
    if changed is None:
        return over(version, JANUARY, END, cancel_at=END)
    return facts(version, JANUARY, at, **changed)


@EXAMPLES
@pytest.mark.slow
def test_whatever_of_a_life_is_seen_and_however_often_the_end_is_one(engine, make_org, plan, whole_life, examples):
    moments = life(plan("pro"))

    @few(examples)
    @given(times=st.tuples(*[st.integers(0, 2)] * (len(moments) - 1), st.integers(1, 3)))
    def holds(times):
        seen = [n for n, often in enumerate(times) for _ in range(often)]
        assert lived(engine, make_org, plan, [(n, moments[n][0]) for n in seen]) == whole_life

    holds()


@EXAMPLES
@pytest.mark.slow
def test_stale_answers_in_any_order_neither_reopen_nor_bend_what_has_ended(
    engine, make_org, plan, whole_life, examples
):
    late = END + 3 * DAY

    @few(examples)
    @given(order=st.permutations(range(len(life(None)))))
    def holds(order):
        assert lived(engine, make_org, plan, [(n, late) for n in order]) == whole_life

    holds()


def few(examples):
    return settings(max_examples=examples, deadline=None)


@pytest.fixture
def whole_life(engine, make_org, plan):
    """What stands when each moment was seen once, as it came."""
    return lived(engine, make_org, plan, [(n, at) for n, (at, _) in enumerate(life(None))])


def lived(engine, make_org, plan, seen):
    """What stands at the end, after these moments were seen at these times."""
    org, version = make_org("America/New_York"), plan("pro")
    with Session(engine) as session:
        periods.open_periods_ahead(session, org, NOW)
        follower = Follower(session, org)
        for n, now in seen:
            periods.open_periods_ahead(session, org, now)
            follower.see(told(version, life(version)[n]), now)
        renewed = [at for _, at in follower.noted("renewed")]
        assert renewed == AT[1:5]
        rows = follower.rows(END + 3 * DAY)
        session.rollback()
        return rows
