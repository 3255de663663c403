from decimal import Decimal

import pytest

from app.rating import split


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, ["1", "1", "1"], [34, 33, 33]),
        (-100, ["1", "1", "1"], [-34, -33, -33]),
        (10, ["0.1", "0.2", "0.7"], [1, 2, 7]),
        (1, ["0.000001", "999999999999999.999999"], [0, 1]),
        (5, ["0", "1"], [0, 5]),
        (0, ["3", "4"], [0, 0]),
        (7, ["0", "0"], [4, 3]),
        (10, ["3", "-1"], [15, -5]),
        (-10, ["-3", "1"], [-15, 5]),
        (3, ["1E+3", "2E+3"], [1, 2]),
        (0, [], []),
    ],
)
def test_an_amount_is_shared_by_largest_remainder(total, weights, parts):
    assert split(total, [Decimal(weight) for weight in weights]) == parts


def test_an_amount_over_nobody_is_refused():
    with pytest.raises(ValueError, match="no weights to split"):
        split(1, [])


def test_a_weight_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        split(1, [Decimal("NaN")])
