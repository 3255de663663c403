"""Who may have a trial: once per org, card and, where the setting says so, domain; also when two ask at one moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.payments.trials.models import TrialUse
from app.payments.trials.uses import claim_trial, may_try
from app.web.database import db, transaction
from tests import factories
from tests.support.roles import BY_HAND
from tests.today import NOON


@pytest.fixture(autouse=True)
def nobody_has_had_one(session: Session) -> None:
    session.execute(BY_HAND)
    session.execute(text("TRUNCATE trial_uses"))
    session.commit()


@pytest.fixture
def per_domain(app: Flask) -> Iterator[None]:
    held = app.extensions["tollkeeper"]
    app.extensions["tollkeeper"] = replace(held, settings=replace(held.settings, trial_per_domain=True))
    yield
    app.extensions["tollkeeper"] = held


def org_of(session: Session, email: str, *, verified: bool = True) -> UUID:
    org = factories.make_org(session)
    factories.make_member(session, org, email=f"{factories.unique('a')}@{email}", verified=verified)
    return org.id


def kinds(session: Session) -> list[str]:
    session.rollback()
    return sorted(session.scalars(select(TrialUse.kind)))


def claim(org_id: UUID, card: str) -> str:
    with transaction() as session:
        return claim_trial(session, org_id, card, NOON)


def test_a_known_card_is_refused_and_takes_nothing_but_the_orgs_own(session: Session) -> None:
    first, second, third = (org_of(session, "acme.example") for _ in range(3))
    session.rollback()
    assert (claim(first, "a"), claim(second, "a"), claim(second, "b"), claim(third, "b")) == (
        "granted", "card", "org", "granted",
    )  # fmt: skip
    assert kinds(session) == ["card", "card", "org", "org", "org"]


def test_without_the_setting_a_domain_says_nothing(session: Session) -> None:
    first, second = org_of(session, "acme.example"), org_of(session, "acme.example")
    session.rollback()
    assert claim(first, "a") == "granted"
    assert may_try(session, second)


@pytest.mark.usefixtures("per_domain")
@pytest.mark.parametrize(
    ("domain", "verified", "verdict"),
    [("acme.example", True, "domain"), ("acme.example", False, "granted"), ("gmail.com", True, "granted")],
)
def test_with_it_a_verified_domain_has_one_trial_but_not_a_public_providers(
    session: Session, domain: str, verified: bool, verdict: str
) -> None:
    first, second = org_of(session, domain), org_of(session, domain, verified=verified)
    session.rollback()
    assert claim(first, "a") == "granted"
    assert may_try(session, second) == (verdict == "granted")
    session.rollback()
    assert claim(second, "b") == verdict


def test_of_two_orgs_that_claim_with_one_card_at_the_same_moment_one_is_granted(app: Flask, session: Session) -> None:
    orgs = [org_of(session, "acme.example") for _ in range(6)]
    session.rollback()
    verdicts, start = [], threading.Barrier(len(orgs))

    def claims(org_id: UUID) -> None:
        with app.app_context():
            start.wait()
            verdicts.append(claim(org_id, "one"))
            db.session.remove()

    threads = [threading.Thread(target=claims, args=(org,)) for org in orgs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == ["card"] * 5 + ["granted"]
