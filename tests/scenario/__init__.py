"""One language for all rooms: who an org is, what it did, what time it is, and what our books say now.

    org = scenario.org(name="Acme", zone="Europe/Berlin")   # with an owner
    org.on("pro")                                           # put there by staff; we invoice it
    org.buys("pro").with_card("5555555555554444")           # through Checkout; then another card on Stripe's page
    org.uses(60_000, meter="api_calls", at="2026-11-10 12:00")
    org.past_due(days=3)                                    # the renewal's card declined three days ago
    org.browser("viewer").get("/billing"); org.api("usage:read"); scenario.staff()
    scenario.at("2026-12-01"); scenario.later(days=3); scenario.stripe.fail("503"); scenario.settle(); scenario.fold()
    org.records, org.mirror, org.subscription, org.period, org.counter("api_calls"), org.letters

It runs on the rooms' own verbs and the stand-in's HTTP; webhooks go through the real door. Read-outs read afresh.
"""

from tests.scenario.org import Org
from tests.scenario.scenario import Scenario

__all__ = ["Org", "Scenario"]
