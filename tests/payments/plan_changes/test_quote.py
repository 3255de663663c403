"""A signed quote says what it said, to the organisation that it was made for, and nothing that we did not sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.kit.ids import new_id
from app.payments.plan_changes.quote import PlanQuote, UnreadableQuote, read_quote, sign_quote
from tests.today import NOON

SECRET = "x" * 40
QUOTE = PlanQuote(
    id=new_id(), org_id=new_id(), stripe_id="sub_1", item_id="si_1", old_price_id="price_1", price_id="price_2",
    plan="max", version_id=new_id(), interval="month", restarts=False, currency="USD", at=NOON, total=2500,
    amount_due=2500, next_amount=9900, next_at=NOON + timedelta(days=15), next_estimated=False,
    discounts="d", price="p", tax="t", issued_at=NOON,
    expires_at=NOON + timedelta(minutes=30),
)  # fmt: skip


def test_a_quote_is_read_as_it_was_signed() -> None:
    assert read_quote(sign_quote(QUOTE, SECRET), SECRET, QUOTE.org_id) == QUOTE


@pytest.mark.parametrize("text", ["", "x", "W10.abc", "\x00", sign_quote(QUOTE, "y" * 40)])
def test_what_we_did_not_sign_is_no_quote(text: str) -> None:
    with pytest.raises(UnreadableQuote) as refused:
        read_quote(text, SECRET, QUOTE.org_id)
    assert refused.value.code == "quote_expired"


@pytest.mark.parametrize("letter", ["A", "B", "-", "."])
def test_no_changed_letter_makes_another_quote(letter: str) -> None:
    # The last letter of base64 has bits that say nothing: another one there may still read as this quote.
    signed = sign_quote(QUOTE, SECRET)
    for place in range(len(signed)):
        try:
            read = read_quote(signed[:place] + letter + signed[place + 1 :], SECRET, QUOTE.org_id)
        except UnreadableQuote:
            continue
        assert read == QUOTE
        assert signed[place] == letter or place == len(signed) - 1


def test_a_quote_is_of_one_organisation() -> None:
    with pytest.raises(UnreadableQuote):
        read_quote(sign_quote(QUOTE, SECRET), SECRET, new_id())


@pytest.mark.parametrize("name", ["total", "amount_due", "next_amount"])
def test_another_amount_is_another_quote(name: str) -> None:
    assert not QUOTE.same_terms(replace(QUOTE, **{name: 1}))


@pytest.mark.parametrize("name", ["discounts", "price", "tax", "price_id", "old_price_id", "item_id"])
def test_another_fingerprint_is_another_quote(name: str) -> None:
    assert not QUOTE.same_terms(replace(QUOTE, **{name: "other"}))


def test_when_it_was_issued_is_no_term() -> None:
    later = replace(QUOTE, id=new_id(), issued_at=NOON + timedelta(minutes=1), expires_at=NOON + timedelta(hours=1))
    assert QUOTE.same_terms(later)
