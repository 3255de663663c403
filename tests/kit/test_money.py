from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit import money

exact = st.decimals(min_value=-(10**15), max_value=10**15, places=6)


@pytest.mark.parametrize(
    ("currency", "places"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("EUR", 2), ("RSD", 2), ("IQD", 3)]
)
def test_a_currency_has_the_places_of_its_minor_unit(currency, places):
    assert money.exponent(currency) == places


@pytest.mark.parametrize("word", ["usd", "XX", "", "DOLLAR", "U$D"])
def test_what_is_no_currency_code_is_refused(word):
    with pytest.raises(ValueError, match="ISO 4217"):
        money.exponent(word)


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("0.5", 1),
        ("-0.5", -1),
        ("1.5", 2),
        ("2.5", 3),
        ("-2.5", -3),
        ("0.499999", 0),
        ("-0.499999", 0),
        ("2", 2),
        ("0", 0),
    ],
)
def test_halves_round_away_from_zero(text, rounded):
    assert money.round_half_away(Decimal(text)) == rounded


def test_rounding_keeps_every_digit_of_a_long_number():
    assert money.round_half_away(Decimal("9" * 60 + ".5")) == 10**60


@given(exact)
def test_rounding_is_the_mirror_below_zero_and_never_off_by_more_than_a_half(value):
    rounded = money.round_half_away(value)
    assert rounded == -money.round_half_away(-value)
    assert abs(rounded - value) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1E+3", "1000"),
        ("0.50", "0.5"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0E-12", "0"),
        ("100", "100"),
        ("-1.10", "-1.1"),
    ],
)
def test_decimals_are_shown_plain(text, shown):
    assert money.plain(Decimal(text)) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40, places=12))
def test_plain_text_reads_back_as_the_same_number(value):
    assert Decimal(money.plain(value)) == value


@pytest.mark.parametrize("text", ["0", "1", "0.000001", "999999999999999.999999", "12.5", b"7"])
def test_quantities_within_the_rule_are_read_exactly(text):
    assert money.parse_quantity(text) == Decimal(text if isinstance(text, str) else text.decode())


@pytest.mark.parametrize(
    "text",
    [
        "", " 1", "1 ", "1\n", "+1", "-1", "-0", ".5", "5.", "1e3", "1E3", "NaN", "Infinity", "0x1", "1_000", "01",
        "1,5", "0.0000001", "1000000000000000", "1" * 401, "\u0661", b"\xd9\xa1", b"1\x00", "null", "true",
    ],
)  # fmt: skip
def test_anything_else_is_no_quantity(text):
    with pytest.raises(ValueError, match="10\\^15"):
        money.parse_quantity(text)


def test_a_minus_sign_is_read_only_where_it_is_allowed():
    assert money.parse_quantity("-2.5", negative=True) == Decimal("-2.5")
    assert str(money.parse_quantity("-0", negative=True)) == "0"
    with pytest.raises(ValueError, match="at most 6 places"):
        money.parse_quantity("--1", negative=True)


@given(st.text(alphabet="0123456789.-+eE \n", max_size=25))
def test_the_regexes_for_text_and_for_bytes_agree_with_the_parser(text):
    good = money.QUANTITY.match(text) is not None
    assert good == (money.QUANTITY_BYTES.match(text.encode()) is not None)
    try:
        value = money.parse_quantity(text)
    except ValueError:
        assert not good
    else:
        assert good
        assert 0 <= value < 10**15


def test_prices_have_at_most_twelve_places():
    assert money.parse_price("0.000000000001") == Decimal("1E-12")
    for text in ("0.0000000000001", "-1", "1e-3"):
        with pytest.raises(ValueError, match="12 places"):
            money.parse_price(text)


def test_major_and_minor_units_convert_exactly():
    assert money.to_minor(Decimal("0.000000000001"), 3) == Decimal("1E-9")
    assert money.to_minor(Decimal(49), 2) == 4900
    assert money.to_major(4999, 2) == Decimal("49.99")


def test_an_inexact_result_is_an_error_and_never_a_rounding():
    with money.exactly(), pytest.raises(Inexact):
        Decimal(1) / Decimal(3)
