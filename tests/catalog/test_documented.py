"""docs/catalogue.md keeps its word: its file applies, and each pricing model has the keys and costs what it says."""

import re
import tomllib
from decimal import Decimal

import pytest

from app.catalog import queries
from app.catalog.definition import WINDOWS, canonicalise_property
from app.catalog.errors import CatalogError
from app.catalog.export import export_catalog
from app.catalog.file_parser import DIMENSIONS
from app.catalog.models import COLLECT, LIMITS, MODELS, POLICIES
from app.catalog.schemas import read_catalog
from app.metering.api_schemas import CountedFields
from app.rating import price
from app.rating.schemas import parse_charge
from app.settings import PROJECT

PAGE = (PROJECT / "docs" / "catalogue.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
ROWS = {
    model: (keys, said) for model, keys, said in re.findall(r"^\| `(\w+)` \| (`.*`) \| (\$.*) \|$", PAGE, re.MULTILINE)
}


def test_the_example_applies_and_what_is_exported_changes_nothing(fresh, put):
    assert put(EXAMPLE)
    assert [(each.plan.key, each.number) for each in queries.list_offered_versions(fresh)] == [("free", 1), ("pro", 1)]
    assert not put(EXAMPLE)
    assert not put(export_catalog(fresh))


def test_a_changed_price_of_the_example_makes_a_second_version(fresh, put):
    put(EXAMPLE)
    assert put(EXAMPLE.replace('"49.00"', '"59.00"'))
    assert [(each.plan.key, each.number) for each in queries.list_offered_versions(fresh)] == [("free", 1), ("pro", 2)]


def test_every_pricing_model_has_its_row():
    assert set(ROWS) == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_a_pricing_model_costs_what_its_row_says(model):
    keys, said = ROWS[model]
    properties = tomllib.loads("\n".join(re.findall(r"`(.*?)`", keys)), parse_float=Decimal)
    rated = price(
        parse_charge(model, {name: canonicalise_property(each) for name, each in properties.items()}, "USD"),
        Decimal(250),
    )
    assert f"${Decimal(rated.rounded) / 100:.2f}" == said


def test_a_unique_meter_counts_a_field_that_events_and_checks_have():
    assert set(DIMENSIONS) == set(CountedFields.__struct_fields__)


@pytest.mark.parametrize(
    "word", [*LIMITS, *POLICIES, *COLLECT, *DIMENSIONS, *WINDOWS, "hard_limit", "allowance", "public", "default"]
)
def test_every_key_and_word_of_a_file_stands_in_the_page(word):
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("up_to = 100000, ", "", "plans.pro.charges[0].tiers[0].up_to: "),
        ("jobs_at_once = 5", "max_jobs = 5", "plans.pro.limits.max_jobs: "),
        ('JPY = { month = "7400" }', 'EUR = { month = "46" }', "plans.pro.meters.scans.policy: "),
    ],
)
def test_the_refusals_read_as_shown(right, wrong, place):
    with pytest.raises(CatalogError) as refused:
        read_catalog(EXAMPLE.replace(right, wrong), "plans.toml")
    shown = next(line.partition(place)[2] for line in PAGE.splitlines() if place in line)
    assert f"{place}{shown}" in str(refused.value)
