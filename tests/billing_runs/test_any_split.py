"""Any split of events into on time, late and voided ends at the rating of all that counts (rule 2.7).

What was billed, plus difference lines, plus credit notes is that rating, however often the close runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.invoices.models import FEE, FINAL, CreditNote, Invoice, InvoiceLine
from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.billing_runs.test_close import run
from tests.factories import MadePlan, unique
from tests.scenario import Scenario
from tests.scenario.org import Org

ALLOWANCE, MAXIMUM = 100, 150
NEVER = 9
MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (8, 9, 10, 11)]


@dataclass(frozen=True)
class Sent:
    """An event of August: recorded before the close of month `arrives`, and voided before that of month `voided`."""

    quantity: int
    arrives: int
    voided: int


@dataclass(frozen=True)
class Story:
    """What arrives when, what the months after August use, and how often each close runs."""

    august: list[Sent]
    later: list[int]
    runs: list[int]


def _sent() -> st.SearchStrategy[Sent]:
    step = st.integers(0, 2)
    return st.builds(
        lambda quantity, arrives, wait, voids: Sent(quantity, arrives, arrives + wait if voids else NEVER),
        st.integers(1, 120), step, step, st.booleans(),
    )  # fmt: skip


STORIES = st.builds(
    Story,
    st.lists(_sent(), min_size=1, max_size=6),
    st.lists(st.integers(0, 260), min_size=3, max_size=3),
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
)


def rated(quantity: int) -> int:
    """A cent a unit above the allowance, $1.50 at most."""
    return min(max(0, quantity - ALLOWANCE), MAXIMUM)


def play(scenario: Scenario, plan: MadePlan, story: Story) -> Org:
    """Live four months; each ends with its close, run as often as the story says."""
    scenario.at(MONTHS[0].replace(hour=1))
    org = scenario.org().on(plan, since="2026-08-01")
    names = {number: unique("sent") for number in range(len(story.august))}
    for month, start in enumerate(MONTHS):
        scenario.at(start.replace(day=25))
        org.with_period()
        for number, sent in enumerate(story.august):
            if sent.arrives == month:
                org.uses(sent.quantity, meter=plan.meter, at="2026-08-20 12:00", event=names[number])
        for number, sent in enumerate(story.august):
            if sent.voided == month:
                with transaction() as session:
                    void_event(session, org.id, names[number], "a retry", actor=SYSTEM, now=org.now)
        if month:
            org.uses(story.later[month - 1], meter=plan.meter, at=f"{start:%Y-%m}-15 12:00")
        scenario.at(start.replace(month=start.month + 1, hour=2))
        for _ in range(story.runs[month]):
            assert run(scenario, org).errors == {}
    return org


def ends_at_the_rating_of_all(scenario: Scenario, org: Org, story: Story) -> None:
    """The books of the org, by the whole of what it used."""
    scenario.session.rollback()
    lines = list(
        scenario.session.scalars(select(InvoiceLine).where(InvoiceLine.org_id == org.id, InvoiceLine.kind != FEE))
    )
    counted = [sum(sent.quantity for sent in story.august if sent.voided >= len(MONTHS)), *story.later]
    for start, quantity in zip(MONTHS, counted, strict=True):
        found = [line for line in lines if line.period_start == start]
        assert sum(line.amount for line in found) == rated(quantity)
        assert sum(line.quantity for line in found) == quantity
        assert sum(line.exact_amount for line in found) == rated(quantity)
    notes = list(scenario.session.scalars(select(CreditNote).where(CreditNote.org_id == org.id)))
    for note in notes:
        assert note.amount == -sum(line.amount for line in lines if line.credit_note_id == note.id)
    for line in lines:
        credited = -sum(each.amount for each in lines if each.credits_line_id == line.id)
        assert 0 <= credited <= max(0, line.amount)
    for invoice in scenario.session.scalars(select(Invoice).where(Invoice.org_id == org.id)):
        total = sum(line.amount for line in lines if line.invoice_id == invoice.id)
        assert sum(note.amount for note in notes if note.invoice_id == invoice.id) <= total
        assert invoice.state == FINAL


def check(scenario: Scenario, examples: int) -> None:
    plan = scenario.plan(policy="charge", allowance=ALLOWANCE, charged='maximum = "1.50"')

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate])
    @given(STORIES)
    def any_split(story: Story) -> None:
        ends_at_the_rating_of_all(scenario, play(scenario, plan, story), story)

    any_split()


def test_a_split_that_needs_a_line_and_a_credit_note_ends_at_the_rating_of_all(scenario: Scenario) -> None:
    """240 units came to $1.40; 120 are voided, and September covers $0.20 of that."""
    plan = scenario.plan(policy="charge", allowance=ALLOWANCE, charged='maximum = "1.50"')
    story = Story([Sent(120, 0, NEVER), Sent(120, 0, 1)], [120, 0, 0], [1, 2, 1, 1])
    org = play(scenario, plan, story)
    ends_at_the_rating_of_all(scenario, org, story)
    notes = scenario.session.scalars(select(CreditNote).where(CreditNote.org_id == org.id))
    assert [note.amount for note in notes] == [100]


@pytest.mark.slow
def test_any_split_ends_at_the_rating_of_all(scenario: Scenario) -> None:
    check(scenario, 6)


@pytest.mark.long
def test_any_split_ends_at_the_rating_of_all_in_full(scenario: Scenario) -> None:
    check(scenario, 200)
