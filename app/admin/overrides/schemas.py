"""Requests, responses and examples of the overrides API."""

from __future__ import annotations

from typing import Any

import msgspec

from app.kit.fields import AnyValue, Instant, Reason


class OverrideRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The value depends on the kind of key; null is unlimited for quantities. `stays`: it outlives the current plan."""

    value: AnyValue
    reason: Reason
    ends_at: Instant | None = None
    stays: bool = False


class OverrideOut(msgspec.Struct):
    """An override. `ends_at` null: until it is removed, or the plan changes unless it `stays`.

    An allowance, policy or price holds to the end of the usage period that contains `ends_at`. `currency` is that of a
    price, `given_by` the id of a staff user or key.
    """

    key: str
    value: Any
    currency: str | None
    reason: str
    starts_at: Instant
    ends_at: Instant | None
    stays: bool
    given_at: Instant
    given_by: str | None


class OverrideReplaced(msgspec.Struct):
    """The override that this one replaced."""

    key: str
    value: Any
    reason: str
    starts_at: Instant
    ends_at: Instant | None


class OverrideAnswer(msgspec.Struct):
    """The override as it applies, and the one in whose place it was given (null: in place of the plan's value)."""

    override: OverrideOut
    replaced: OverrideReplaced | None


class OverridesAnswer(msgspec.Struct):
    """Those that hold or will, by key; one that will replace another comes after it."""

    overrides: list[OverrideOut]


GIVE = {
    "value": "80000",
    "reason": "Agreed with Ada by email, ticket 4711",
    "ends_at": "2027-01-31T23:00:00Z",
    "stays": False,
}
_GIVEN = {
    "key": "allowance:api_calls",
    "value": "80000",
    "currency": None,
    "reason": "Agreed with Ada by email, ticket 4711",
    "starts_at": "2026-11-21T12:00:00Z",
    "ends_at": "2027-01-31T23:00:00Z",
    "stays": False,
    "given_at": "2026-11-21T12:00:00Z",
    "given_by": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e22",
}
GIVEN = {"override": _GIVEN, "replaced": None}
OVERRIDES = {"overrides": [_GIVEN]}
