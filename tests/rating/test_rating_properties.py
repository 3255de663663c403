from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.kit.money import exactly, round_half_away
from app.rating import marginal_price, price, split
from app.rating.schemas import parse_charge
from tests.rating.charges import amounts, charges, quantities, tiers

GROWING = ("flat", "per_unit", "graduated", "package", "percentage", "graduated_percentage")
weights = st.lists(st.decimals(min_value=0, max_value=10**12, places=6), min_size=1, max_size=30)


@given(charges(), quantities, quantities)
@settings(deadline=None)
def test_the_lines_add_up_to_the_amount_and_cover_the_excess(charge, quantity, allowance):
    rated = price(charge, quantity, allowance)
    with exactly():
        lifted = rated.bound.subtotal if rated.bound else 0
        assert sum(line.subtotal for line in rated.lines) + lifted == rated.amount
        assert sum(line.quantity for line in rated.lines) == rated.units
        assert rated.excess == max(quantity - allowance, 0)
        assert charge.division.by is not None or rated.units == rated.excess
        assert rated.included + rated.excess == quantity
        for line in rated.lines:
            assert line.blocks * line.unit_amount + line.flat_amount == line.subtotal
            assert line.quantity >= 0
        assert rated.rounded == round_half_away(rated.amount / charge.step) * charge.step


@given(charges(), quantities, quantities)
@settings(deadline=None)
def test_a_negative_quantity_is_the_mirror_line_by_line(charge, quantity, allowance):
    assume(quantity > 0)
    up, down = price(charge, quantity, allowance), price(charge, quantity.copy_negate(), allowance)
    with exactly():
        assert down.amount == -up.amount
        assert down.rounded == -up.rounded
        assert [line.subtotal for line in down.lines] == [-line.subtotal for line in up.lines]
        assert sum(line.subtotal for line in down.lines) + (down.bound.subtotal if down.bound else 0) == down.amount
        assert (down.included, down.excess) == (-up.included, -up.excess)


@given(charges(GROWING), quantities, quantities)
@settings(deadline=None)
def test_more_use_never_costs_less_where_prices_only_add_up(charge, one, other):
    low, high = sorted((one, other))
    assert price(charge, low).amount <= price(charge, high).amount
    assert marginal_price(charge, low) >= 0


@given(charges(GROWING), quantities, quantities, quantities)
@settings(deadline=None)
def test_a_larger_allowance_never_costs_more(charge, quantity, one, other):
    low, high = sorted((one, other))
    assert price(charge, quantity, high).amount <= price(charge, quantity, low).amount
    assert price(charge, quantity, None).amount <= price(charge, quantity, high).amount


@given(tiers(["unit_amount"]), quantities)
@settings(deadline=None)
def test_graduated_is_never_below_volume_where_unit_prices_fall(rows, quantity):
    falling = sorted((row["unit_amount"] for row in rows), key=Decimal, reverse=True)
    rows = [row | {"unit_amount": unit} for row, unit in zip(rows, falling, strict=True)]
    graduated, volume = (parse_charge(model, {"tiers": rows}, "USD") for model in ("graduated", "volume"))
    assert price(graduated, quantity).amount >= price(volume, quantity).amount


@given(amounts(), quantities)
@settings(deadline=None)
def test_one_open_tier_is_the_same_under_graduated_volume_and_per_unit(unit, quantity):
    same = [
        parse_charge("per_unit", {"unit_amount": unit}, "USD"),
        parse_charge("graduated", {"tiers": [{"unit_amount": unit}]}, "USD"),
        parse_charge("volume", {"tiers": [{"unit_amount": unit}]}, "USD"),
        parse_charge("package", {"size": "0.000001", "price": "0"}, "USD"),
    ]
    first, *others = [price(charge, quantity).amount for charge in same[:3]]
    assert others == [first, first]
    assert price(same[3], quantity).amount == 0


@given(charges(("package",)), quantities)
@settings(deadline=None)
def test_a_package_bills_whole_blocks_and_never_one_too_many(charge, quantity):
    paid = price(charge, quantity).lines[-1]
    with exactly():
        assert paid.blocks == paid.blocks.to_integral_value()
        size = charge.pricing.size
        assert paid.blocks * size >= paid.quantity > (paid.blocks - 1) * size


@given(charges(), quantities)
@settings(deadline=None)
def test_an_amount_stays_between_minimum_and_maximum(charge, quantity):
    amount = price(charge, quantity).amount
    assert amount >= (charge.bounds.minimum or 0)
    assert charge.bounds.maximum is None or amount <= charge.bounds.maximum


@given(charges(), quantities)
@settings(deadline=None)
def test_divided_units_are_whole_and_within_one_of_the_quotient(charge, quantity):
    assume(charge.division.by is not None)
    units = price(charge, quantity).units
    with exactly():
        assert units == units.to_integral_value()
        assert abs(units * charge.division.by - quantity) <= charge.division.by


@given(st.integers(-(10**15), 10**15), weights)
def test_shares_sum_to_the_total_and_lie_next_to_their_exact_share(total, given_weights):
    parts = split(total, given_weights)
    assert sum(parts) == total
    whole = sum(int(weight * 10**6) for weight in given_weights)
    for part, weight in zip(parts, given_weights, strict=True):
        if whole:
            assert abs(part * whole - total * int(weight * 10**6)) < whole


@given(st.integers(-(10**9), 10**9), weights)
def test_shares_mirror_and_a_larger_weight_never_gets_less(total, given_weights):
    parts = split(total, given_weights)
    assert split(-total, given_weights) == [-part for part in parts]
    if total > 0 and any(given_weights):
        ranked = sorted(zip(given_weights, parts, strict=True), key=lambda pair: (pair[0], pair[1]))
        assert [part for _, part in ranked] == sorted(part for _, part in ranked)
