"""Twelve months of many organisations: movements add up each month, and are what a model of the test's own comes to.

The model knows nothing of `analytics`: it keeps what each organisation pays by plain arithmetic.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.analytics import report
from app.analytics.months import MonthRange
from app.kit.actor import SYSTEM
from app.kit.money import exponent, to_major
from app.kit.periods import Period
from app.subscriptions import periods, service
from app.subscriptions.recurring.facts import RecurringDiscount, RecurringFee
from tests.scenario import Scenario
from tests.scenario.followed import Follower, facts

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
MONTHS = 12
PRICES = {"SEK": (10_000, 100_000), "KRW": (3_000, 30_000), "DKK": (10_000, 100_000), "CLP": (3_000, 30_000)}
"""What the plans cost a month and a year, in minor units."""
FEW, MANY = ("SEK", "KRW"), ("DKK", "CLP")
"""The currencies of each simulation: a report is by currency, and nobody else's may be in it."""
DAY = timedelta(days=1)


def month_start(number: int) -> datetime:
    years, month = divmod(FIRST.month - 1 + number, 12)
    return FIRST.replace(year=FIRST.year + years, month=month + 1)


@dataclass
class Model:
    """What one organisation pays, by the test's own reckoning: `paid` are its states, each from an instant on."""

    follower: Follower
    currency: str
    plan: Any
    interval: str = "month"
    quantity: int = 1
    state: str = "none"
    percent: int = 0
    percent_until: datetime | None = None
    paused: bool = False
    since: datetime | None = None
    paid: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    def note(self, at: datetime) -> None:
        self.paid.append((at, {key: getattr(self, key) for key in (
            "state", "interval", "quantity", "percent", "percent_until", "paused")}))  # fmt: skip

    def owed(self, end: datetime) -> int:
        """What it pays a month just before `end`."""
        held = [facts for at, facts in self.paid if at < end]
        if not held:
            return 0
        now = held[-1]
        if now["state"] not in {"active", "past_due"} or now["paused"]:
            return 0
        monthly, yearly = PRICES[self.currency]
        hundredths = (monthly * 12 if now["interval"] == "month" else yearly) * now["quantity"] * 100
        if now["percent"] and (now["percent_until"] is None or end <= now["percent_until"]):
            hundredths -= hundredths * now["percent"] // 100
        whole, rest = divmod(hundredths, 1200)
        return whole + (rest * 2 >= 1200)

    def tell(self, now: datetime) -> None:
        """What Stripe says of it now."""
        assert self.since is not None
        amount = PRICES[self.currency][self.interval == "year"]
        off = (RecurringDiscount(Decimal(self.percent), ends_at=self.percent_until),) if self.percent else ()
        told = facts(self.plan.version_id, self.since, now, interval=self.interval)
        if self.state == "trialing":
            trial = Period(self.since, self.since + 14 * DAY)
            told = replace(told, billing=trial, trial=trial)
        told = replace(
            told, state="canceled" if self.state == "ended" else self.state, currency=self.currency, discounts=off,
            fees=(RecurringFee(Decimal(amount), self.interval, self.quantity),), paused=self.paused,
            ended_at=now if self.state == "ended" else None,
        )  # fmt: skip
        periods.open_periods_ahead(self.follower.session, self.follower.org, now)
        self.follower.see(told, now)


def act(model: Model, chance: random.Random, now: datetime) -> None:
    """Something happens to an organisation."""
    if model.state in {"none", "ended"}:
        model.since, model.interval, model.quantity, model.paused = now, chance.choice(["month", "year"]), 1, False
        model.percent, model.percent_until, model.follower.ours = 0, None, None
        model.state = chance.choice(["active", "active", "trialing"])
    elif model.state == "trialing":
        model.state = chance.choice(["active", "ended"])
    elif model.state in {"past_due", "unpaid"}:
        model.state = chance.choice(["active", "unpaid", "ended"])
    else:
        what = chance.choice(["past_due", "ended", "more", "less", "discount", "pause", "full"])
        if what in {"past_due", "ended"}:
            model.state = what
        elif what in {"more", "less"}:
            model.quantity = max(1, model.quantity + (1 if what == "more" else -1))
        elif what == "discount":
            model.percent = chance.choice([10, 25, 50])
            model.percent_until = chance.choice([None, now + 45 * DAY])
        elif what == "full":
            model.percent, model.percent_until = 0, None
        else:
            model.paused = not model.paused
    model.tell(now)
    model.note(now)


