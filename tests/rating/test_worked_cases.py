"""Every case of `worked_cases.toml`, and of `named_cases.toml` from sources elsewhere, comes to its figures."""

import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from app.catalog.definition import canonicalise_property
from app.kit.money import exponent, to_minor
from app.rating import price
from app.rating.schemas import parse_charge

HERE = Path(__file__).parent
GROUPS = tomllib.loads((HERE / "worked_cases.toml").read_text(encoding="utf-8"), parse_float=Decimal)["group"]
NAMED = tomllib.loads((HERE / "named_cases.toml").read_text(encoding="utf-8"), parse_float=Decimal)["case"]
OWN = [(group, *case) for group in GROUPS for case in group["cases"]]


def read_charge(properties, model, currency):
    return parse_charge(model, {key: canonicalise_property(value) for key, value in properties.items()}, currency)


@pytest.mark.parametrize(
    ("group", "quantity", "amount", "rounded"), OWN, ids=[f"{group['name']}: {case[0]}" for group, *case in OWN]
)
def test_a_worked_case_comes_to_its_figures(group, quantity, amount, rounded):
    properties = {"currency": "USD"} | group["charge"]
    charge = read_charge(properties, properties.pop("model"), properties.pop("currency"))
    portion = Fraction(group.get("portion", "1"))
    rated = price(charge, Decimal(quantity), Decimal(group.get("allowance", "0")), minimum_portion=portion)
    assert (rated.amount, rated.rounded) == (Decimal(amount), rounded)


@pytest.mark.parametrize("case", NAMED, ids=[case["name"] for case in NAMED])
def test_a_case_of_another_source_comes_to_what_the_source_says(case):
    charge = read_charge(case["properties"], case["model"], case["currency"])
    rated = price(charge, Decimal(case["quantity"]), Decimal(case.get("allowance", "0")))
    assert rated.rounded == to_minor(Decimal(case["amount"]), exponent(case["currency"]))


def test_there_are_a_hundred_cases_and_forty_of_them_from_named_sources():
    assert len(OWN) + len(NAMED) >= 100
    assert len([case for case in NAMED if case["source"].startswith("https://")]) >= 40
