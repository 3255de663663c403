"""Requests and responses of `/billing/overage`: what an organisation agrees to, and its press."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.catalog.api_schemas import UsagePrice
from app.kit.fields import Instant, ShortText
from app.payments.schemas import CardShown, PlanHeld


class OverageMeter(msgspec.Struct):
    """A meter whose usage above `allowance` is charged at `charge`, and refused above `hard_limit` (null: never)."""

    meter: str
    name: str
    unit: str
    allowance: Decimal | None
    hard_limit: Decimal | None
    charge: UsagePrice


class OverageTerms(msgspec.Struct):
    """What is agreed to: the prices and limits of a plan version, in a currency.

    `refusal` says why it cannot be switched on, null if it can.
    """

    plan: PlanHeld
    version_id: str
    currency: str
    meters: list[OverageMeter]
    refusal: str | None


class OverageAnswer(msgspec.Struct):
    """Whether usage above the allowance is charged (`on`), since when, by which terms and to which card.

    `terms` is null where a plan with a fee is in force, or the plan charges for no usage. `lapsed`: it was switched on,
    but the prices have changed since, so usage above the allowance is refused until it is switched on again.
    """

    on: bool
    since: Instant | None
    lapsed: bool
    terms: OverageTerms | None
    payment_method: CardShown | None
    payment_method_id: str | None


class OverageRequest(msgspec.Struct, forbid_unknown_fields=True):
    """On: with the `version_id` and the `payment_method_id` that `GET /billing/overage` returned. Off: neither."""

    on: bool
    version_id: ShortText | None = None
    payment_method_id: ShortText | None = None


_OFF: dict[str, Any] = {
    "on": False,
    "since": None,
    "lapsed": False,
    "terms": {
        "plan": {"key": "free", "name": "Free", "version": 2},
        "version_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
        "currency": "USD",
        "meters": [
            {
                "meter": "api_calls",
                "name": "API calls",
                "unit": "call",
                "allowance": "1000",
                "hard_limit": "20000",
                "charge": {
                    "key": "call_overage",
                    "currency": "USD",
                    "model": "per_unit",
                    "properties": {"unit_amount": "0.01"},
                    "collect": "period",
                },
            }
        ],
        "refusal": None,
    },
    "payment_method": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
    "payment_method_id": "pm_a1b2c3",
}
READ_EXAMPLE = _OFF
SWITCH_EXAMPLE = {
    "on": True,
    "version_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
    "payment_method_id": "pm_a1b2c3",
}
SWITCHED_EXAMPLE = {**_OFF, "on": True, "since": "2026-11-21T12:00:00Z"}