def play(scenario: Scenario, orgs: int, seed: int, currencies: tuple[str, str]) -> list[Model]:
    chance, models = random.Random(seed), []
    for number in range(orgs):
        currency = currencies[not number % 3]
        made = scenario.org(owner=False)
        month, year = (str(to_major(amount, exponent(currency))) for amount in PRICES[currency])
        plan = models[number % 3].plan if number >= 6 else scenario.plan(sold=(currency, month, year))
        models.append(Model(Follower(scenario.session, made.id), currency, plan))
    times = sorted(
        (FIRST + timedelta(seconds=chance.randrange(MONTHS * 30 * 86_400)), chance.randrange(orgs))
        for _ in range(orgs * MONTHS // 2)
    )
    for at, number in times:
        act(models[number], chance, at)
        scenario.session.commit()
    return models


def check(scenario: Scenario, models: list[Model]) -> None:
    now = month_start(MONTHS) + DAY
    span = MonthRange(FIRST.date(), month_start(MONTHS - 1).date())
    found = {
        model.follower.org: report.get_report(
            scenario.session, report.ReportFilter(span, currency=model.currency, org_id=model.follower.org), now
        )
        for model in models[:3]
    }
    whole = report.get_report(scenario.session, report.ReportFilter(span), now)
    for currency in {model.currency for model in models}:
        mine = [model for model in models if model.currency == currency]
        [told] = [each for each in whole.currencies if each.currency == currency]
        for number, (_, month) in enumerate(told.months):
            before, after = ([model.owed(month_start(number + more)) for model in mine] for more in (0, 1))
            assert (month.start, month.end) == (sum(before), sum(after)), (currency, number)
            assert month.start + sum(month.sums.values()) == month.end
            kinds = classify(mine, number)
            assert {kind: amount for kind, amount in month.sums.items() if amount} == kinds, (currency, number)
        assert sum(moved for _, moved in [(0, sum(month.sums.values())) for _, month in told.months]) == told.end
    for model in models[:3]:
        ends = [model.owed(month_start(number + 1)) for number in range(MONTHS)]
        alone = found[model.follower.org].currencies
        assert [month.end for _, month in alone[0].months] == ends if alone else not any(ends)


def classify(models: list[Model], number: int) -> dict[str, int]:
    """The movements of a month by the model's own reckoning."""
    sums: dict[str, int] = {}
    for model in models:
        ends = [model.owed(month_start(more)) for more in range(number + 2)]
        before, after = ends[-2:]
        if after == before:
            continue
        if not before:
            kind = "reactivation" if any(ends[:-2]) else "new"
        else:
            kind = "churn" if not after else "expansion" if after > before else "contraction"
        sums[kind] = sums.get(kind, 0) + after - before
    return {kind: amount for kind, amount in sums.items() if amount}


@pytest.mark.slow
def test_movements_add_up_to_what_a_model_of_the_test_comes_to(scenario: Scenario) -> None:
    scenario.opening = FIRST
    check(scenario, play(scenario, 9, 5, FEW))


@pytest.mark.long
def test_movements_of_three_hundred_organisations_add_up(scenario: Scenario) -> None:
    scenario.opening = FIRST
    check(scenario, play(scenario, 300, 7, MANY))


def test_what_staff_assign_counts_by_the_versions_price(scenario: Scenario) -> None:
    scenario.opening = FIRST
    org, plan = scenario.org(owner=False), scenario.plan(sold=("CHF", "20.00", "210.00"))
    for at, interval in ((FIRST + 3 * DAY, "month"), (FIRST + 40 * DAY, "year")):
        service.assign_plan(
            scenario.session, org.id, plan.version_id, interval=interval, currency="CHF", actor=SYSTEM, now=at
        )
    free = scenario.default_plan()
    service.assign_plan(scenario.session, org.id, free.version_id, interval="month", currency="USD", actor=SYSTEM,
                        now=FIRST + 70 * DAY)  # fmt: skip
    scenario.session.commit()
    span = MonthRange(FIRST.date(), month_start(2).date())
    asked = report.ReportFilter(span, currency="CHF", org_id=org.id)
    [told] = report.get_report(scenario.session, asked, month_start(3) + DAY).currencies
    assert [month.end for _, month in told.months] == [2000, 1750, 0]
    assert told.sums == {"new": 2000, "expansion": 0, "reactivation": 0, "contraction": -250, "churn": -1750}
