"""Parses charges from their properties, and prices quotes for POST /quotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from app.kit.errors import FieldError, InvalidRequest
from app.kit.fields import QuantityOrUnlimited, RawObject, SignedQuantity
from app.kit.money import exponent, line_step, parse_quantity, to_major
from app.rating import flat, graduated, package, per_unit, percentage, stairstep, volume
from app.rating.bounds import MAXIMUM, MINIMUM, read_bounds
from app.rating.charge import Charge, PricingModel, Rated, TierLine
from app.rating.division import read_division
from app.rating.per import read_per
from app.rating.pricing import price
from app.rating.reader import Reader

MODELS: dict[str, Callable[[Reader], PricingModel]] = {
    "flat": flat.read_flat,
    "per_unit": per_unit.read_per_unit,
    "graduated": graduated.read_graduated,
    "volume": volume.read_volume,
    "package": package.read_package,
    "stairstep": stairstep.read_stairstep,
    "percentage": percentage.read_percentage,
    "graduated_percentage": percentage.read_graduated_percentage,
}
BIGGEST = 2**63 - 1  # amounts are stored as bigint

_PROPERTIES = msgspec.json.Decoder(dict[str, Any], float_hook=str)


def parse_charge(model: str, properties: Mapping[str, Any], currency: str) -> Charge:
    """Parse a charge. Raises `InvalidRequest` with every invalid key, as a path in the properties (`tiers[1].up_to`).

    Amounts are decimal text in major units of the currency ("0.01" is a cent). The read functions of each model, `per`,
    `division` and `bounds` list their keys. Raises `ValueError` for an unknown currency.
    """
    if model not in MODELS:
        raise _invalid([FieldError("model", "must be one of " + ", ".join(MODELS))])
    reader = Reader(properties, exponent(currency))
    reader.per = read_per(reader, model)
    charge = Charge(
        MODELS[model](reader), read_division(reader, model), read_bounds(reader), reader.per, line_step(currency)
    )
    errors = reader.collect_errors()
    if errors:
        raise _invalid(errors)
    return charge


class ChargeInput(msgspec.Struct, forbid_unknown_fields=True):
    """A charge as written in a catalogue: model, currency, and the model's properties."""

    model: str
    currency: str
    properties: RawObject


class QuoteRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to price. `allowance` is subtracted first: none when absent, unlimited when null."""

    charge: ChargeInput
    quantity: SignedQuantity
    allowance: QuantityOrUnlimited = msgspec.field(default_factory=lambda: msgspec.Raw(b"0"))


class QuoteLine(msgspec.Struct, rename={"start": "from", "end": "to"}):
    """One tier's share of the amount: `blocks` x `unit_amount` + `flat_amount` = `subtotal`, exact, in major units."""

    start: Decimal
    end: Decimal | None
    quantity: Decimal
    blocks: Decimal
    unit_amount: Decimal
    flat_amount: Decimal
    subtotal: Decimal


class QuoteAnswer(msgspec.Struct):
    """The price. `amount` is an integer in the currency's minor unit; decimal strings are exact, in major units.

    `units` is the excess as it is priced: divided by `divide_by`. `minimum` is what lifts the amount to the charge's
    minimum, `maximum` what lowers it to the maximum (below 0); null where they change nothing. They and the subtotals
    of `lines` add up to `exact_amount`.
    """

    model: str
    currency: str
    quantity: Decimal
    included: Decimal
    excess: Decimal
    units: Decimal
    amount: int
    exact_amount: Decimal
    lines: list[QuoteLine]
    minimum: Decimal | None
    maximum: Decimal | None


def quote(request: QuoteRequest) -> QuoteAnswer:
    """Price a quantity under a charge, with its breakdown. Pure. Raises `InvalidRequest` with every invalid field."""
    try:
        places = exponent(request.charge.currency)
    except ValueError as wrong:
        raise _invalid([FieldError("charge.currency", str(wrong))]) from None
    charge = _charge(request.charge)
    quantity = _number("quantity", request.quantity, negative=True)
    unlimited = bytes(request.allowance) == b"null"
    allowance = None if unlimited else _number("allowance", request.allowance, negative=False)
    rated = price(charge, quantity, allowance)
    if abs(rated.rounded) > BIGGEST:
        raise _invalid([FieldError("quantity", "is too large: the amount exceeds the maximum that can be charged")])
    return _answer(request.charge, rated, places)


def _charge(given: ChargeInput) -> Charge:
    try:
        return parse_charge(given.model, _PROPERTIES.decode(given.properties), given.currency)
    except InvalidRequest as wrong:
        fields = [e.field if e.field == "model" else f"properties.{e.field}" for e in wrong.errors]
        named = zip(fields, wrong.errors, strict=True)
        raise _invalid([FieldError(f"charge.{field}", e.detail) for field, e in named]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid([FieldError("charge.properties", "must be an object of the model's keys")]) from None


def _number(field: str, raw: msgspec.Raw, *, negative: bool) -> Decimal:
    text = bytes(raw)
    if text.startswith(b'"'):
        text = text[1:-1]  # escape sequences fail below: no digit needs one
    try:
        return parse_quantity(text, negative=negative)
    except ValueError as wrong:
        raise _invalid([FieldError(field, str(wrong))]) from None


def _answer(given: ChargeInput, rated: Rated, places: int) -> QuoteAnswer:
    return QuoteAnswer(
        model=given.model,
        currency=given.currency,
        quantity=rated.quantity,
        included=rated.included,
        excess=rated.excess,
        units=rated.units,
        amount=rated.rounded,
        exact_amount=to_major(rated.amount, places),
        lines=[build_quote_line(line, places) for line in rated.lines],
        minimum=_bound(rated, MINIMUM, places),
        maximum=_bound(rated, MAXIMUM, places),
    )


def _bound(rated: Rated, kind: str, places: int) -> Decimal | None:
    return to_major(rated.bound.subtotal, places) if rated.bound and rated.bound.kind == kind else None


def build_quote_line(line: TierLine, places: int) -> QuoteLine:
    """A tier as the API shows it, in major units."""
    return QuoteLine(
        start=line.start,
        end=line.end,
        quantity=line.quantity,
        blocks=line.blocks,
        unit_amount=to_major(line.unit_amount, places),
        flat_amount=to_major(line.flat_amount, places),
        subtotal=to_major(line.subtotal, places),
    )


def _invalid(errors: list[FieldError]) -> InvalidRequest:
    return InvalidRequest("The charge cannot be priced: " + "; ".join(f"{e.field} {e.detail}" for e in errors), errors)
