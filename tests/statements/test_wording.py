"""The sentences that pages say: one truth a state, in plain words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.kit.periods import Period
from app.rating.schemas import parse_charge
from app.statements import wording
from app.statements.ahead import Pace
from app.statements.comparison import format_size
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterUse, UsageTerms, compute_figures
from tests.support.copy import copy
from tests.support.terms import usage_terms

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CENT = parse_charge("per_unit", {"unit_amount": "0.001"}, "USD")
D = Decimal
BLOCKED, CHARGED = usage_terms("block", D(1000)), usage_terms("charge", D(1000), charge=CENT)
BOUNDED = usage_terms("charge", D(1000), D(5000), charge=CENT)


def standing(terms: UsageTerms, used: str, *, ever: bool = True) -> CurrentUsage:
    made = compute_figures("minutes", "Minutes", "minute", "sum", terms=terms, use=MeterUse(D(used)),
                   pace=Pace(Period(START, END), START, NOW))  # fmt: skip
    return CurrentUsage(
        org_id=UUID(int=1), plan_key="free", plan_name="Free", plan_version=1, plan_version_id=UUID(int=2),
        interval="month", currency="USD", fee=0, period=Period(START, END), time_zone="Europe/Berlin", as_of=NOW,
        ever_used=ever, meters=[made],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "used", "kind", "words"),
    [
        (BLOCKED, "100", "ok", copy("state.fine")),
        (BLOCKED, "900", "high", copy("state.runs_out", meters="Minutes", at="Monday 19:00")),
        (BLOCKED, "720", "near", copy("state.runs_out", meters="Minutes", at="29 November")),
        (CHARGED, "900", "high", copy("state.passes", meters="Minutes", at="Monday 19:00")),
        (BLOCKED, "1000", "full", copy("state.refused", meters="Minutes", date="1 December 2026")),
        (CHARGED, "1000", "full", copy("state.billed", meters="Minutes", price="$0.001")),
        (usage_terms("warn", D(1000)), "1000", "full", copy("state.counted", meters="Minutes")),
        (CHARGED, "1500", "over", copy("state.over_billed", meters="Minutes", over="500", cost="$0.50")),
        (usage_terms("warn", D(1000)), "1500", "over", copy("state.over_free", meters="Minutes", over="500")),
        (BOUNDED, "4900", "over", copy("state.over_billed", meters="Minutes", over="3,900", cost="$3.90")),
        (BOUNDED, "5000", "over", copy("state.refused", meters="Minutes", date="1 December 2026")),
        (usage_terms(), "99999", "ok", copy("state.fine")),
    ],
)
def test_one_sentence_says_how_things_stand(terms: UsageTerms, used: str, kind: str, words: str) -> None:
    assert wording.summarise_usage(standing(terms, used)) == (kind, words)


@pytest.mark.parametrize(
    ("late", "kind", "words"), [(True, "high", copy("state.overdue")), (False, "high", copy("state.paused"))]
)
def test_fine_usage_under_reduced_limits_is_not_called_fine(late: bool, kind: str, words: str) -> None:
    usage = replace(standing(usage_terms("block", D(1000)), "1"), late=late, limited=True)
    assert wording.summarise_usage(usage) == (kind, words)


def test_before_the_first_event_it_waits() -> None:
    assert wording.summarise_usage(standing(usage_terms("block", D(10)), "0", ever=False)) == (
        "empty",
        copy("state.waiting"),
    )


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (usage_terms("block", D(10)), copy("policy.refused")),
        (usage_terms("block", D(0)), copy("policy.not_included")),
        (usage_terms("block"), copy("policy.never_refused")),
        (usage_terms("warn", D(10)), copy("policy.counted")),
        (usage_terms(), copy("policy.unlimited")),
        (usage_terms("charge", D(10), charge=CENT), copy("policy.billed_above", price="$0.001")),
        (usage_terms("charge", D(10), D(50), charge=CENT), copy("policy.billed_above_to", price="$0.001", most="50")),
        (usage_terms("charge", D(0), charge=CENT), copy("policy.billed", price="$0.001")),
        (usage_terms("charge", None, charge=CENT), copy("policy.included")),
    ],
)
def test_what_happens_at_a_hundred_per_cent_is_said(terms: UsageTerms, words: str) -> None:
    assert wording.describe_policy(standing(terms, "1").meters[0], "USD") == words


def test_a_moment_is_as_exact_as_it_is_near_and_in_the_orgs_zone() -> None:
    assert wording.format_moment(NOW + timedelta(days=2), NOW, "Pacific/Auckland") == "Tuesday 01:00"
    assert wording.format_moment(NOW + timedelta(days=7), NOW, "UTC") == "28 November"


def test_the_meter_that_runs_out_first_is_spoken_of() -> None:
    one = standing(BLOCKED, "700")
    two = replace(standing(BLOCKED, "790").meters[0], name="Exports")
    assert wording.summarise_usage(replace(one, meters=[*one.meters, two]))[1].startswith(
        copy("state.runs_out_verb", meters="Exports")
    )


@pytest.mark.parametrize(
    ("count", "words"),
    [(999, "999 bytes"), (1000, "1 kB"), (10_000_000, "10 MB"), (1_500_000_000, "1.5 GB"), (2 * 10**12, "2 TB")],
)
def test_sizes_are_said_as_catalogues_write_them(count: int, words: str) -> None:
    assert format_size(D(count)) == words
