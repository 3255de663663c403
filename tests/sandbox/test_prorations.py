"""The stand-in bills a change as Stripe documents it, and as we worked it out by hand (`prorations.toml`)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.sandbox.billing import Shop
from tests.sandbox.proration_cases import Case, Played, Player, load
from tests.standin import StandIn
from tests.today import FixedClock

CASES = load()
NOT_YET = {  # what the stand-in does not do yet: each fails until it does
    "a change that waits, then one at once",
    "a coupon for three months, in the second",
    "a coupon that counts once counts for the first invoice only",
    "a credit takes the tax of the line that it credits",
    "a discount that ends with the change does not count for the charge",
    "a new price without a quantity is for one",
    "a percentage counts for each item in proportion",
    "a percentage off for ever",
    "a period whose invoice is void was not billed",
    "a price that was never billed is never credited",
    "a price whose discount is rounded first",
    "a price without an item is added, both are billed",
    "a trial moves the next full bill from 23 July to 1 August",
    "an amount off for ever",
    "an amount off two items is credited in the share that each had",
    "an amount off two items, one of which is changed",
    "an unpaid period, with a coupon",
    "an unpaid period, with coupon and tax, for a year",
    "another interval leaves the anchor where it is",
    "by the second",
    "coupon and tax",
    "from month to year with a percentage off",
    "from month to year with an amount off and tax",
    "more seats, with a coupon",
    "positive prorations wait for the next invoice unless billed at once",
    "tax follows each line",
    "tax is rounded once a line",
    "the preview of 36.27",
    "time that was billed twice over is credited for each debit",
    "two changes with a coupon and tax",
    "two coupons, one after the other",
    "yen",
}


def expected(change: Case) -> Played:
    rows = [(line["kind"], line["amount"], line.get("tax", 0)) for line in change["lines"]]
    return Played(sorted(rows), change["total"], change["due"])


def check(change: Case, played: Played) -> None:
    if "lines" in change:
        assert replace(played, period_end=None, anchor=None) == expected(change)
    if "period_end" in change:
        assert played.period_end == change["period_end"]
    if "anchor_at" in change:
        assert played.anchor == change["anchor_at"]


def test_the_file_has_twenty_cases_of_our_own_and_every_example_has_its_address() -> None:
    assert sum("source" not in case for case in CASES) >= 20
    assert all(case.get("source", "https://stripe.com/").split("/")[2].endswith("stripe.com") for case in CASES[:32])
    assert len({case["name"] for case in CASES}) == len(CASES)
    changes: list[Any] = [change for case in CASES for change in case.get("change", []) if "lines" in change]
    assert all(sum(row[1] + row[2] for row in expected(change).lines) == change["total"] for change in changes)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_change_is_billed_as_documented(
    case: Case, standin: StandIn, clock: FixedClock, request: pytest.FixtureRequest
) -> None:
    if case["name"] in NOT_YET:
        request.applymarker(pytest.mark.xfail(strict=True))
    clock.at = case["start"]
    player = Player(Shop(standin), clock, case)
    player.start()
    for change in case.get("change", []):
        foreseen, played = player.play(change)
        check(change, played)
        if foreseen is not None and "lines" in change and foreseen.lines:
            assert (foreseen.lines, foreseen.total) == (played.lines, played.total)
    for before, after in pairwise([None, *case.get("renewals", [])]):
        assert player.renew(after) == after, before
