"""The pure parts of the stand-in's billing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.standin.engine import cards, proration
from sandbox.standin.pages import pdf

MONTH = {"interval": "month", "interval_count": 1}
INTERVALS = st.builds(
    lambda interval, count: {"interval": interval, "interval_count": count},
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 12),
)


def day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_boundaries_clamp_from_the_first_anchor():
    anchor = int(datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    found = [day(proration.period_boundary(anchor, MONTH, number))[:10] for number in range(5)]
    assert found == ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    leap = int(datetime(2028, 2, 29, tzinfo=UTC).timestamp())
    years = [
        day(proration.period_boundary(leap, {"interval": "year", "interval_count": 1}, number))[:10]
        for number in (1, 4)
    ]
    assert years == ["2029-02-28", "2032-02-29"]


@given(st.integers(1_600_000_000, 1_900_000_000), INTERVALS, st.integers(0, 300_000_000))
def test_every_instant_lies_in_one_period_and_periods_meet(anchor, recurring, later):
    start, end = proration.period_at(anchor, recurring, anchor + later)
    assert start <= anchor + later < end
    assert proration.period_at(anchor, recurring, end)[0] == end
    assert proration.period_at(anchor, recurring, start) == (start, end)


@pytest.mark.parametrize(
    ("amount", "part", "rest"), [(1900, 0, 1900), (1900, 15, 950), (1900, 10, 1267), (1900, 30, 0)]
)
def test_the_rest_of_a_period_costs_its_share(amount, part, rest):
    assert proration.prorated(amount, 0, 30, part) == rest


def test_discounts_never_exceed_the_amount():
    assert proration.discount_amount(1900, {"percent_off": 33.3, "amount_off": None}) == 633
    assert proration.discount_amount(1900, {"percent_off": None, "amount_off": 5000}) == 1900
    assert proration.discount_amount(-5, {"percent_off": 10, "amount_off": None}) == 0


@pytest.mark.parametrize("card", cards.CARDS, ids=lambda card: card.number)
def test_every_listed_card_adds_up_and_is_found_by_its_fingerprint(card):
    assert cards.luhn(card.number)
    assert cards.get_test_card({"card": {"fingerprint": card.fingerprint}}) is card


@pytest.mark.parametrize(
    ("number", "at_checkout", "saved", "later"),
    [
        ("4242424242424242", "paid", "paid", "paid"),
        ("4000000000000002", "declined", "declined", "declined"),
        ("4000000000000341", "declined", "paid", "declined"),
        ("4000002500003155", "authenticate", "authenticate", "paid"),
        ("4000002760003184", "authenticate", "authenticate", "declined"),
    ],
)
def test_what_a_card_does(number, at_checkout, saved, later):
    card = cards.BY_FINGERPRINT[cards.fingerprint(number)]
    assert cards.verdict_on_charge(card, off_session=False, authenticated=False).kind == at_checkout
    assert cards.verdict_on_save(card, authenticated=False).kind == saved
    assert cards.verdict_on_charge(card, off_session=True, authenticated=False).kind == later


def test_luhn_refuses_a_wrong_figure_and_a_wrong_length():
    assert not cards.luhn("4242424242424241")
    assert not cards.luhn("42")


def test_the_pdf_escapes_and_stays_ascii():
    text = pdf.document(["Fee (net) × 2", "Ö"])
    assert r"(Fee \(net\) x 2)" in text
    assert text.isascii()
