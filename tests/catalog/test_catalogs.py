"""The catalogue files hold the figures of the documents they were written from."""

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from app.catalog import queries
from app.catalog.export import export_catalog
from app.catalog.schemas import read_catalog
from app.settings import PROJECT

FILES = sorted((PROJECT / "catalogs").glob("*.toml"))
MB = 1_000_000


@pytest.fixture
def apply_file(fresh, put):
    def applied(name):
        put((PROJECT / "catalogs" / name).read_text(encoding="utf-8"))
        return {version.plan.key: version for version in queries.list_offered_versions(fresh, public=False)}

    return applied


def allowances(version):
    return {each.meter.key: each.allowance for each in version.meters}


def limits(version):
    return {each.key: each.value for each in version.limits}


def features(version):
    return {each.key: each.value for each in version.features}


def test_coaching_has_the_plans_of_the_coaching_platform(apply_file):
    plans = apply_file("coaching.toml")
    assert {key: allowances(version) for key, version in plans.items()} == {
        "free": {"sessions": 10, "minutes": 120, "exports": 20},
        "pro": {"sessions": 100, "minutes": 1200, "exports": 200},
        "business": {"sessions": None, "minutes": None, "exports": None},
    }
    assert {key: (limits(v)["file_bytes"], limits(v)["jobs_at_once"], limits(v)["retention_days"])
            for key, v in plans.items()} == {
        "free": (50 * MB, 1, 30), "pro": (200 * MB, 3, 365), "business": (500 * MB, 10, None),
    }  # fmt: skip
    assert {key: features(version) for key, version in plans.items()} == {
        "free": {"formats": ["json", "txt"], "support": False, "analytics": "none"},
        "pro": {"formats": ["json", "txt", "vtt", "srt"], "support": True, "analytics": "basic"},
        "business": {"formats": ["json", "txt", "vtt", "srt", "xlsx"], "support": True, "analytics": "advanced"},
    }
    assert all(each.policy == "block" for version in plans.values() for each in version.meters)


def test_conversion_has_the_plans_of_the_conversion_service(apply_file):
    plans = apply_file("conversion.toml")
    assert {key: (allowances(v)["conversions"], limits(v)["jobs_at_once"], limits(v)["file_bytes"])
            for key, v in plans.items()} == {
        "free": (100, 1, 10 * MB), "starter": (1000, 2, 25 * MB), "pro": (10000, 5, 50 * MB),
        "enterprise": (None, None, None),
    }  # fmt: skip
    assert [key for key, version in plans.items() if not version.plan.public] == ["enterprise"]
    assert {key: version.meters[0].policy for key, version in plans.items()} == {
        "free": "block", "starter": "charge", "pro": "charge", "enterprise": "block",
    }  # fmt: skip
    assert {(each.currency, each.meter.key) for each in plans["pro"].charges} == {
        ("USD", "conversions"), ("EUR", "conversions"),
    }  # fmt: skip


def test_scan_api_has_the_plans_of_the_scanning_api(apply_file):
    plans = apply_file("scan_api.toml")
    assert {key: allowances(version)["api_calls"] for key, version in plans.items()} == {
        "free": 1000, "pro": 50000, "enterprise": None,
    }  # fmt: skip
    prices = {key: {(p.currency, p.interval): p.amount for p in v.prices} for key, v in plans.items()}
    assert prices["free"]["USD", "month"] == 0
    assert prices["pro"]["USD", "month"] == 4900
    assert prices["enterprise"] == {}
    overage = {(key, each.currency): each for key, version in plans.items() for each in version.charges}
    assert overage["free", "USD"].model == overage["pro", "USD"].model == "per_unit"
    assert overage["free", "USD"].properties == overage["pro", "USD"].properties == {"unit_amount": "0.01"}


def test_transformations_are_paid_one_by_one(apply_file):
    plans = apply_file("transformations.toml")
    version = plans["pay_per_use"]
    assert allowances(version) == {"transformations": Decimal(0)}
    assert {each.collect for each in version.charges} == {"immediate"}
    assert {each.currency for each in version.charges} == {"USD", "EUR"}
    assert all(price.amount == 0 for price in version.prices)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_applies_to_a_fresh_database_once_and_its_export_is_no_change(file, fresh, put):
    assert put(file.read_text(encoding="utf-8"))
    assert not put(file.read_text(encoding="utf-8"))
    assert not put(export_catalog(fresh))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_has_a_default_plan_and_prices_by_month_and_year_in_two_currencies(file):
    catalog = read_catalog(file.read_text(encoding="utf-8"), file.name)
    assert sum(plan.default for plan in catalog.plans.values()) == 1
    for plan in catalog.plans.values():
        if plan.public:
            assert {(c, i) for c in ("USD", "EUR") for i in ("month", "year")} <= plan.terms.prices.keys()


def test_policies_windows_and_a_currency_without_minor_unit_all_occur():
    catalogs = [read_catalog(file.read_text(encoding="utf-8"), file.name) for file in FILES]
    granted = [each for c in catalogs for plan in c.plans.values() for each in plan.terms.meters.values()]
    assert {each.policy for each in granted} == {"block", "charge", "warn"}
    assert any(each.per_day for each in granted)
    assert any(each.per_minute for each in granted)
    assert any(("JPY", "month") in plan.terms.prices for c in catalogs for plan in c.plans.values())


def test_files_of_several_products_may_follow_one_another(fresh, put):
    for file in FILES:
        put(file.read_text(encoding="utf-8"))
    assert fresh.scalar(text("SELECT count(*) FROM plans WHERE is_default")) == 1
    assert Path(FILES[-1]).stem == "transformations"
    assert queries.find_default_version(fresh).meters[0].meter.key == "transformations"
