"""The commands of an operator, and the work of the night."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

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
from tests.factories import PASSWORD, bearer, make_org, make_user, signed_in, unique
from tests.today import FixedClock


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


def test_a_sealed_day_that_was_changed_is_named(app: Flask, session: Session, wall: FixedClock) -> None:
    day = datetime(2031, 3, 1, tzinfo=wall.now().tzinfo)
    user = make_user(session)
    for hour in (1, 2):
        log.record(session, "signed_in", RequestOrigin("192.0.2.1"), user_id=user.id, now=day + timedelta(hours=hour))
    session.commit()
    wall.at = day + timedelta(days=1, minutes=23)
    tasks.seal_sign_ins()
    tasks.seal_sign_ins()
    assert run(app, "verify-sign-ins")[0] == 0
    session.execute(text("DELETE FROM sign_in_details"))
    session.commit()
    assert run(app, "verify-sign-ins")[0] == 0
    session.execute(text("ALTER TABLE sign_in_log DISABLE TRIGGER sign_in_log_append_only"))
    session.execute(
        text("UPDATE sign_in_log SET outcome = 'signed_out' WHERE user_id = :id AND at < :at"),
        {"id": user.id, "at": day + timedelta(hours=2)},
    )
    session.commit()
    try:
        code, said = run(app, "verify-sign-ins", "--json")
        assert (code, json.loads(said)["broken"]) == (1, ["2031-03-01"])
    finally:
        session.execute(text("UPDATE sign_in_log SET outcome = 'signed_in' WHERE user_id = :id"), {"id": user.id})
        session.execute(text("ALTER TABLE sign_in_log ENABLE TRIGGER sign_in_log_append_only"))
        session.commit()
