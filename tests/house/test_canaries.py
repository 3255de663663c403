"""No secret and no person in what operators keep: canaries in every input, then logs and books are searched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from uuid import uuid4

import pytest
import structlog
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app.accounts.api_keys.key_format import new_key
from app.factory import logs
from tests.factories import PASSWORD, bearer, have_default_plan, make_key, make_member, make_org, signed_in
from tests.house.test_access import routes

# Where a row may name a person, because it can be erased; the rest is kept for ever or read by operators.
KEPT = ("audit_entries", "sign_in_log", "procrastinate_jobs", "procrastinate_events", "attempts", "idempotency_keys",
        "usage_events", "usage_keys", "rollup_anew", "usage_days")  # fmt: skip


@pytest.fixture
def canaries() -> dict[str, str]:
    mark = uuid4().hex
    return {
        "password": f"canary {mark} password",
        "email": f"canary-{mark}@secret-person.example",
        "key": new_key(),
        "stripe": f"sk_live_{mark}",
        "webhook": f"whsec_{mark}",
        "session": f"canarysession{mark}",
    }


@pytest.fixture
def told(app: Flask) -> Iterator[StringIO]:
    """What the process says, as talkative as in production."""
    before, said = structlog.get_config(), StringIO()
    with redirect_stderr(said):
        logs.configure(replace(app.extensions["tollkeeper"].settings, sandbox=False))
    yield said
    structlog.configure(**before)


def test_what_is_typed_into_forms_is_in_no_log_and_no_book(
    app: Flask, session: Session, canaries: dict[str, str], told: StringIO
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    try:
        org = make_org(session)
        owner = make_member(session, org, "owner", password=PASSWORD)
        for browser in (app.test_client(), signed_in(app, session, owner, org)):
            for path, value in _everywhere(app, canaries):
                pages = [
                    browser.post(path, data=_fields(value)),
                    browser.get(f"{path}?q={value}&next={value}"),
                ]
                assert [page.status_code for page in pages if page.status_code >= 500] == [], path
    finally:
        app.config["WTF_CSRF_ENABLED"] = True
    assert '"event": "request"' in told.getvalue()
    _nowhere(session, canaries, told)


def test_what_is_sent_to_the_api_is_in_no_log_and_no_book(
    app: Flask, session: Session, canaries: dict[str, str], told: StringIO
) -> None:
    plan, org, client = have_default_plan(session), make_org(session), app.test_client()
    good = bearer(make_key(session, org))
    for value in canaries.values():
        event = {"id": str(uuid4()), "meter": plan.meter, "user": value, "metadata": {"file": value}}
        assert client.post("/api/v1/usage/events", json=event, headers=good).status_code == 200
        for headers in (bearer(value), {**good, "Idempotency-Key": value, "X-Request-Id": value}):
            for path in ("/api/v1/usage/check", "/api/v1/quotes", "/api/v1/usage/events"):
                client.post(path, json={"meter": value, "id": value, value: value}, headers=headers)
            client.get(f"/api/v1/usage/events?next={value}&user={value}", headers=headers)
    _nowhere(session, canaries, told)


def test_a_fault_with_a_secret_in_its_words_is_logged_without_it(
    app: Flask, session: Session, canaries: dict[str, str], told: StringIO
) -> None:
    with app.test_request_context("/"):
        for value in canaries.values():
            with pytest.raises(DataError) as fault:
                session.execute(text("SELECT 1 / 0, CAST(:value AS text)"), {"value": value})
            session.rollback()
            page = app.handle_user_exception(fault.value)
            assert value not in page.get_data(as_text=True)
    assert '"event": "unhandled"' in told.getvalue()
    _nowhere(session, canaries, told)


def _everywhere(app: Flask, canaries: dict[str, str]) -> Iterator[tuple[str, str]]:
    for route, method, rule in routes(app):
        if method == "POST" and rule.kind not in {"key", "operator"} and "sign_out" not in route.endpoint:
            path = re.sub(r"<[^>]+>", str(uuid4()), route.rule)
            for value in canaries.values():
                yield path, value


def _fields(value: str) -> dict[str, str]:
    names = ("password", "new_password", "current_password", "present", "token", "name", "reason", "next", "code",
             "key", "external_id", "ref", "search")  # fmt: skip
    return {**dict.fromkeys(names, value), "email": value if "@" in value else "nobody@example.com"}


def _nowhere(session: Session, canaries: dict[str, str], told: StringIO) -> None:
    session.rollback()
    seen = told.getvalue()
    assert [name for name, value in canaries.items() if value in seen or json.dumps(value)[1:-1] in seen] == []
    found = []
    for table in KEPT:
        for name, value in canaries.items():
            rows = session.execute(text(f"SELECT count(*) FROM {table} t WHERE t::text LIKE :p"), {"p": f"%{value}%"})
            if rows.scalar():
                found.append((table, name))
    assert found == []
