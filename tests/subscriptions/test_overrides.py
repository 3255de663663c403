"""Exceptions that staff agree with one org (rule 2.3): what they replace, from when, until when."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, update

from app.accounts.models import Org
from app.audit.models import AuditEntry
from app.kit.actor import Actor
from app.kit.errors import InvalidRequest, NotFound
from app.subscriptions import payment_restriction, periods, queries, service
from app.subscriptions.entitlements import get_entitlements
from app.subscriptions.models import Override, UsagePeriod
from app.subscriptions.overrides.held import find_replaced, list_overrides
from app.subscriptions.overrides.service import NewOverride, end_override, give_override
from app.subscriptions.terms.writer import write_terms
from tests.subscriptions.conftest import NOW
from tests.support.terms import list_mentioned

DAY = timedelta(days=1)
STAFF = Actor("staff", uuid4())


@pytest.fixture
def org(db, make_org, plan):
    """An org that staff put on Pro: 1,000 calls, then a price, at most 5,000."""
    made = make_org()
    service.assign_plan(db, made, plan("pro"), interval="month", currency="USD", actor=STAFF, now=NOW)
    return made


def give(db, org, key, value, *, now=NOW, ends_at=None, stays=False):
    given = NewOverride(key, value, "agreed by mail", ends_at, stays)
    return give_override(db, org, given, actor=STAFF, now=now)


def list_override_events(db, org):
    events = db.scalars(select(AuditEntry.action).where(AuditEntry.org_id == org).order_by(AuditEntry.seq))
    return [event for event in events if event.startswith("override")]


def calls(db, org, at=NOW):
    return list_mentioned(db, org, queries.find_period(db, org, at).starts_at)[0]


@pytest.mark.parametrize(
    ("key", "value", "column", "found", "source"),
    [
        ("allowance:calls", "2000", "allowance", 2000, "allowance"),
        ("hard_limit:calls", "9000", "cap", 9000, "cap"),
        ("hard_limit:calls", None, "cap", None, "cap"),
        ("per_day:calls", 70, "per_day", 70, "per_day"),
        ("policy:calls", "warn", "policy", "warn", "policy"),
    ],
)
def test_an_override_replaces_the_plans_value_at_once_and_names_itself(db, org, key, value, column, found, source):
    give(db, org, key, value)
    row = calls(db, org)
    assert (getattr(row, column), row.sources[source]) == (found, "override")


def test_a_lower_price_holds_for_the_running_period_and_a_higher_one_from_the_next(db, org):
    ahead = queries.find_period(db, org, NOW).ends_at
    lower = give(db, org, "overage_price:calls", "0.001")
    assert (calls(db, org).charge_id, calls(db, org, ahead).charge_id) == (lower.id, lower.id)
    higher = give(db, org, "overage_price:calls", "0.5", now=NOW + DAY)
    assert (calls(db, org).charge_id, calls(db, org, ahead).charge_id) == (lower.id, higher.id)
    assert (higher.starts_at, higher.currency) == (ahead, "USD")


@pytest.mark.parametrize(
    ("key", "value", "at_once"),
    [
        ("allowance:calls", "900", False), ("allowance:calls", None, True), ("policy:calls", "block", True),
        ("charge:calls", {"model": "per_unit", "properties": {"unit_amount": "0.02"}}, False),
        ("charge:calls", {"model": "graduated", "properties": {"tiers": [
            {"up_to": "10", "unit_amount": "0"}, {"up_to": None, "unit_amount": "99"}]}}, False),
        ("charge:calls", {"model": "per_unit", "properties": {"unit_amount": "0.001", "minimum": "5"}}, False),
        ("charge:calls", {"model": "per_unit", "properties": {"unit_amount": "0.001", "maximum": "5"}}, True),
        ("charge:calls", {"model": "per_unit", "properties": {
            "unit_amount": "0.001", "divide_by": 10, "round": "up"}}, False),
    ],
)  # fmt: skip
def test_what_makes_the_running_period_dearer_begins_with_the_next(db, org, key, value, at_once):
    period = queries.find_period(db, org, NOW)
    assert give(db, org, key, value).starts_at == (NOW if at_once else period.ends_at)


def test_an_allowance_holds_to_the_end_of_the_period_that_holds_its_end(db, org):
    first = queries.find_period(db, org, NOW)
    give(db, org, "allowance:calls", "2000", ends_at=first.ends_at + DAY)
    second = queries.find_period(db, org, first.ends_at)
    periods.ensure_period(db, org, second.ends_at, NOW)
    held = [calls(db, org, at).allowance for at in (first.starts_at, second.starts_at, second.ends_at)]
    assert held == [2000, 2000, 1000]


def test_a_hard_limit_ends_at_its_instant_and_the_call_that_meets_it_passed_has_it_resolved(db, org):
    give(db, org, "hard_limit:calls", "9000", ends_at=NOW + DAY)
    assert (calls(db, org).cap, calls(db, org).valid_until) == (9000, NOW + DAY)
    later = NOW + DAY
    assert get_entitlements(db, org, later).meters[0].terms.cap == 5000  # a read resolves it in memory
    assert calls(db, org).cap == 9000
    periods.ensure_period(db, org, later, later)
    assert (calls(db, org).cap, calls(db, org).valid_until) == (5000, None)


def test_limits_and_features_of_no_meter_hold_until_their_instant(db, org):
    give(db, org, "limit:jobs_at_once", 7, ends_at=NOW + DAY)
    give(db, org, "feature:formats", ["csv"])
    give(db, org, "feature:sso", True)
    found = get_entitlements(db, org, NOW)
    assert (found.limits["jobs_at_once"].value, found.limits["jobs_at_once"].source) == (7, "override")
    granted = [(grant.value, grant.source) for grant in found.features.values()]
    assert granted == [(["csv"], "override"), (True, "override")]
    assert get_entitlements(db, org, NOW + DAY).limits["jobs_at_once"].value == 5


def test_requests_a_minute_are_read_anew_when_an_override_runs_out(db, org):
    give(db, org, "limit:requests_per_minute", 900, ends_at=NOW + DAY)
    asked = {"org_id": org, "now": NOW}
    hot = db.connection().connection.driver_connection
    assert hot.execute(queries.RATE_SQL, asked).fetchall() == [(Decimal(900),)]
    assert hot.execute(queries.RATE_SQL, asked | {"now": NOW + DAY}).fetchall() == []


def test_a_restriction_lowers_what_an_override_raised(db, org):
    give(db, org, "hard_limit:calls", "9000")
    payment_restriction.restrict(db, org, NOW + DAY)
    assert (calls(db, org).cap, calls(db, org).sources["cap"]) == (100, "restriction")


def test_an_override_ends_with_the_plan_it_was_given_on_unless_it_stays(db, org, plan):
    give(db, org, "allowance:calls", "2000")
    give(db, org, "per_day:calls", "70", stays=True)
    later = NOW + DAY
    service.assign_plan(db, org, plan("business"), interval="month", currency="USD", actor=STAFF, now=later)
    row = calls(db, org, later)
    assert (row.allowance, row.per_day) == (None, 70)
    assert [override.key for override in list_overrides(db, org, later)] == ["per_day:calls"]


def test_one_holds_at_a_time_and_each_is_audited(db, org):
    give(db, org, "hard_limit:calls", "9000")
    give(db, org, "hard_limit:calls", "8000", now=NOW + DAY)
    [held] = list_overrides(db, org, NOW + DAY)
    assert held.value == "8000"
    end_override(db, org, "hard_limit:calls", actor=STAFF, now=NOW + 2 * DAY)
    assert (list_overrides(db, org, NOW + 2 * DAY), calls(db, org).cap) == ([], 5000)
    with pytest.raises(NotFound):
        end_override(db, org, "hard_limit:calls", actor=STAFF, now=NOW + 2 * DAY)
    assert list_override_events(db, org) == ["override.given", "override.given", "override.ended"]


def test_repeating_an_override_changes_nothing(db, org):
    first = give(db, org, "allowance:calls", "2000", ends_at=NOW + 40 * DAY)
    again = give(db, org, "allowance:calls", 2000, now=NOW + DAY, ends_at=NOW + 40 * DAY)
    assert (again.id, again.given_at) == (first.id, NOW)
    assert list_override_events(db, org) == ["override.given"]
    for changed in ({"stays": True}, {"ends_at": None}, {"value": "2001"}):
        given = {"key": "allowance:calls", "value": "2000", "ends_at": NOW + 40 * DAY} | changed
        assert give(db, org, **given).id != first.id


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_what_begins_with_the_next_period_does_so_though_the_boundary_moves(db, org, zone):
    given = give(db, org, "allowance:calls", "900")
    db.get_one(Org, org).time_zone = zone
    db.flush()
    periods.rebuild_periods_ahead(db, org, NOW + DAY)
    write_terms(db, org, NOW, NOW + DAY)
    end = queries.find_period(db, org, NOW).ends_at
    assert end != given.starts_at
    assert (calls(db, org).allowance, calls(db, org, end).allowance) == (1000, 900)
    for at in (NOW + DAY, min(end, given.starts_at), max(end, given.starts_at)):
        assert [held.value for held in list_overrides(db, org, at)] == ["900"]


def test_what_ends_between_the_old_boundary_and_the_new_ends_there(db, org):
    end = queries.find_period(db, org, NOW).ends_at
    give(db, org, "hard_limit:calls", "9000", ends_at=end + timedelta(hours=3))
    assert calls(db, org).valid_until is None
    db.get_one(Org, org).time_zone = "America/New_York"
    db.flush()
    periods.rebuild_periods_ahead(db, org, NOW)
    assert (calls(db, org).cap, calls(db, org).valid_until) == (9000, end + timedelta(hours=3))


def test_terms_are_resolved_from_what_another_transaction_stored_meanwhile(db, org):
    known = queries.find_period(db, org, NOW)
    moved = known.ends_at - timedelta(hours=1)
    db.execute(delete(UsagePeriod).where(UsagePeriod.org_id == org, UsagePeriod.starts_at > known.starts_at))
    stored = update(UsagePeriod).where(UsagePeriod.org_id == org, UsagePeriod.starts_at == known.starts_at)
    db.execute(stored.values(ends_at=moved), execution_options={"synchronize_session": False})
    assert [period.ends_at for period in queries.list_periods(db, org, NOW, NOW + DAY)] == [moved]
    assert queries.find_period(db, org, NOW).ends_at == moved


def test_an_allowance_is_listed_while_it_holds(db, org):
    """Its end, or taking it back, takes effect with the usage period."""
    end = queries.find_period(db, org, NOW).ends_at
    give(db, org, "allowance:calls", "2000", ends_at=NOW + DAY)
    assert [held.ends_at for held in list_overrides(db, org, NOW)] == [NOW + DAY]
    assert [(held.ends_at, held.open) for held in list_overrides(db, org, NOW + 2 * DAY)] == [(end, False)]
    assert list_overrides(db, org, end) == []


def test_what_holds_and_what_will_replace_it_are_both_listed(db, org):
    end = queries.find_period(db, org, NOW).ends_at
    give(db, org, "allowance:calls", "2000")
    give(db, org, "allowance:calls", "1500", now=NOW + DAY)
    listed = list_overrides(db, org, NOW + DAY)
    assert [(held.value, held.starts_at, held.ends_at, held.open) for held in listed] == [
        ("2000", NOW, end, False), ("1500", end, None, True),
    ]  # fmt: skip
    assert [held.value for held in list_overrides(db, org, end)] == ["1500"]


def test_an_overage_price_and_a_charge_replace_each_other(db, org):
    give(db, org, "overage_price:calls", "0.001")
    charge = {"model": "per_unit", "properties": {"unit_amount": Decimal("0.0005")}}
    given = give(db, org, "charge:calls", charge, now=NOW + DAY)
    assert [(held.key, held.value) for held in list_overrides(db, org, NOW + DAY)] == [
        ("charge:calls", {"model": "per_unit", "properties": {"unit_amount": "0.0005"}})
    ]
    assert find_replaced(db, given).key == "overage_price:calls"


def test_an_override_lost_with_its_plan_is_audited(db, org, plan):
    give(db, org, "allowance:calls", "2000")
    later = NOW + DAY
    service.assign_plan(db, org, plan("business"), interval="month", currency="USD", actor=STAFF, now=later)
    assert list_override_events(db, org) == ["override.given", "override.ended"]


def test_an_allowance_that_is_taken_back_holds_to_the_periods_end(db, org):
    give(db, org, "allowance:calls", "2000")
    end_override(db, org, "allowance:calls", actor=STAFF, now=NOW + DAY)
    ahead = queries.find_period(db, org, NOW).ends_at
    assert (calls(db, org).allowance, calls(db, org, ahead).allowance) == (2000, 1000)


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("colour:calls", 1, "key"), ("allowance", 1, "key"), ("limit:cats", 1, "key"), ("allowance:nothing", 1, "key"),
        ("allowance:calls", "-1", "value"), ("allowance:calls", "many", "value"), ("per_day:calls", 0, "value"),
        ("limit:requests_per_minute", 0, "value"), ("limit:jobs_at_once", "1.5", "value"),
        ("policy:calls", "free", "value"), ("overage_price:calls", "-1", "value"), ("charge:calls", {}, "value"),
        ("charge:calls", {"model": "x", "properties": {}}, "model"), ("feature:sso", {"a": 1}, "value"),
        ("feature:sso", None, "value"), ("feature:Single Sign-On", True, "key"), ("allowance:calls", True, "value"),
        ("charge:calls", {"model": [], "properties": {}}, "value"), ("charge:calls", {"model": "flat", "properties": 1},
         "value"), ("feature:formats", ["csv"] * 51, "value"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_field(db, org, key, value, field):
    with pytest.raises(InvalidRequest) as caught:
        give(db, org, key, value)
    assert [error.field for error in caught.value.errors] == [field]
    assert db.scalars(select(Override).where(Override.org_id == org)).all() == []


def test_a_reason_is_needed_and_an_end_lies_ahead(db, org):
    for given, field in (
        (NewOverride("per_day:calls", 5, "  "), "reason"), (NewOverride("per_day:calls", 5, "x" * 501), "reason"),
        (NewOverride("per_day:calls", 5, "why", NOW), "ends_at"),
    ):  # fmt: skip
        with pytest.raises(InvalidRequest) as caught:
            give_override(db, org, given, actor=STAFF, now=NOW)
        assert [error.field for error in caught.value.errors] == [field]
