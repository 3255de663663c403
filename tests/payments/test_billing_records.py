"""Billing records go forward only, and are read by org, state and time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.kit.ids import new_id
from app.payments import billing_records, queries
from app.payments.models import BillingRecord
from app.stripe_gateway.types import Card
from tests.factories import make_org
from tests.scenario import Scenario
from tests.today import NOON

CARD = Card("pm_1", "visa", "4242", 12, 2034)
RANK = {"pending": 0, "failed": 1, "completed": 2, "refunded": 3}


def record(org_id: object = None, at: datetime = NOON, **more: object) -> BillingRecord:
    facts: dict[str, object] = {
        "id": new_id(), "org_id": org_id, "state": "pending", "reason": "subscription_start", "description": "Pro",
        "amount": 1000, "refunded": 0, "currency": "USD", "created_at": at,
    }  # fmt: skip
    return BillingRecord(**{**facts, **more})


def test_a_completed_record_keeps_its_transaction_and_card_and_drops_the_failure() -> None:
    made = record()
    assert billing_records.fail(made, at=NOON, code="card_declined", words="Declined.", transaction_id="pi_1")
    assert (made.state, made.failure_code, made.failure, made.settled_at) == (
        "failed", "card_declined", "Declined.", NOON,
    )  # fmt: skip
    later = NOON + timedelta(days=1)
    assert billing_records.complete(made, at=later, transaction_id="pi_1", card=CARD)
    assert (made.state, made.failure_code, made.failure, made.settled_at) == ("completed", None, None, later)
    assert (made.transaction_id, made.card_brand, made.card_last4) == ("pi_1", "visa", "4242")


def test_a_second_failure_is_no_news_and_brings_its_own_words() -> None:
    made = record()
    assert billing_records.fail(made, at=NOON, code="a", words="First.")
    assert not billing_records.fail(made, at=NOON + timedelta(days=1), code="b", words="Second.")
    assert (made.failure_code, made.failure, made.settled_at) == ("b", "Second.", NOON)


def test_completing_twice_is_no_news_and_changes_nothing() -> None:
    made = record()
    assert billing_records.complete(made, at=NOON, transaction_id="pi_1", card=CARD)
    assert not billing_records.complete(made, at=NOON + timedelta(days=1), transaction_id="pi_2", card=None)
    assert (made.transaction_id, made.settled_at) == ("pi_1", NOON)


def test_a_late_failure_changes_no_completed_record() -> None:
    made = record()
    billing_records.complete(made, at=NOON, transaction_id="pi_1", card=CARD)
    assert not billing_records.fail(made, at=NOON, code="x", words="x")
    assert (made.state, made.failure) == ("completed", None)


@pytest.mark.parametrize(("refunded", "state"), [(1, "completed"), (999, "completed"), (1000, "refunded")])
def test_a_record_is_refunded_when_all_of_it_went_back(refunded: int, state: str) -> None:
    made = record()
    billing_records.complete(made, at=NOON, transaction_id="pi_1", card=CARD)
    billing_records.record_refund(made, refunded, at=NOON)
    assert (made.state, made.refunded) == (state, refunded)


def test_a_refund_that_fails_later_is_taken_back() -> None:
    made = record()
    billing_records.complete(made, at=NOON, transaction_id="pi_1", card=CARD)
    billing_records.record_refund(made, 1000, at=NOON)
    billing_records.record_refund(made, 0, at=NOON)
    assert (made.state, made.refunded) == ("completed", 0)


def test_nothing_is_refunded_of_what_was_not_paid() -> None:
    made = record()
    billing_records.record_refund(made, 1000, at=NOON)
    assert (made.state, made.refunded) == ("pending", 0)


@given(st.lists(st.sampled_from(["complete", "fail"]), max_size=8))
def test_the_states_only_go_forward(acts: list[str]) -> None:
    made, seen = record(), 0
    for act in acts:
        if act == "complete":
            billing_records.complete(made, at=NOON, transaction_id=None, card=None)
        else:
            billing_records.fail(made, at=NOON, code=None, words="x")
        assert RANK[made.state] >= seen
        seen = RANK[made.state]
        assert (made.state == "pending") == (made.settled_at is None)


def test_a_checkout_has_one_pending_record_that_names_the_plan(scenario: Scenario) -> None:
    org = scenario.org().at_checkout()
    made = org.record
    assert (made.state, made.reason, made.amount, made.currency) == ("pending", "subscription_start", 1000, "USD")
    assert made.description == f"{org.plan.key} plan, monthly"
    checkout = queries.get_checkout(scenario.session, org.id, org.checkout_id)
    assert billing_records.ensure_pending_record(scenario.session, checkout, NOON).id == made.id


def test_history_is_paged_newest_first_and_filtered(session: Session) -> None:
    org, other = make_org(session), make_org(session)
    for day in range(5):
        state = "failed" if day == 2 else "pending"
        at = NOON + timedelta(days=day)
        session.add(record(org.id, at, state=state, settled_at=at if state == "failed" else None))
    session.add(record(other.id))
    session.commit()
    everything = queries.RecordFilter()
    first = queries.list_billing_records(session, org.id, everything, None, 2)
    assert [(each.created_at - NOON).days for each in first] == [4, 3]
    rest = queries.list_billing_records(session, org.id, everything, (first[-1].created_at, first[-1].id), 10)
    assert [(each.created_at - NOON).days for each in rest] == [2, 1, 0]
    assert [
        (each.created_at - NOON).days
        for each in queries.list_billing_records(session, org.id, queries.RecordFilter("failed"), None, 9)
    ] == [2]
    between = queries.RecordFilter(start=NOON + timedelta(days=1), end=NOON + timedelta(days=3))
    found = queries.list_billing_records(session, org.id, between, None, 9)
    assert [(each.created_at - NOON).days for each in found] == [2, 1]
