from decimal import Decimal

import msgspec
import pytest

from app.kit.errors import InvalidRequest
from app.rating.schemas import QuoteAnswer, QuoteRequest, quote

TIERS = '[{"up_to": 1000, "unit_amount": 0.01}, {"unit_amount": "0.005"}]'
CHARGE = f'{{"model": "graduated", "currency": "USD", "properties": {{"tiers": {TIERS}}}}}'


def given(model, currency, properties, quantity=1):
    charge = f'{{"model": "{model}", "currency": "{currency}", "properties": {properties}}}'
    return f'{{"charge": {charge}, "quantity": {quantity}}}'


def asked(body):
    return quote(msgspec.json.decode(body.encode(), type=QuoteRequest))


def test_a_quote_shows_amount_and_breakdown():
    answer = asked(f'{{"charge": {CHARGE}, "quantity": "2500.5", "allowance": 500}}')
    assert (answer.amount, answer.exact_amount, answer.currency, answer.model) == (
        1500,
        Decimal("15.0025"),
        "USD",
        "graduated",
    )
    assert (answer.quantity, answer.included, answer.excess) == (Decimal("2500.5"), 500, Decimal("2000.5"))
    assert [(line.start, line.end, line.quantity, line.subtotal) for line in answer.lines] == [
        (0, 1000, 1000, 10), (1000, None, Decimal("1000.5"), Decimal("5.0025")),
    ]  # fmt: skip
    assert sum(line.subtotal for line in answer.lines) == answer.exact_amount


def test_the_lines_bear_the_names_from_and_to():
    answer = asked(f'{{"charge": {CHARGE}, "quantity": 1}}')
    line = msgspec.to_builtins(answer)["lines"][0]
    assert list(line) == ["from", "to", "quantity", "blocks", "unit_amount", "flat_amount", "subtotal"]


@pytest.mark.parametrize(("allowance", "amount"), [("", 1), (', "allowance": null', 0), (', "allowance": 0', 1)])
def test_no_allowance_is_none_and_null_is_unlimited(allowance, amount):
    assert asked(f'{{"charge": {CHARGE}, "quantity": 1{allowance}}}').amount == amount


def test_a_correction_is_quoted_as_its_mirror():
    assert asked(f'{{"charge": {CHARGE}, "quantity": -1500}}').amount == -1250


def test_a_quote_in_a_currency_without_minor_units():
    body = '{"charge": {"model": "per_unit", "currency": "JPY", "properties": {"unit_amount": "1.5"}}, "quantity": 3}'
    assert asked(body).amount == 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (f'{{"charge": {CHARGE}, "quantity": "NaN"}}', "quantity"),
        (f'{{"charge": {CHARGE}, "quantity": 1e3}}', "quantity"),
        (f'{{"charge": {CHARGE}, "quantity": null}}', "quantity"),
        (f'{{"charge": {CHARGE}, "quantity": {{}}}}', "quantity"),
        (f'{{"charge": {CHARGE}, "quantity": {10**400}}}', "quantity"),
        (f'{{"charge": {CHARGE}, "quantity": 1, "allowance": -1}}', "allowance"),
        (given("flat", "usd", '{"amount": "1"}'), "charge.currency"),
        (given("flat", "USD", "[]"), "charge.properties"),
        (given("x", "USD", "{}"), "charge.model"),
        (given("flat", "USD", '{"amount": 1e3}'), "charge.properties.amount"),
        (given("flat", "USD", "{}"), "charge.properties.amount"),
        (given("per_unit", "USD", '{"unit_amount": 999999999999999}', 999999999999999), "quantity"),
    ],
)
def test_a_quote_that_cannot_be_priced_names_the_field(body, field):
    with pytest.raises(InvalidRequest) as refused:
        asked(body)
    assert [error.field for error in refused.value.errors] == [field]


def test_request_and_answer_describe_themselves_for_openapi():
    described = msgspec.json.schema_components([QuoteRequest, QuoteAnswer], ref_template="{name}")[1]
    assert described["QuoteRequest"]["required"] == ["charge", "quantity"]
    quantity, allowance = (described["QuoteRequest"]["properties"][name]["anyOf"] for name in ("quantity", "allowance"))
    assert [each["type"] for each in quantity] == ["number", "string"]
    assert [each["type"] for each in allowance] == ["number", "string", "null"]
