"""After any history of plans given, zones changed, months passed and instants asked for, the books are whole."""

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.catalog import queries as catalog
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.subscriptions import periods, queries, service
from tests.scenario.followed import Follower, facts, tiles
from tests.subscriptions.conftest import NOW
from tests.subscriptions.test_periods import ZONES

GIVE = st.tuples(
    st.just("give"),
    st.sampled_from([("free", "USD"), ("pro", "USD"), ("pro", "EUR"), ("business", "USD")]),
)
BUY = st.tuples(st.just("buy"), st.sampled_from(["pro", "business"]), st.sampled_from([0, 0, 1, 40]))
TOLD = st.tuples(st.just("told"), st.sampled_from(["active", "active", "past_due", "unpaid", "canceled"]))
MOVE = st.tuples(st.just("zone"), st.sampled_from(ZONES))
WAIT = st.tuples(st.just("wait"), st.sampled_from([0, 1, 3600, 86_400, 10 * 86_400, 40 * 86_400, 200 * 86_400]))
ASK = st.tuples(st.just("ask"), st.integers(-100, 100))

# Every meter in use has terms in every period. Allowance and policy are the plan version's own; the cap of a restricted
# org is at most the default plan's, from the period on in which that began.
WRONG_TERMS = text("""
    SELECT p.starts_at, meter.key, m.allowance AS planned, t.allowance AS in_force, t.cap, free.allowance AS free
    FROM usage_periods p CROSS JOIN meters meter
    LEFT JOIN subscriptions s ON s.org_id = p.org_id AND s.ended_at IS NULL AND s.limited_at < p.ends_at
    LEFT JOIN plan_meters m ON m.plan_version_id = p.plan_version_id AND m.meter_id = meter.id
    LEFT JOIN plan_meters free ON free.plan_version_id = :default AND free.meter_id = meter.id
         AND free.policy = 'block' AND s.id IS NOT NULL
    LEFT JOIN terms_in_force t ON t.org_id = p.org_id AND t.period_start = p.starts_at AND t.meter_id = meter.id
    WHERE p.org_id = :org AND meter.archived_at IS NULL AND (
        t.meter_id IS NULL OR t.mentioned <> (m.meter_id IS NOT NULL) OR t.allowance IS DISTINCT FROM m.allowance
        OR t.policy <> coalesce(m.policy, 'warn') OR (free.allowance IS NOT NULL AND t.cap IS DISTINCT FROM
            least(free.allowance, CASE m.policy WHEN 'block' THEN coalesce(m.hard_limit, m.allowance)
                                                ELSE m.hard_limit END)))
""")


@pytest.mark.parametrize("examples", [12, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.slow
def test_periods_tile_and_carry_the_limits_of_their_plan_after_any_history(engine, make_org, examples):
    @example(history=[("buy", "pro", 0), ("wait", 200 * 86_400), ("told", "unpaid")])
    @settings(max_examples=examples, deadline=None)
    @given(history=st.lists(st.one_of(GIVE, BUY, TOLD, MOVE, WAIT, ASK), max_size=12))
    def holds(history):
        books_are_whole_after(history, engine, make_org())

    holds()


def books_are_whole_after(history, engine, org):
    now = NOW
    with Session(engine) as session:
        stripe = AtStripe(session, org)
        for step in history:
            now = play(session, org, now, step, stripe)
        periods.open_periods_ahead(session, org, now)
        session.commit()
        spans = tiles(session, org)
        assert spans[-1][1] > now + timedelta(days=59)
        assert (
            session.execute(WRONG_TERMS, {"org": org, "default": catalog.find_default_version_id(session)}).all() == []
        )
        running, held = queries.find_current_period(session, org, now), queries.find_subscription(session, org)
        assert running.plan_version_id == queries.get_plan_in_force(session, org, now)
        if held is not None:
            assert held.plan_version_id == running.plan_version_id
            ahead = queries.list_periods(session, org, now, now + timedelta(days=500))
            assert {each.plan_version_id for each in ahead} == {held.plan_version_id}


class AtStripe:
    """What the org has bought there last, if anything."""

    def __init__(self, session, org):
        self.session, self.org, self.follower, self.version, self.anchor = session, org, None, None, None

    def buy(self, version, anchor, now):
        if queries.find_subscription(self.session, self.org) is None or not self.collects():
            self.follower, self.version, self.anchor = Follower(self.session, self.org), version, anchor
            self.told("active", now)

    def told(self, state, now):
        if self.follower is not None:
            ended = {"ended_at": now} if state == "canceled" else {}
            self.follower.see(facts(self.version, self.anchor, now, state=state, **ended), now)

    def collects(self):
        held = queries.find_subscription(self.session, self.org)
        return held is not None and held.collection == "stripe"


def play(session, org, now, step, stripe):
    match step:
        case ("give", (key, currency)):
            version = catalog.find_newest_version(session, key)
            chosen = {"interval": "month", "currency": currency}
            if stripe.collects():
                with pytest.raises(Conflict):
                    service.assign_plan(session, org, version.id, **chosen, actor=SYSTEM, now=now)
                return now
            before = tiles(session, org) if queries.find_current_period(session, org, now) else []
            change = service.assign_plan(session, org, version.id, **chosen, actor=SYSTEM, now=now)
            after = tiles(session, org) if change.changed else before
            past = [span for span in before if span[1] <= now]
            assert after[: len(past)] == past, "a closed period was touched"
            if change.moved_from is None and before:
                assert holding(before, now) == holding(after, now)
        case ("buy", key, days):
            stripe.buy(catalog.find_newest_version(session, key).id, now - timedelta(days=days), now)
        case ("told", state):
            stripe.told(state, now)
        case ("zone", zone):
            session.execute(update(Org).where(Org.id == org).values(time_zone=zone))
            session.expire_all()
            periods.rebuild_periods_ahead(session, org, now)
        case ("wait", seconds):
            now += timedelta(seconds=seconds)
        case ("ask", days):
            at = now + timedelta(days=days)
            period = periods.ensure_period(session, org, at, now)
            assert period.starts_at <= at < period.ends_at
    return now


def holding(spans, at):
    return [(start, end) for start, end in spans if start <= at < end]
