"""Invents the life of one org. Imports nothing of the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.billing_runs.simulation.spans import month_start, next_month

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu",
         "Pacific/Auckland", "America/St_Johns", "Pacific/Kiritimati", "Africa/Cairo", "Pacific/Pago_Pago")  # fmt: skip


@dataclass(frozen=True)
class Member:
    """An org: known by its number, opened at an instant."""

    number: int
    zone: str
    currency: str
    opened_at: datetime


@dataclass(frozen=True)
class Use:
    """One event as it was sent."""

    id: str
    meter: str
    quantity: str
    occurred_at: datetime


@dataclass(frozen=True)
class Act:
    """Something that happens: `what` is publish, join, assign, agree, end, use or close; `org` None: everybody."""

    at: datetime
    what: str
    org: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class OrgStory:
    """The life of one org."""

    def __init__(self, chance: Random, number: int, catalogue: dict[str, Any], starts: list[datetime]) -> None:
        self.chance, self.number, self.catalogue, self.starts = chance, number, catalogue, starts
        zone, currency = chance.choice(ZONES), chance.choice(("USD", "USD", "EUR"))
        self.member = Member(number, zone, currency, self.moment(starts[0], 1, 20))
        self.acts: list[Act] = [Act(self.member.opened_at, "join", number)]
        self.sent = 0
        charged = [each["meter"] for plan in catalogue["plans"].values() for each in plan.get("charges", [])]
        self.meters = [*catalogue["meters"], *charged]  # those that cost something are used most

    def live(self) -> list[Act]:
        """Everything that it does."""
        if self.chance.random() < 0.7:
            self.assign(self.member.opened_at + timedelta(hours=self.chance.randint(1, 40)))
        for start in self.starts:
            for likely, does in ((0.2, self.assign), (0.2, self.agree), (0.1, self.give_back)):
                if self.chance.random() < likely:
                    does(self.moment(start, 1, 26))
            for _ in range(2):
                at = self.moment(start, 1, 27)
                self.use(at, at - timedelta(days=self.chance.randint(1, 9)), at)
            self.around_the_end(start)
        return [act for act in self.acts if act.at >= self.member.opened_at]

    def around_the_end(self, start: datetime) -> None:
        """Late for the period, but before its close; closes of its own, repeated; and later than its close."""
        end = month_start(next_month(start.date()), self.member.zone)
        self.use(end + timedelta(minutes=self.chance.randint(5, 55)), end - timedelta(days=2), end)
        for _ in range(self.chance.randint(0, 2)):
            self.acts.append(Act(end + timedelta(minutes=self.chance.randint(50, 1200)), "close", self.number))
        if self.chance.random() < 0.5:
            self.use(end + timedelta(days=3, hours=10), end - timedelta(days=9), end + timedelta(days=3))

    def assign(self, at: datetime) -> None:
        """Staff put it on a plan; half of the time its cut period is closed soon."""
        plans = self.catalogue["plans"]
        plan = self.chance.choice([*plans, *(key for key in plans if "charges" in plans[key] for _ in range(3))])
        currencies = [*plans[plan].get("prices", {"USD": None})]
        self.add(at, "assign", plan=plan, currency=self.chance.choice(currencies))
        if self.chance.random() < 0.5:
            self.acts.append(Act(at + timedelta(minutes=self.chance.randint(61, 300)), "close", self.number))

    def agree(self, at: datetime) -> None:
        """An override, which says something new each time."""
        kind = self.chance.choice(("allowance", "allowance", "overage_price", "hard_limit"))
        meter, number = self.chance.choice(self.meters), self.chance.randint(1, 9_999)
        value = f"0.{number:04}{len(self.acts)}1" if kind == "overage_price" else str(number * 10 + len(self.acts))
        ends = at + timedelta(days=self.chance.randint(63, 99)) if self.chance.random() < 0.4 else None
        self.add(at, "agree", key=f"{kind}:{meter}", value=value, ends=ends, stays=self.chance.random() < 0.4)

    def give_back(self, at: datetime) -> None:
        """One override ends, if it is there."""
        given = [act for act in self.acts if act.what == "agree"]
        if given:
            self.add(at, "end", key=self.chance.choice(given).facts["key"])

    def use(self, at: datetime, since: datetime, until: datetime) -> None:
        """Some events that happened in [since, until), none before the org was there."""
        since = max(since, self.member.opened_at)
        if since >= until:
            return
        span = int((until - since) / timedelta(microseconds=1))
        events = [self.event(since + timedelta(microseconds=self.chance.randrange(span))) for _ in range(5)]
        events.append(self.event(until - timedelta(microseconds=1)))
        self.add(at, "use", events=events, limited=self.chance.random() < 0.4)

    def event(self, at: datetime) -> Use:
        """Sizes are up to half an allowance of some plan."""
        self.sent += 1
        meter = self.chance.choice(self.meters)
        granted = [plan["meters"].get(meter, {}).get("allowance", 0) for plan in self.catalogue["plans"].values()]
        most = self.chance.choice([found for found in granted if isinstance(found, int)]) or 40
        quantity = f"{self.chance.randint(1, most) // 2 + 1}.{self.chance.choice((0, 5, 25, 333333))}"
        return Use(f"{self.number}-{self.sent}", meter, quantity, at)

    def add(self, at: datetime, what: str, **facts: Any) -> None:
        self.acts.append(Act(at, what, self.number, facts))

    def moment(self, start: datetime, first: int, last: int) -> datetime:
        """A second between two days of a month."""
        return start + timedelta(days=self.chance.randint(first, last) - 1, seconds=self.chance.randrange(86_400))
