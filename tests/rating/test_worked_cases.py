"""Rule 2.5 by worked cases: the files that `/docs/examples` shows (1-mission, item 15)."""

import pytest

from app.catalog.definition import canonicalise_property
from app.rating import price
from app.rating.examples.cases import RatingCase, read_cases
from app.rating.schemas import MODELS, parse_charge

CASES = read_cases()
NAMED = [case for case in CASES if case.source]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.name}: {case.quantity}" for case in CASES])
def test_a_case_comes_to_its_figures(case: RatingCase) -> None:
    charge = case.charge
    properties = {key: canonicalise_property(value) for key, value in charge.properties.items()}
    parsed = parse_charge(charge.model, properties, charge.currency)
    rated = price(parsed, case.quantity, charge.allowance, minimum_portion=charge.portion)
    assert rated.rounded == case.amount
    assert case.exact is None or rated.amount == case.exact


def test_there_are_a_hundred_cases_and_forty_of_them_from_named_sources() -> None:
    assert len(CASES) >= 100
    assert len([case for case in NAMED if case.source and case.source[0].startswith("https://")]) >= 40
    assert {case.charge.model for case in CASES} == set(MODELS)
