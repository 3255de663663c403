"""Recurring revenue by the published rules of others, case by case; where ours differ, the case says so."""

import itertools
import tomllib
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from app.analytics.movements import classify
from app.analytics.mrr import ChargeFacts, committed_at, mrr_at
from app.subscriptions.recurring.facts import RecurringDiscount, RecurringFee

TOLD = tomllib.loads(Path(__file__).with_name("conventions.toml").read_text(encoding="utf-8"))
CASES, STORIES = TOLD["case"], TOLD["story"]
AT = datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC)
"""The last instant of December."""
ORG = UUID(int=1)


def fees(rows):
    for amount, interval, quantity, every in (row + [1] * (4 - len(row)) for row in rows):
        yield RecurringFee(Decimal(amount), interval, quantity, every)


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def discount(told):
    return RecurringDiscount(
        percent_off=Decimal(told["percent"]) if "percent" in told else None,
        amount_off=told.get("amount"),
        currency=told.get("currency", "USD") if "amount" in told else None,
        ends_at=moment(told.get("ends")),
        once=told.get("once", False),
    )


def charge(case):
    return ChargeFacts(
        state=case.get("state", "active"),
        currency="USD",
        fees=tuple(fees(case["fees"])),
        discounts=tuple(discount(each) for each in case.get("discounts", ())),
        paused=case.get("paused", False),
        trial_ends_at=moment(case.get("trial_ends")),
        cancel_at=moment(case.get("cancels")),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["claim"] for case in CASES])
def test_recurring_revenue_by_published_rules(case):
    assert mrr_at(charge(case), AT) == case["mrr"]


@pytest.mark.parametrize("case", [case for case in CASES if "committed" in case], ids=lambda case: case["claim"])
def test_committed_revenue_by_published_rules(case):
    planned = tuple(fees(case["planned"])) if "planned" in case else None
    assert committed_at(charge(case), AT, planned) == case["committed"]


@pytest.mark.parametrize("story", STORIES, ids=[story["claim"] for story in STORIES])
def test_movements_by_published_rules(story):
    months, known = story["months"], False
    moves = []
    for before, after in itertools.pairwise(months):
        known = known or before > 0
        moves.append(classify(before, after, known=known) or "none")
    assert moves == story["moves"]


def test_sixty_cases_and_each_names_its_source():
    assert len(CASES) + len(STORIES) >= 60
    by_source = Counter(told["source"].split("/")[2] for told in [*CASES, *STORIES])
    for host in ("docs.stripe.com", "help.chartmogul.com", "help.baremetrics.com", "learn.profitwell.com"):
        assert by_source[host] >= 3, host
    assert len({told["claim"] for told in CASES}) == len(CASES)
