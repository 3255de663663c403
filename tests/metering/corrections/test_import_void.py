"""An import is voided as a whole (rule 2.2), in batches that can be repeated and resumed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.metering.corrections.import_void import list_orgs, void_import_batch
from app.metering.recorder import get_usage_recorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.schemas import Event
from app.web.database import transaction
from tests import factories
from tests.factories import unique
from tests.scenario import Scenario
from tests.scenario.org import Org


def brings(org: Org, count: int, *, billable: bool = True) -> UUID:
    """An import brings the org so many events of two units."""
    import_id = new_id()
    sent = [
        Event(id=unique("line"), meter=org.plan.meter, quantity=msgspec.Raw(b"2"), occurred_at=org.now)
        for _ in range(count)
    ]
    oldest = factories.utc("2026-01-01")
    terms = BatchTerms("import", import_id, billable=billable, limited=False, oldest=oldest)
    done = record_batch(get_usage_recorder(), org.id, sent, key_id=None, now=org.now, terms=terms)
    assert done.recorded == count, done
    return import_id


@pytest.fixture
def org(scenario: Scenario) -> Org:
    plan = scenario.plan(policy="charge", allowance=10)
    made = scenario.org().on(plan)
    made.plan = plan
    return made.with_period()


def counted(org: Org) -> Decimal:
    org.scenario.session.rollback()
    return sum(org.counters(org.plan.meter), Decimal(0))


def void(org: Org, import_id: UUID, *scopes: str, **more: Any) -> Any:
    headers = org.scenario.api(*(scopes or ("usage:correct",))) | {"Tollkeeper-Organization": str(org.id)}
    body = {"import": str(import_id), "reason": "Wrong file", **more}
    return org.scenario.client.post("/api/v1/usage/voids/imports", json=body, headers=headers)


def entries(org: Org) -> list[dict[str, Any]]:
    query = select(AuditEntry).where(AuditEntry.org_id == org.id, AuditEntry.action == "usage.import_voided")
    org.scenario.session.rollback()
    return [entry.after or {} for entry in org.scenario.session.scalars(query.order_by(AuditEntry.seq))]


def test_what_an_import_brought_counts_no_more(org: Org) -> None:
    import_id, other = brings(org, 5), brings(org, 3)
    answer = void(org, import_id)
    assert answer.status_code == 200, answer.text
    assert answer.get_json() == {"voided": 5, "period_open": 0, "too_old": 0, "next": None}
    assert counted(org) == 6
    assert entries(org) == [{"reason": "Wrong file", "voided": 5, "period_open": 0, "too_old": 0}]
    assert void(org, import_id).get_json()["voided"] == 0
    assert (len(entries(org)), counted(org)) == (1, 6)
    assert other


def test_batches_go_on_where_the_last_one_ended(org: Org) -> None:
    import_id, after, voided = brings(org, 7, billable=False), None, []
    while True:
        with transaction() as session:
            batch = void_import_batch(
                session, org.id, import_id, "wrong", actor=SYSTEM, now=org.now, after=after, most=3
            )
        voided.append(batch.voided)
        if (after := batch.following) is None:
            break
    assert voided == [3, 3, 1]
    assert counted(org) == 0
    with transaction() as session:
        assert list_orgs(session, import_id) == [org.id]


def test_another_orgs_import_is_not_found_and_members_may_void_none(org: Org) -> None:
    import_id = brings(org, 2)
    other = org.scenario.org().with_period()
    assert void(other, import_id).status_code == 404
    members = org.api("usage:write", "usage:read", "billing:write", "billing:read")
    body = {"import": str(import_id), "reason": "mine"}
    answer = org.scenario.client.post("/api/v1/usage/voids/imports", json=body, headers=members)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
    assert counted(org) == 4
