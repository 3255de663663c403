"""`trial_days` and `trial_overage` of a plan: read, checked, stored, compared, exported, and told by GET /plans."""

import pytest

from app.catalog import queries
from app.catalog.api_schemas import build_offered_plan
from app.catalog.errors import CatalogError
from app.catalog.export import export_catalog
from app.catalog.schemas import read_catalog
from tests.catalog.test_apply import SMALL

PRO = '[plans.pro]\nname = "Pro"\n'
TRIED = SMALL.replace(PRO, f'{PRO}trial_days = 14\ntrial_overage = "charge"\n')


def test_a_trial_is_part_of_a_version_and_survives_an_export(fresh, put):
    put(SMALL)
    changed = put(TRIED)
    assert changed.plans[0].facts.keys() == {"trial_days", "trial_overage"}
    fresh.expunge_all()
    free, pro = queries.list_offered_versions(fresh)
    assert (free.trial_days, pro.trial_days, pro.trial_overage, pro.number) == (None, 14, "charge", 2)
    told = [build_offered_plan(version) for version in (free, pro)]
    assert [(plan.trial_days, plan.trial_overage) for plan in told] == [(None, None), (14, "charge")]
    assert not put(export_catalog(fresh))


def test_a_trial_blocks_above_the_allowance_unless_the_plan_says_otherwise():
    terms = read_catalog(TRIED.replace('trial_overage = "charge"\n', ""), "x.toml").plans["pro"].terms
    assert (terms.trial_days, terms.trial_overage) == (14, "block")


@pytest.mark.parametrize(
    ("right", "wrong", "key", "words"),
    [
        ("trial_days = 14", "trial_days = 0", "trial_days", "from 1 to 90"),
        ("trial_days = 14", "trial_days = 91", "trial_days", "from 1 to 90"),
        ("trial_days = 14", "trial_days = true", "trial_days", "whole number of days"),
        ("trial_days = 14", 'trial_days = "14"', "trial_days", "whole number of days"),
        ('"charge"\nsummary', '"warn"\nsummary', "trial_overage", "one of block, charge"),
        ("trial_days = 14\n", "", "trial_overage", "never applies"),
        ('{ month = "49.00", year = "490.00" }', '{ month = "0", year = "0" }', "trial_days", "a price above 0"),
    ],
)
def test_a_trial_that_cannot_be_is_a_mistake_at_its_key(right, wrong, key, words):
    assert right in TRIED
    with pytest.raises(CatalogError) as refused:
        read_catalog(TRIED.replace(right, wrong), "x.toml")
    assert any(mistake.key == f"plans.pro.{key}" and words in mistake.detail for mistake in refused.value.problems)
