"""What an org agrees to with pay for overage, and what that covers (rule 2.6)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.apply import publish_version
from app.catalog.from_db import build_plan_def
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.subscriptions import periods, queries
from app.subscriptions.overage.consents import find_consent
from app.subscriptions.overage.models import SWITCHED_OFF
from app.subscriptions.overage.switch import find_offer, switch_off, switch_on
from app.subscriptions.service import assign_plan
from tests.subscriptions.conftest import NOW
from tests.support.terms import list_mentioned

LATER = NOW + timedelta(days=1)


def calls(session: Session, org: UUID, months_ahead: int = 0) -> tuple[object, object]:
    """Cap and charge of the calls in the running period, or a later one."""
    session.flush()
    period = queries.list_periods(session, org, NOW, NOW + timedelta(days=62))[months_ahead]
    row = next(each for each in list_mentioned(session, org, period.starts_at) if each.allowance == 100)
    return row.cap, row.charge_id


@pytest.fixture
def org(db: Session, make_org: Callable[..., UUID]) -> UUID:
    made = make_org()
    periods.open_periods_ahead(db, made, NOW)
    return made


@pytest.fixture
def on(db: Session, org: UUID) -> UUID:
    """An org that pays for overage: 100 calls included, a cent each above them, refused above 500."""
    offer = find_offer(db, org, NOW)
    assert offer is not None
    switch_on(db, org, offer.version.id, card="Visa ending 4242", actor=SYSTEM, now=NOW)
    return org


def publish_default(db: Session, **changed: object) -> None:
    """A newer version of the default plan, in a transaction that is never committed."""
    version = catalog.find_default_version(db)
    assert version is not None
    wanted = build_plan_def(version)
    wanted = replace(wanted, terms=replace(wanted.terms, **changed))  # type: ignore[arg-type]
    meters = {meter.key: meter.id for meter in catalog.list_meters(db)}
    publish_version(db, version.plan, wanted, version.number + 1, meters, now=NOW)


def test_on_the_cap_is_the_hard_limit_and_off_the_allowance(db: Session, on: UUID) -> None:
    assert [calls(db, on, ahead)[0] for ahead in (0, 1, 2)] == [500, 500, 500]
    assert switch_off(db, on, SWITCHED_OFF, actor=SYSTEM, now=LATER)
    assert [calls(db, on, ahead)[0] for ahead in (0, 1, 2)] == [100, 100, 100]
    charges = [calls(db, on, ahead)[1] is not None for ahead in (0, 1, 2)]
    assert charges == [True, False, False]


def test_a_later_version_that_prices_usage_alike_is_covered(db: Session, on: UUID) -> None:
    publish_default(db, limits={"jobs_at_once": 2, "file_bytes": 1, "requests_per_minute": 60, "retention_days": 30})
    periods.rebuild_periods_ahead(db, on, LATER)
    assert [calls(db, on, ahead)[0] for ahead in (0, 1)] == [500, 500]


def test_a_dearer_version_is_not_covered_and_can_be_agreed_to(db: Session, on: UUID) -> None:
    version = catalog.find_default_version(db)
    assert version is not None
    [charge] = build_plan_def(version).terms.charges
    publish_default(db, charges=(replace(charge, properties={"unit_amount": "0.02"}),))
    periods.rebuild_periods_ahead(db, on, LATER)
    assert [calls(db, on, ahead)[0] for ahead in (0, 1)] == [500, 100]
    with pytest.raises(Conflict):
        switch_on(db, on, catalog.find_default_version(db).id, card="Visa", actor=SYSTEM, now=LATER)  # type: ignore[union-attr]
    december = NOW + timedelta(days=12)
    switch_on(db, on, catalog.find_default_version(db).id, card="Visa", actor=SYSTEM, now=december)  # type: ignore[union-attr]
    assert [calls(db, on, ahead)[0] for ahead in (0, 1)] == [500, 500]


def test_what_is_charged_as_the_work_is_done_cannot_be_switched_on_yet(db: Session, make_org) -> None:
    version = catalog.find_default_version(db)
    assert version is not None
    [charge] = build_plan_def(version).terms.charges
    publish_default(db, charges=(replace(charge, collect="immediate"),))
    org = make_org()
    periods.open_periods_ahead(db, org, NOW)
    offer = find_offer(db, org, NOW)
    assert offer is not None
    assert offer.refusal is not None
    with pytest.raises(Conflict, match="cannot be switched on yet"):
        switch_on(db, org, offer.version.id, card="Visa", actor=SYSTEM, now=NOW)
    assert calls(db, org)[0] == 100


def test_a_paid_plan_ends_it_and_offers_nothing(db: Session, on: UUID, plan) -> None:
    assign_plan(db, on, plan("pro"), interval="month", currency="USD", actor=SYSTEM, now=LATER)
    assert find_consent(db, on) is None
    assert find_offer(db, on, LATER) is None
