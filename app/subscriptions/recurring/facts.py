"""What an organisation is charged on a recurring basis: fees and discounts, as they are stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.kit.money import plain

INTERVALS = ("day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class RecurringFee:
    """A fixed price: `amount` in minor units (Stripe knows fractions), `quantity` times, every `every` intervals.

    `interval` is one of INTERVALS.
    """

    amount: Decimal
    interval: str
    quantity: int = 1
    every: int = 1


@dataclass(frozen=True, slots=True)
class RecurringDiscount:
    """A percentage, or an amount in minor units of `currency`, off each invoice before `ends_at`; None: it stays.

    `once`: it comes off the next invoice only, and holds until then.
    """

    percent_off: Decimal | None = None
    amount_off: int | None = None
    currency: str | None = None
    ends_at: datetime | None = None
    once: bool = False

    @property
    def lasts(self) -> bool:
        """Whether it has no end in sight."""
        return self.ends_at is None and not self.once


def store_fees(fees: Iterable[RecurringFee]) -> list[dict[str, Any]]:
    """Turn fees into JSON, amounts as decimal text."""
    return [
        {"amount": plain(fee.amount), "interval": fee.interval, "quantity": fee.quantity, "every": fee.every}
        for fee in fees
    ]


def read_fees(stored: Iterable[dict[str, Any]]) -> tuple[RecurringFee, ...]:
    """Read what `store_fees` stored."""
    return tuple(
        RecurringFee(Decimal(each["amount"]), each["interval"], each["quantity"], each["every"]) for each in stored
    )


def store_discounts(discounts: Iterable[RecurringDiscount]) -> list[dict[str, Any]]:
    """Turn discounts into JSON, percentages as decimal text."""
    return [
        {
            "percent_off": None if each.percent_off is None else plain(each.percent_off),
            "amount_off": each.amount_off,
            "currency": each.currency,
            "ends_at": None if each.ends_at is None else each.ends_at.isoformat(),
            "once": each.once,
        }
        for each in discounts
    ]


def read_discounts(stored: Iterable[dict[str, Any]]) -> tuple[RecurringDiscount, ...]:
    """Read what `store_discounts` stored; more keys, as mirrors have, do no harm."""
    return tuple(
        RecurringDiscount(
            None if each["percent_off"] is None else Decimal(each["percent_off"]),
            each["amount_off"],
            each["currency"],
            None if each["ends_at"] is None else datetime.fromisoformat(each["ends_at"]),
            each["once"],
        )
        for each in stored
    )
