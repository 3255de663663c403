"""Request and answer of `GET /billing/statement`. Amounts are integers in the currency's minor unit."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from app.kit.fields import Instant

Kind = Literal["charge", "payment", "credit", "refund", "write_off", "adjustment"]


class StatementQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Days, both inclusive, in the organisation's time zone; without `from`, the twelve months that end with `to`."""

    start: date | None = msgspec.field(default=None, name="from")
    end: date | None = msgspec.field(default=None, name="to")


class MovementOut(msgspec.Struct):
    """A movement and the balance after it. `amount` above zero raises what is owed.

    `event` is what happened, `number` the invoice's or credit note's. What takes something back, such as a void, has
    the kind of what it takes back.
    """

    id: str
    at: Instant
    kind: Kind
    event: str
    description: str
    number: str | None
    amount: int
    balance: int


class CurrencyAccountOut(msgspec.Struct):
    """The account in one currency: `opening_balance` and the sums of each kind add up to `closing_balance`.

    A balance is what is due on open invoices less the credit kept for the next ones: below zero it is in credit.
    """

    currency: str
    opening_balance: int
    charges: int
    payments: int
    credits: int
    refunds: int
    written_off: int
    adjustments: int
    closing_balance: int
    movements: list[MovementOut]


class StatementAnswer(msgspec.Struct):
    """The statement of account from the start of `from` to the end of `to`; an account for each currency with any."""

    start: date = msgspec.field(name="from")
    end: date = msgspec.field(name="to")
    time_zone: str
    accounts: list[CurrencyAccountOut]
