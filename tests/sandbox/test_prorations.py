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
def test_a_change_is_billed_as_documented(case: Case, standin: StandIn, clock: FixedClock) -> None:
    clock.at = case["start"]
    player = Player(Shop(standin), clock, case)
    player.start()
    for change in case.get("change", []):
        foreseen, played = player.play(change)
        check(change, played)
        asked = change.get("billed") == "later" or change["behavior"] == "now" or "anchor" in change
        if foreseen is not None and "lines" in change and foreseen.lines and asked:
            assert (foreseen.lines, foreseen.total) == (played.lines, played.total)
    for before, after in pairwise([None, *case.get("renewals", [])]):
        assert player.renew(after) == after, before
