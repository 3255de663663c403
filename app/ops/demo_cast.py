"""The people in the demo and their usage: pure data, the same on every run.

Written for the catalogue `catalogs/scan_api.toml`: 1,000 calls a month on Free, 50,000 on Pro.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.kit.periods import Period, month_of
from app.rating import split

MONTHS_BEFORE = 5
CATALOGUE = "catalogs/scan_api.toml"
CLIENTS = {"acme": "Acme Insurance", "globex": "Globex Travel", "initech": "Initech Payroll"}

_GROWTH = (38, 52, 47, 66, 81)  # earlier months' use, in per cent of the current month's
_KINDS = ("invoice", "receipt", "passport", "contract")
_PROVIDERS = ("atlas", "beacon")
_USERS = ("maya", "tomas", "lena", "ravi")
_BUSY = (14, 17, 19, 16, 12, 4, 3)  # weight of the days of the week, Monday first
_TOKENS_A_CALL = 340
_EVENTS_A_MONTH = {"api_calls": 60, "documents": 30, "tokens": 30}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CastMember:
    """One person and their own org. `calls` are used in the current month; `paid` puts the org on Pro."""

    slug: str
    name: str
    org: str
    state: str
    calls: int = 0
    paid: bool = False
    staff: bool = False
    zone: str = "UTC"

    @property
    def email(self) -> str:
        """The address the actor signs in with."""
        return f"{self.slug}@demo.example"


@dataclass(frozen=True, slots=True)
class Guest:
    """One person who is a member of another actor's org."""

    slug: str
    name: str
    role: str
    host: str

    @property
    def email(self) -> str:
        """The address the guest signs in with."""
        return f"{self.slug}@demo.example"


@dataclass(frozen=True, slots=True)
class DemoUse:
    """One event to record: the meter, quantity, time and dimensions."""

    id: str
    meter: str
    quantity: int
    at: datetime
    kind: str
    provider: str
    user: str
    client: str | None


CAST = (
    CastMember("new", "Nora New", "Newcomer Ltd", "new: no usage yet"),
    CastMember("steady", "Sam Steady", "Steady Scans", "79% of the calls", calls=790, zone="Europe/Berlin"),
    CastMember("near", "Nia Near", "Nearly There", "80%: the first prompt", calls=800),
    CastMember("high", "Hugo High", "High Tide Documents", "92%: the strong prompt", calls=920),
    CastMember("full", "Fay Full", "Full House Archive", "100%: further calls are refused", calls=1000),
    CastMember("over", "Omar Over", "Overflow Imaging", "over the allowance on Pro", calls=56000, paid=True),
    CastMember("staff", "Stella Staff", "Tollkeeper team", "staff: see /admin", staff=True),
)
GUESTS = (
    Guest("member", "Mika Member", "member", "high"),
    Guest("billing", "Bea Billing", "billing", "high"),
    Guest("viewer", "Vic Viewer", "viewer", "high"),
)
CALLER = "steady"
"""The actor whose API key the demo prints: one call moves that bar from 79 to 80%."""


def uses(actor: CastMember, base: datetime) -> Iterator[DemoUse]:
    """Yield every event of an actor up to `base`, month by month, oldest first; the same for the same base."""
    period = month_of(base, actor.zone)
    months = [period]
    while len(months) <= MONTHS_BEFORE:
        months.append(month_of(months[-1].start - _MINUTE, actor.zone))
    for back, month in reversed(list(enumerate(months))):
        calls = actor.calls if back == 0 else actor.calls * _GROWTH[-back] // 100
        until = base - _MINUTE if back == 0 else month.end
        span = Period(month.start, max(until, month.start + _MINUTE))
        yield from _month(calls, span, month.start.strftime("%Y%m") if back else "now")


def _month(calls: int, span: Period, mark: str) -> Iterator[DemoUse]:
    totals = {"api_calls": calls, "documents": calls * 9 // 10, "tokens": calls * _TOKENS_A_CALL}
    for meter, total in totals.items():
        count = _EVENTS_A_MONTH[meter]
        step = (span.end - span.start) / (count + 1)
        ats = [span.start + (number + 1) * step for number in range(count)]
        weights = [Decimal(_BUSY[at.weekday()] + number * number * 31 % 7) for number, at in enumerate(ats)]
        for number, part in enumerate(split(total, weights)):
            if part:
                yield _use(f"demo-{meter}-{mark}-{number}", meter, part, ats[number], number)


def _use(key: str, meter: str, quantity: int, at: datetime, number: int) -> DemoUse:
    clients = [*CLIENTS, None]
    return DemoUse(
        id=key,
        meter=meter,
        quantity=quantity,
        at=at.replace(microsecond=0),
        kind=_KINDS[number * 7 % 11 % len(_KINDS)],
        provider=_PROVIDERS[number % 5 // 4],
        user=_USERS[number % 7 % len(_USERS)],
        client=clients[number % 9 % len(clients)],
    )
