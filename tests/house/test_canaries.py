"""No secret and no person in what operators keep: canaries in every input, then logs and books are searched."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.accounts.api_keys.key_format import new_key
from app.factory import logs
from app.factory.tracebacks import format_exception
from tests.factories import PASSWORD, bearer, have_default_plan, make_key, make_member, make_org, signed_in
from tests.house.test_access import routes
from tests.today import NOON

# Where a row may name a person, because it can be erased; the rest is kept for ever or read by operators.
KEPT = ("audit_entries", "sign_in_log", "procrastinate_jobs", "procrastinate_events", "attempts", "idempotency_keys",
        "usage_events", "usage_keys", "rollup_values", "usage_days")  # fmt: skip


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


def test_a_row_that_the_database_refuses_is_in_no_log(
    app: Flask, session: Session, server: Path, canaries: dict[str, str], told: StringIO
) -> None:
    """PostgreSQL quotes the whole failing row in DETAIL, to its client and in its own log."""
    values = {"id": uuid4(), "email": canaries["email"], "password": canaries["password"], "at": NOON}
    refused = "INSERT INTO users (id, email, name, password_hash, created_at) VALUES (:id, :email, '', :password, :at)"
    with app.test_request_context("/", headers={"X-Request-Id": "canary-request"}):
        app.preprocess_request()
        with pytest.raises(IntegrityError) as fault:
            session.execute(text(refused), values)
        session.rollback()
        assert canaries["password"] in str(fault.value)
        app.handle_user_exception(fault.value)
        structlog.get_logger().error("failed", exc_info=ValueError("first"))
        logging.getLogger("procrastinate.worker").error("failed", exc_info=fault.value)
    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == ["canary-request"] * 3
    assert [line["exception"].count("[23514]") for line in lines] == [2, 0, 2]
    assert "ck_users_name" in lines[0]["exception"]
    _nowhere(session, canaries, told)
    log = server.with_name(f"{server.name}.log").read_text(encoding="utf-8", errors="replace")
    assert "ck_users_name" in log
    assert [name for name, value in canaries.items() if value in log] == []


def test_a_fault_behind_a_fault_is_logged_with_both() -> None:
    def fail() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    with pytest.raises(ValueError, match="second") as fault:
        fail()
    told = format_exception(None, "error", {"exc_info": fault.value})["exception"]
    assert told.index("KeyError: 'first'") < told.index("direct cause") < told.index("ValueError: second")


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
