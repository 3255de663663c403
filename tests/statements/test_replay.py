"""What a period's usage would have cost on each plan, and which plan is recommended."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from app.statements.offers import Offer, OfferCharge, OfferMeter
from app.statements.plan_context import PlanContext
from app.statements.replay import Replay, build_replay_rows, find_best_fit
from app.subscriptions.terms.resolver import MeterRule

D = Decimal
USD = PlanContext("USD")


def offer(key: str, fee: int, allowance: int, *, policy: str = "charge", price: str = "0.01") -> Offer:
    charges = {("calls", "USD"): OfferCharge(uuid4(), "per_unit", {"unit_amount": price}, "period")}
    return Offer(
        key=key, name=key.title(), summary="", is_default=key == "free", public=True, version_id=uuid4(), number=1,
        prices={("USD", "month"): fee},
        meters={"calls": OfferMeter("calls", "Calls", "call", MeterRule(policy, D(allowance)))},
        charges=charges if policy == "charge" else {}, limits={}, features={},
    )  # fmt: skip


PLANS = [offer("free", 0, 1000), offer("pro", 4900, 50_000), offer("max", 19_900, 500_000)]


def rows(used: int, now: int = 0) -> dict[str, tuple[Decimal, bool, str | None]]:
    replay = Replay("October 2026", {"calls": D(used)}, {"calls": D(now)})
    return {row.plan: (row.amount, row.cheapest, row.note) for row in build_replay_rows(PLANS, USD, replay)}


def test_what_was_used_is_priced_imports_included_and_nothing_costs_less_than_nothing() -> None:
    found = rows(251_524)
    assert found["Pro"] == (D("2064.24"), False, None)
    assert found["Max"] == (D(199), True, None)
    assert all(amount >= 0 for amount, *_ in found.values())


def test_a_plan_that_refuses_is_priced_to_its_cap_and_not_recommended() -> None:
    amount, cheapest, note = rows(2000)["Free"]
    assert (amount, cheapest) == (0, False)
    assert note == "Calls would have been refused above the limit"


@pytest.mark.parametrize(("now", "best"), [(0, "Free"), (60_000, "Pro"), (600_000, "Max")])
def test_advice_reads_the_running_period_and_its_forecast(now: int, best: str) -> None:
    """At 120 % of Pro in the running period, last month's 100 calls are no reason to go down to Free."""
    replay = Replay("October 2026", {"calls": D(100)}, {"calls": D(now)})
    assert find_best_fit(PLANS, USD, replay) == best
    assert ("running period" in (rows(100, now)["Free"][2] or "")) == (now > 1000)


def test_nothing_used_recommends_nothing() -> None:
    assert build_replay_rows(PLANS, USD, Replay("October 2026", {})) == []
    assert find_best_fit(PLANS, USD, Replay("October 2026", {})) is None
