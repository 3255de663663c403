from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.catalog import queries
from app.catalog.apply import apply_catalog
from app.catalog.compare import compare_catalog
from app.catalog.errors import CatalogError
from app.catalog.export import export_catalog
from app.catalog.models import Meter, Plan, PlanVersion
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from tests.catalog.conftest import NOW

SMALL = """
[meters.calls]
name = "Calls"
unit = "call"
aggregation = "sum"

[features]
support = "Support"

[plans.free]
name = "Free"
summary = "Free of charge."
default = true
prices.USD = { month = "0" }
limits = { jobs_at_once = 1, file_bytes = "1 MB", requests_per_minute = 60, retention_days = 30 }
features.support = false
meters.calls = { allowance = 10 }

[plans.pro]
name = "Pro"
summary = "More."
prices.USD = { month = "49.00", year = "490.00" }
limits = { jobs_at_once = 5, file_bytes = "5 MiB", requests_per_minute = 600, retention_days = "unlimited" }
features.support = "email"
meters.calls = { allowance = 100, policy = "charge", per_day = 50 }

[[plans.pro.charges]]
key = "overage"
meter = "calls"
currency = "USD"
model = "graduated"
tiers = [{ up_to = 1000, unit_amount = "0.010" }, { unit_amount = 0.005 }]
"""


def audited(session):
    return session.scalars(text("SELECT action FROM audit_entries ORDER BY id")).all()


def test_a_file_becomes_meters_plans_and_published_versions(fresh, put):
    put(SMALL)
    free, pro = queries.list_offered_versions(fresh)
    assert (free.plan.key, free.plan.is_default, free.number, free.published_at is not None) == ("free", True, 1, True)
    assert {(p.currency, p.interval): p.amount for p in pro.prices} == {("USD", "month"): 4900, ("USD", "year"): 49000}
    assert pro.charges[0].properties == {"tiers": [{"up_to": "1000", "unit_amount": "0.01"}, {"unit_amount": "0.005"}]}
    assert {limit.key: limit.value for limit in pro.limits}["file_bytes"] == 5 * 2**20
    assert {limit.key: limit.value for limit in pro.limits}["retention_days"] is None
    assert (pro.meters[0].allowance, pro.meters[0].policy, pro.meters[0].per_day) == (100, "charge", 50)
    assert queries.find_default_version(fresh).id == free.id == queries.find_default_version_id(fresh)
    assert [feature.value for feature in pro.features] == ["email"]


def test_applying_again_says_no_change_and_writes_nothing(fresh, put):
    assert put(SMALL)
    before = audited(fresh)
    rows = fresh.scalars(text("SELECT xmin::text FROM plans UNION ALL SELECT xmin::text FROM plan_versions")).all()
    assert not put(SMALL)
    assert (
        rows == fresh.scalars(text("SELECT xmin::text FROM plans UNION ALL SELECT xmin::text FROM plan_versions")).all()
    )
    assert before == audited(fresh)


def test_every_change_leaves_an_audit_entry(fresh, put):
    put(SMALL)
    assert audited(fresh) == [
        "catalog.meter_written", "catalog.plan_written", "catalog.version_published", "catalog.plan_written",
        "catalog.version_published",
    ]  # fmt: skip
    put(SMALL.replace('"490.00"', '"480.00"'))
    entry = fresh.execute(text("SELECT action, before, after FROM audit_entries ORDER BY id DESC LIMIT 1")).one()
    assert entry.action == "catalog.version_published"
    assert entry.before == {"prices.USD.year": "490"}
    assert entry.after == {"plan": "pro", "number": "2", "prices.USD.year": "480"}


def test_changed_terms_make_the_next_version_and_leave_the_published_one_alone(fresh, put):
    put(SMALL)
    first = queries.find_newest_version(fresh, "pro")
    difference = put(SMALL.replace("allowance = 100", "allowance = 200"))
    assert [(plan.wanted.key, plan.facts) for plan in difference.plans] == [
        ("pro", {"meters.calls.allowance": ("100", "200")})
    ]
    second = queries.find_newest_version(fresh, "pro")
    assert (second.number, second.meters[0].allowance) == (2, Decimal(200))
    fresh.expire_all()
    assert queries.find_version(fresh, first.id).meters[0].allowance == 100


def test_changed_words_change_the_plan_and_make_no_version(fresh, put):
    put(SMALL)
    put(SMALL.replace('"More."', '"Much more."').replace('name = "Calls"', 'name = "API calls"'))
    assert queries.find_newest_version(fresh, "pro").number == 1
    assert queries.find_newest_version(fresh, "pro").plan.summary == "Much more."
    assert queries.list_meters(fresh)[0].name == "API calls"


