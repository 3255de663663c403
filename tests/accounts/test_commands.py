"""The commands of an operator, and the work of the night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts import guards, queries, tasks
from app.accounts.auth_models import Attempt, DeviceSession
from app.accounts.cli import group
from app.accounts.identity import RequestOrigin
from app.accounts.sign_in import log, passwords
from app.accounts.sign_in.login_throttle import SIGN_IN, Claim, count_attempt
from app.audit.queries import list_entries
from app.factory import create_app
from app.kit.clock import Clocks
from app.web.database import db, transaction
from tests.factories import PASSWORD, bearer, make_org, make_user, signed_in, unique
from tests.support.database import own_database
from tests.support.roles import BY_HAND
from tests.support.settings import make_settings
from tests.today import FixedClock

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def run(app: Flask, *words: str, typed: str | None = None) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(group, words, input=typed)
    return done.exit_code, done.output


def test_a_user_is_made_with_a_typed_password(app: Flask, session: Session) -> None:
    email = f"{unique('operator')}@example.com"
    code, said = run(app, "create-user", email, "--staff", "--verified", "--json", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert code == 0, said
    facts = json.loads(said.splitlines()[-1])
    assert (facts["email"], facts["staff"], facts["verified"]) == (email, True, True)
    user = queries.find_user_by_email(session, email)
    assert user is not None
    assert user.staff
    assert passwords.verify_password(user.password_hash, PASSWORD)
    assert [each.role for each in queries.list_org_choices(session, user.id)] == ["owner"]


def test_an_owner_of_the_staff_is_one_of_the_staff(app: Flask, session: Session) -> None:
    email = f"{unique('operator')}@example.com"
    assert run(app, "create-user", email, "--staff-owner", typed=f"{PASSWORD}\n{PASSWORD}\n")[0] == 0
    user = queries.find_user_by_email(session, email)
    assert user is not None
    assert (user.staff, user.staff_owner) == (True, True)


@pytest.mark.parametrize(
    ("email", "password", "code"), [("nobody", PASSWORD, 2), ("a@example.com", "password1", 2), ("known", PASSWORD, 1)]
)
def test_bad_words_make_no_user(app: Flask, session: Session, email: str, password: str, code: int) -> None:
    address = make_user(session).email if email == "known" else email
    assert run(app, "create-user", address, "--password", password)[0] == code


def test_a_key_is_made_for_an_org_and_for_staff(app: Flask, session: Session) -> None:
    org = make_org(session)
    code, said = run(app, "create-key", "--org", str(org.id), "--scope", "usage:write", "--days", "9", "--json")
    assert code == 0, said
    with app.test_request_context("/api/v1/x", headers=bearer(json.loads(said)["key"])) as context:
        assert guards.identify_key(context.request).org_id == org.id
    code, said = run(app, "create-key", "--scope", "admin:read")
    assert code == 0
    with app.test_request_context("/api/v1/x", headers=bearer(said.strip())) as context:
        assert guards.identify_key(context.request).kind == "staff_key"


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "usage:write"),
        ("--org", "01a1fba2-0000-7000-8000-000000000000", "--scope", "usage:read"),
        ("--org", "x", "--scope", "usage:read"),
        ("--scope", "everything"),
        (),
    ],
)
def test_bad_words_make_no_key(app: Flask, session: Session, words: tuple[str, ...]) -> None:
    code, said = run(app, "create-key", *words)
    assert code == 2
    assert "tk_live_" not in said


@pytest.mark.parametrize("verb", ["create-user", "create-key", "verify-sign-ins"])
def test_help_shows_an_example(app: Flask, verb: str) -> None:
    code, said = run(app, verb, "--help")
    assert code == 0
    assert f"Example: flask accounts {verb}" in " ".join(said.split())


def test_the_sweep_takes_what_is_over_and_leaves_the_rest(app: Flask, session: Session, wall: FixedClock) -> None:
    old, fresh = make_user(session), make_user(session)
    signed_in(app, session, old)
    stale, live = f"test:user:{unique()}", f"test:user:{unique()}"
    count_attempt(session, [Claim(stale, SIGN_IN)], wall.now())
    session.commit()
    wall.advance(timedelta(hours=12))
    signed_in(app, session, fresh)
    count_attempt(session, [Claim(live, SIGN_IN)], wall.now())
    session.commit()
    tasks.sweep()
    left = set(session.scalars(select(DeviceSession.user_id).where(DeviceSession.user_id.in_([old.id, fresh.id]))))
    assert left == {fresh.id}
    assert set(session.scalars(select(Attempt.bucket).where(Attempt.bucket.in_([stale, live])))) == {live}


def broken_days(app: Flask) -> list[str]:
    broken: list[str] = json.loads(run(app, "verify-sign-ins", "--json")[1])["broken"]
    return broken


@pytest.fixture
def night(server: Path) -> Iterator[Flask]:
    """An app with a sign-in log of its own, whose first entry is of Monday; it is Thursday, 00:40."""
    with own_database(server, "seals") as url:
        clock = FixedClock(MONDAY + timedelta(days=3, minutes=40))
        app = create_app(make_settings(url), Clocks(clock, clock))
        with app.app_context():
            with transaction() as open_session:
                for hours in (1, 30, 50):
                    log.record(
                        open_session, "signed_in", RequestOrigin("192.0.2.1"), now=MONDAY + timedelta(hours=hours)
                    )
            yield app
            db.session.remove()
            db.engine.dispose()
        app.extensions["tollkeeper"].pool.close()


def sealed_days(app: Flask) -> list[str]:
    return [entry.act.object_id for entry in list_entries(db.session(), None, action=log.SEALED)][::-1]


def test_every_closed_day_since_the_last_seal_is_sealed(night: Flask) -> None:
    code, said = run(night, "verify-sign-ins", "--json")
    assert (code, json.loads(said)["missing"]) == (1, ["2026-11-16", "2026-11-17"]), "yesterday may still come"
    tasks.seal_sign_ins()
    assert sealed_days(night) == ["2026-11-16", "2026-11-17", "2026-11-18"]
    night.extensions["tollkeeper"].clocks.wall.advance(timedelta(days=2))  # the worker was down at 00:23
    tasks.seal_sign_ins()
    assert sealed_days(night)[3:] == ["2026-11-19", "2026-11-20"]
    assert run(night, "verify-sign-ins")[0] == 0


def test_a_day_without_a_seal_is_named(night: Flask) -> None:
    with transaction() as open_session:
        for days in (0, 2):  # as an earlier release left out Tuesday
            start = MONDAY + timedelta(days=days)
            log.seal(open_session, start, start + timedelta(days=1), now=MONDAY)
    tasks.seal_sign_ins()
    code, said = run(night, "verify-sign-ins")
    assert (code, said.splitlines()[0]) == (1, "2026-11-17: not sealed; the worker seals each closed day")


def test_what_is_older_than_the_first_seal_is_named(night: Flask) -> None:
    tasks.seal_sign_ins()
    with transaction() as open_session:
        log.record(open_session, "signed_in", RequestOrigin("192.0.2.1"), now=MONDAY - timedelta(hours=1))
    assert json.loads(run(night, "verify-sign-ins", "--json")[1])["missing"] == ["2026-11-15"]


def test_a_sealed_day_that_was_changed_is_named(app: Flask, session: Session, wall: FixedClock) -> None:
    day = datetime(2031, 3, 1, tzinfo=wall.now().tzinfo)
    user = make_user(session)
    log.seal(session, day - timedelta(days=1), day, now=wall.now())
    for hour in (1, 2):
        log.record(session, "signed_in", RequestOrigin("192.0.2.1"), user_id=user.id, now=day + timedelta(hours=hour))
    session.commit()
    wall.at = day + timedelta(days=1, minutes=23)
    tasks.seal_sign_ins()
    tasks.seal_sign_ins()
    assert broken_days(app) == []
    session.execute(text("DELETE FROM sign_in_details"))
    session.commit()
    assert broken_days(app) == []
    session.execute(BY_HAND)
    session.execute(text("ALTER TABLE sign_in_log DISABLE TRIGGER sign_in_log_append_only"))
    session.execute(
        text("UPDATE sign_in_log SET outcome = 'signed_out' WHERE user_id = :id AND at < :at"),
        {"id": user.id, "at": day + timedelta(hours=2)},
    )
    session.commit()
    try:
        assert broken_days(app) == ["2031-03-01"]
        assert run(app, "verify-sign-ins")[0] == 1
    finally:
        session.execute(BY_HAND)
        session.execute(text("UPDATE sign_in_log SET outcome = 'signed_in' WHERE user_id = :id"), {"id": user.id})
        session.execute(text("ALTER TABLE sign_in_log ENABLE TRIGGER sign_in_log_append_only"))
        session.commit()
