from datetime import timedelta

import psycopg
import pytest

from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.subscriptions import periods, queries, service, sweep
from app.subscriptions.entitlements import get_entitlements
from tests.subscriptions.conftest import CATALOG, NOW
from tests.support.terms import list_mentioned


def give(session, org, version, now=NOW):
    service.assign_plan(session, org, version, interval="month", currency="USD", actor=SYSTEM, now=now)


def test_an_org_without_a_subscription_is_on_the_default_plan_also_before_its_first_period(db, make_org):
    org = make_org()
    before = get_entitlements(db, org, NOW)
    periods.ensure_period(db, org, NOW, NOW)
    after = get_entitlements(db, org, NOW)
    assert before == after
    assert (after.plan_key, after.plan_name) == ("free", "Free")
    found = [(each.meter.key, each.terms.allowance, each.terms.policy, each.terms.cap_source) for each in after.meters]
    assert found == [("calls", 100, "charge", "not_collected"), ("pages", 5, "warn", "plan")]


def test_each_answer_names_its_source(db, make_org, plan):
    org = make_org()
    give(db, org, plan("business"))
    found = get_entitlements(db, org, NOW)
    assert {each.source for each in [*found.limits.values(), *found.features.values()]} == {"plan"}
    assert [dict(each.terms.sources) for each in found.meters] == [{}] * len(found.meters)
    assert found.limits["file_bytes"].value is None
    assert (found.features["formats"].label, found.features["formats"].value) == ("Formats", ["json", "xlsx", "pdf"])


def test_requests_a_minute_are_the_same_on_both_connections_and_in_the_entitlements(engine, db, make_org, plan):
    free, pro, business = make_org(), make_org(), make_org()
    periods.ensure_period(db, free, NOW, NOW)
    give(db, pro, plan("pro"))
    give(db, business, plan("business"))
    db.commit()
    address = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as hot:
        for org, expected in [(free, 60), (pro, 600), (business, None)]:
            assert hot.execute(queries.RATE_SQL, {"org_id": org, "now": NOW}).fetchall() == [(expected,)]
            assert get_entitlements(db, org, NOW).requests_per_minute == expected


@pytest.fixture
def smaller_free(db):
    """The default plan gets a version with a smaller allowance; put back afterwards."""

    def applied(text):
        apply_catalog(db, read_catalog(text, "x.toml"), actor=SYSTEM, now=NOW)
        db.commit()

    yield lambda: applied(CATALOG.replace("allowance = 100,", "allowance = 50,"))
    applied(CATALOG)


def test_a_new_version_of_the_default_plan_holds_from_the_next_period_on_for_orgs_that_are_on_it(
    db, make_org, plan, smaller_free
):
    free, pro = make_org(), make_org()
    give(db, pro, plan("pro"))
    periods.open_periods_ahead(db, free, NOW)
    db.commit()
    smaller_free()
    due = sweep.list_orgs_to_rebuild(db, plan("free"), NOW, 1000)
    assert free in due
    assert pro not in due
    periods.rebuild_periods_ahead(db, free, NOW)
    running, *ahead = queries.list_periods(db, free, NOW, NOW + timedelta(days=90))
    assert list_mentioned(db, free, running.starts_at)[0].allowance == 100
    assert {list_mentioned(db, free, each.starts_at)[0].allowance for each in ahead} == {50}
    assert queries.get_plan_in_force(db, free, NOW) == running.plan_version_id
    assert queries.get_plan_in_force(db, free, ahead[0].starts_at) == plan("free")
    assert free not in sweep.list_orgs_to_rebuild(db, plan("free"), NOW, 1000)