def test_numbers_written_otherwise_are_no_change(fresh, put):
    put(SMALL)
    other = SMALL.replace('"49.00"', "49").replace('"0.010"', '"0.01"').replace("0.005", '"0.0050"')
    assert not put(other.replace("allowance = 100", 'allowance = "100.0"'))


def test_a_plan_missing_in_the_file_is_named_and_archived_only_when_asked(fresh, put):
    put(SMALL)
    only_free = SMALL[: SMALL.index("[plans.pro]")]
    difference = put(only_free)
    assert not difference
    assert difference.missing == ["pro"]
    assert [plan.key for plan in put(only_free, archive_missing=True).archived] == ["pro"]
    assert [version.plan.key for version in queries.list_offered_versions(fresh)] == ["free"]
    assert queries.find_newest_version(fresh, "pro") is None
    put(SMALL)
    assert queries.find_newest_version(fresh, "pro").number == 1


def test_another_plan_can_become_the_default_one_at_a_time(fresh, put):
    put(SMALL)
    other = SMALL.replace("default = true\n", "").replace('summary = "More."', 'summary = "More."\ndefault = true')
    put(other.replace('{ month = "49.00", year = "490.00" }', '{ month = "0" }'))
    assert queries.find_default_version(fresh).plan.key == "pro"
    assert fresh.scalars(select(Plan.key).where(Plan.is_default)).all() == ["pro"]


def test_a_default_plan_that_the_file_replaces_without_naming_it_is_demoted(fresh, put):
    put(SMALL)
    put(SMALL.replace("[plans.free]", "[plans.basic]"))
    assert queries.find_default_version(fresh).plan.key == "basic"
    assert fresh.scalar(select(Plan.is_default).where(Plan.key == "free")) is False


def test_a_default_plan_that_the_file_replaces_can_be_archived_in_the_same_breath(fresh, put):
    put(SMALL)
    put(SMALL.replace("[plans.free]", "[plans.basic]"), archive_missing=True)
    assert [version.plan.key for version in queries.list_offered_versions(fresh)] == ["basic", "pro"]
    assert queries.find_default_version(fresh).plan.key == "basic"


def test_two_who_apply_at_once_make_one_version(fresh, empty):
    engine = fresh.get_bind()

    def applied(_):
        with Session(engine) as session:
            difference = apply_catalog(session, read_catalog(SMALL, "x.toml"), actor=SYSTEM, now=NOW)
            session.commit()
            return bool(difference)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(applied, range(4))) == [False, False, False, True]
    assert [version.number for version in queries.list_newest_versions(fresh, ["pro"])] == [1, 1]


def test_a_first_file_without_a_default_plan_is_refused(fresh, put):
    with pytest.raises(CatalogError, match=r"x.toml:10 plans: one plan must say default = true"):
        put(SMALL.replace("default = true\n", ""))


def test_a_meter_keeps_what_it_counts(fresh, put):
    put(SMALL)
    with pytest.raises(CatalogError, match=r"x.toml:5 meters.calls.aggregation: is sum and cannot change"):
        put(SMALL.replace('aggregation = "sum"', 'aggregation = "max"'))


def test_comparing_writes_nothing(fresh):
    assert compare_catalog(fresh, read_catalog(SMALL, "x.toml"))
    assert not fresh.new
    assert fresh.scalars(select(Meter)).all() == []


def test_the_export_applies_to_no_change_here_and_makes_the_same_catalogue_elsewhere(fresh, put):
    put(SMALL)
    exported = export_catalog(fresh)
    assert not put(exported)
    catalog, again = read_catalog(SMALL, "a"), read_catalog(exported, "b")
    assert catalog.meters == again.meters
    assert {key: plan.terms for key, plan in catalog.plans.items()} == {
        key: plan.terms for key, plan in again.plans.items()
    }


def test_versions_carry_the_hash_of_their_content(fresh, put):
    put(SMALL)
    put(SMALL.replace("allowance = 100", "allowance = 200"))
    put(SMALL)
    versions = fresh.scalars(
        select(PlanVersion).join(PlanVersion.plan).where(Plan.key == "pro").order_by(PlanVersion.number)
    ).all()
    assert [version.number for version in versions] == [1, 2, 3]
    assert versions[0].content_hash == versions[2].content_hash != versions[1].content_hash
