"""Rule 2.5 by example: amounts in cents unless the row says otherwise."""

from decimal import Decimal

import pytest

from app.rating import marginal_price, price
from tests.rating.charges import charge

EXAMPLES = [
    ("flat", "0", "4900"),
    ("flat", "1", "4900"),
    ("flat", "1000000", "4900"),
    ("per_unit", "0", "0"),
    ("per_unit", "250.5", "250.5"),
    ("per_unit", "0.000001", "0.000001"),
    ("graduated", "0", "500"),
    ("graduated", "1", "501"),
    ("graduated", "1000", "1500"),
    ("graduated", "1000.5", "1700.4"),
    ("graduated", "1001", "1700.8"),
    ("graduated", "5000", "4900"),
    ("graduated", "5001", "4900.5"),
    ("volume", "0", "500"),
    ("volume", "1000", "1500"),
    ("volume", "1000.000001", "1000.0000008"),
    ("volume", "5000", "4200"),
    ("volume", "5001", "2500.5"),
    ("package", "0", "0"),
    ("package", "50", "0"),
    ("package", "50.000001", "500"),
    ("package", "150", "500"),
    ("package", "150.5", "1000"),
    ("package", "151", "1000"),
    ("stairstep", "0", "1000"),
    ("stairstep", "100", "1000"),
    ("stairstep", "100.5", "4000"),
    ("stairstep", "500", "4000"),
    ("stairstep", "501", "9000"),
    ("percentage", "0", "30"),
    ("percentage", "200", "610"),
    ("percentage", "0.01", "30.029"),
    ("graduated_percentage", "0", "0"),
    ("graduated_percentage", "1000", "3000"),
    ("graduated_percentage", "2000", "4600"),
]


@pytest.mark.parametrize(("model", "quantity", "amount"), EXAMPLES)
def test_each_model_prices_its_worked_example(model, quantity, amount):
    assert price(charge(model), Decimal(quantity)).amount == Decimal(amount)


@pytest.mark.parametrize(("model", "quantity", "amount"), EXAMPLES)
def test_a_negative_quantity_is_the_mirror_of_its_worked_example(model, quantity, amount):
    if Decimal(quantity):
        assert price(charge(model), -Decimal(quantity)).amount == -Decimal(amount)


@pytest.mark.parametrize(
    ("model", "quantity", "allowance", "amount"),
    [
        ("per_unit", "1500", "1000", "500"),
        ("per_unit", "1000", "1000", "0"),
        ("per_unit", "999", "1000", "0"),
        ("graduated", "2000", "1000", "1500"),
        ("graduated", "500", "1000", "500"),
        ("volume", "6000", "1000", "4200"),
        ("package", "251", "100", "1000"),
        ("stairstep", "600", "100", "4000"),
        ("flat", "5", "100", "4900"),
        ("per_unit", "-1500", "1000", "-500"),
        ("per_unit", "-500", "1000", "0"),
    ],
)
def test_the_allowance_is_taken_off_first(model, quantity, allowance, amount):
    rated = price(charge(model), Decimal(quantity), Decimal(allowance))
    assert rated.amount == Decimal(amount)
    assert rated.included + rated.excess == Decimal(quantity)
    assert abs(rated.included) == min(abs(Decimal(quantity)), Decimal(allowance))


def test_an_unlimited_allowance_leaves_nothing_to_price():
    rated = price(charge("per_unit"), Decimal(10**9), None)
    assert (rated.amount, rated.included, rated.excess) == (0, 10**9, 0)


def test_a_negative_allowance_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        price(charge("per_unit"), Decimal(1), Decimal(-1))


@pytest.mark.parametrize(("quantity", "rounded"), [("0.5", 1), ("0.4", 0), ("1.5", 2), ("-0.5", -1), ("-0.4", 0)])
def test_the_amount_is_rounded_once_half_away_from_zero(quantity, rounded):
    assert price(charge("per_unit"), Decimal(quantity)).rounded == rounded


