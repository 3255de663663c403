"""An upgrade in the last hour takes nothing from what the period owes, and the quote said so (rule 2.6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.payments.cancel import cancel_at_period_end
from tests.billing_runs.test_before_change import amounts
from tests.billing_runs.test_close import run, to_the_end
from tests.payments.plan_changes.test_confirm import ACTOR, push
from tests.payments.test_billing_api import Caller
from tests.scenario import Scenario

FIVE_CENTS = 'model = "per_unit"\nunit_amount = "0.05"'


@pytest.mark.slow
def test_the_overage_before_an_upgrade_in_the_last_hour_is_quoted_and_billed(scenario: Scenario) -> None:
    starter = scenario.plan(policy="charge", allowance=1000, priced=FIVE_CENTS, sold=("USD", "19.00", "190.00"))
    pro = scenario.plan(sold=("USD", "49.00", "490.00"))
    org = scenario.org().paying(starter)
    push(org, pro)
    scenario.later(days=1)
    org.uses(5000, meter=starter.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    scenario.at(org.period.ends_at - timedelta(hours=1))
    call = Caller(org)
    wanted = {"plan": pro.key, "currency": "USD"}
    shown = call("POST", "/subscription/preview", wanted).json
    assert (shown["timing"], shown["usage_owed"]) == ("at_once", 20_000)
    changed = call("POST", "/subscription", {**wanted, "quote": shown["quote"]})
    assert changed.json["applied"], changed.json
    cancel_at_period_end(org.id, actor=ACTOR, now=org.now)
    to_the_end(scenario)
    run(scenario, org)
    scenario.later(hours=1)
    for _ in range(2):
        scenario.settle()
        run(scenario, org)
    assert amounts(scenario, org) == {"usage": 0, "before_change": 20_000}
