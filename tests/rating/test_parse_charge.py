from decimal import Decimal

import pytest

from app.kit.errors import InvalidRequest
from app.rating.schemas import MODELS, parse_charge
from tests.rating.charges import PROPERTIES

OPEN = {"unit_amount": "1"}


def test_every_model_has_a_worked_example():
    assert set(PROPERTIES) == set(MODELS)


@pytest.mark.parametrize(
    ("model", "properties", "field", "words"),
    [
        ("linear", {}, "model", "one of flat, per_unit"),
        ("flat", {}, "amount", "missing"),
        ("flat", {"amount": "1", "amuont": "2"}, "amuont", "not a key"),
        ("flat", {"amount": 1.5}, "amount", "written as text"),
        ("flat", {"amount": True}, "amount", "written as text"),
        ("flat", {"amount": None}, "amount", "missing"),
        ("flat", {"amount": "-1"}, "amount", "not negative"),
        ("flat", {"amount": "1e3"}, "amount", "no exponent"),
        ("flat", {"amount": Decimal("NaN")}, "amount", "decimal"),
        ("per_unit", {"unit_amount": "0.0000000000001"}, "unit_amount", "12 places"),
        ("package", {"size": "0", "price": "1"}, "size", "above 0"),
        ("package", {"size": "x", "price": "1"}, "size", "6 places"),
        ("package", {"size": "1", "price": "1", "free_units": "-1"}, "free_units", "not negative"),
        ("percentage", {"rate": "high"}, "rate", "decimal"),
        ("graduated", {}, "tiers", "list of at least one"),
        ("graduated", {"tiers": []}, "tiers", "list of at least one"),
        ("graduated", {"tiers": ["1"]}, "tiers", "list of at least one"),
        ("graduated", {"tiers": {"up_to": 1}}, "tiers", "list of at least one"),
        ("graduated", {"tiers": [OPEN] * 101}, "tiers", "at most 100"),
        ("graduated", {"tiers": [{"up_to": 5}, OPEN]}, "tiers[0].unit_amount", "missing"),
        ("graduated", {"tiers": [OPEN, OPEN]}, "tiers[0].up_to", "only the last"),
        ("graduated", {"tiers": [OPEN | {"up_to": 5}]}, "tiers[0].up_to", "last tier is open"),
        ("volume", {"tiers": [OPEN | {"up_to": 5}, OPEN | {"up_to": 5}, OPEN]}, "tiers[1].up_to", "above"),
        ("volume", {"tiers": [OPEN | {"up_to": 5}, OPEN | {"upto": 9}]}, "tiers[1].upto", "not a key"),
        ("stairstep", {"tiers": [{"flat_amount": "1", "unit_amount": "1"}]}, "tiers[0].unit_amount", "not a key"),
        ("graduated_percentage", {"tiers": [{"unit_amount": "1"}]}, "tiers[0].rate", "missing"),
        ("per_unit", OPEN | {"per": 300}, "per", "product of 2s and 5s"),
        ("per_unit", OPEN | {"per": 0}, "per", "product of 2s and 5s"),
        ("per_unit", OPEN | {"per": "2.5"}, "per", "product of 2s and 5s"),
        ("per_unit", OPEN | {"per": 2_000_000_000}, "per", "at most 1000000000"),
        ("flat", {"amount": "1", "per": 10}, "per", "does not have"),
        ("package", {"size": 5, "price": "1", "per": 10}, "per", "does not have"),
        ("stairstep", {"tiers": [{"flat_amount": "1"}], "per": 10}, "per", "does not have"),
        ("percentage", {"rate": "1", "per": 10}, "per", "does not have"),
        ("per_unit", OPEN | {"divide_by": 10}, "round", "is missing"),
        ("per_unit", OPEN | {"divide_by": 10, "round": "nearest"}, "round", "one of up, down, half"),
        ("per_unit", OPEN | {"round": "up"}, "divide_by", "missing"),
        ("per_unit", OPEN | {"divide_by": 0, "round": "up"}, "divide_by", "above 0"),
        ("flat", {"amount": "1", "divide_by": 10, "round": "up"}, "divide_by", "no effect"),
        ("per_unit", OPEN | {"minimum": "5.001"}, "minimum", "at most 2 decimal places"),
        ("per_unit", OPEN | {"minimum": "x"}, "minimum", "decimal"),
        ("per_unit", OPEN | {"minimum": "5", "maximum": "4.99"}, "minimum", "not be above the maximum"),
    ],
)
def test_a_wrong_charge_is_refused_with_the_key_named(model, properties, field, words):
    with pytest.raises(InvalidRequest) as refused:
        parse_charge(model, properties, "USD")
    assert field in [error.field for error in refused.value.errors]
    assert words in next(error.detail for error in refused.value.errors if error.field == field)
    assert field in refused.value.detail


def test_every_wrong_key_is_named_at_once():
    with pytest.raises(InvalidRequest) as refused:
        parse_charge("graduated", {"tiers": [{"up_to": "x", "unit_amount": "y"}, {"unit_amount": "1", "z": 1}]}, "USD")
    assert [error.field for error in refused.value.errors] == ["tiers[0].up_to", "tiers[0].unit_amount", "tiers[1].z"]


def test_null_and_absent_both_leave_the_last_tier_open():
    assert parse_charge("volume", {"tiers": [OPEN | {"up_to": None}]}, "USD") == parse_charge(
        "volume", {"tiers": [OPEN]}, "USD"
    )


@pytest.mark.parametrize("amount", ["5", 5, Decimal(5), Decimal("5.00"), "5.000"])
def test_text_whole_numbers_and_decimals_read_alike(amount):
    assert parse_charge("flat", {"amount": amount}, "USD").pricing.amount == 500


def test_a_small_decimal_of_a_file_is_read_without_its_exponent():
    assert parse_charge("per_unit", {"unit_amount": Decimal("0.0000001")}, "USD").pricing.unit_amount == Decimal(
        "0.00001"
    )


def test_charges_are_values():
    one, other = (parse_charge(model, PROPERTIES[model], "USD") for model in ("graduated", "graduated"))
    assert one == other
    assert hash(one) == hash(other)