def test_tiers_are_summed_before_they_are_rounded():
    tiers = [{"up_to": 1, "unit_amount": "0.004"}, {"up_to": 2, "unit_amount": "0.004"}, {"unit_amount": "0.004"}]
    assert price(charge("graduated", tiers=tiers), Decimal(3)).rounded == 1


def test_the_breakdown_names_bounds_quantities_and_amounts():
    first, second, third = price(charge("graduated"), Decimal("5000.5")).lines
    assert (first.start, first.end, first.quantity, first.unit_amount, first.flat_amount, first.subtotal) == (
        0, 1000, 1000, 1, 500, 1500,
    )  # fmt: skip
    assert (second.start, second.end, second.quantity, second.subtotal) == (1000, 5000, 4000, Decimal("3400.0"))
    assert (third.start, third.end, third.quantity, third.subtotal) == (5000, None, Decimal("0.5"), Decimal("0.25"))


def test_the_breakdown_of_a_package_shows_free_units_and_begun_blocks():
    free, paid = price(charge("package"), Decimal("-250.5")).lines
    assert (free.quantity, free.blocks, free.subtotal) == (-50, -50, 0)
    assert (paid.quantity, paid.block_size, paid.blocks, paid.subtotal) == (Decimal("-200.5"), 100, -3, -1500)


def test_a_package_of_one_unit_bills_a_begun_unit_as_a_whole_one():
    assert price(charge("package", size=1, price="5"), Decimal("2.1")).amount == 1500


def test_a_first_band_to_zero_makes_no_use_cost_nothing():
    bands = [{"up_to": 0, "flat_amount": "0"}, {"flat_amount": "10"}]
    assert price(charge("stairstep", tiers=bands), Decimal(0)).amount == 0
    assert price(charge("stairstep", tiers=bands), Decimal("0.1")).amount == 1000


@pytest.mark.parametrize(("places", "amount"), [(0, "0.01"), (2, "1"), (3, "10")])
def test_amounts_are_written_in_major_units_of_any_currency(places, amount):
    assert price(charge("per_unit", places, unit_amount="0.01"), Decimal(1)).amount == Decimal(amount)


@pytest.mark.parametrize(("places", "amount"), [(0, "29"), (2, "2900"), (3, "29000")])
def test_a_percentage_takes_its_quantity_in_major_units_of_any_currency(places, amount):
    assert price(charge("percentage", places, rate="2.9"), Decimal(1000)).amount == Decimal(amount)


def test_the_longest_counter_at_the_finest_price_stays_exact():
    quantity, unit = Decimal("9" * 32 + ".999999"), "999999999999999.999999999999"
    rated = price(charge("per_unit", unit_amount=unit), quantity)
    assert rated.amount.as_tuple().digits == tuple(map(int, str(int("9" * 38) * int("9" * 27))))
    assert rated.lines[0].subtotal == rated.amount


@pytest.mark.parametrize(
    ("model", "used", "allowance", "next_unit"),
    [
        ("per_unit", "5", "0", "1"),
        ("per_unit", "5", "100", "0"),
        ("per_unit", "99.5", "100", "0.5"),
        ("per_unit", "100", "100", "1"),
        ("graduated", "999", "0", "1"),
        ("graduated", "1000", "0", "200.8"),
        ("graduated", "0", "0", "1"),
        ("volume", "5000", "0", "-1699.5"),
        ("package", "149", "0", "0"),
        ("package", "150", "0", "500"),
        ("flat", "7", "0", "0"),
    ],
)
def test_the_price_of_the_next_unit_is_exact(model, used, allowance, next_unit):
    assert marginal_price(charge(model), Decimal(used), Decimal(allowance)) == Decimal(next_unit)


def test_under_an_unlimited_allowance_the_next_unit_is_free():
    assert marginal_price(charge("per_unit"), Decimal(10), None) == 0
