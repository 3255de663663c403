"""Rule 2 of the house: GET never writes. Every row of every table, before and after all that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey
from app.accounts.models import Org
from app.accounts.reads import EXPORTED_BILLING, EXPORTED_USAGE, VIEWED
from app.audit.models import AuditEntry
from app.kit.clock import Clocks
from app.kit.ids import new_id
from tests.factories import bearer, have_default_plan, make_key, make_member, make_org, signed_in
from tests.house.test_access import World, address, routes
from tests.support.installation import opened

# What reading may write: marks of who was here last, once a minute at most, and the audit entry of an export or of a
# staff member's look, once an hour.
MARKS = ["last_seen_at", "last_used_at", "last_used_address"]
LOOKS = {VIEWED, EXPORTED_USAGE, EXPORTED_BILLING}
AUDIT = {"audit_entries", "audit_heads", "audit_persons"}
TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""


def books(session: Session) -> dict[str, str]:
    """What every table holds, as a digest."""
    session.rollback()
    found = {}
    for table in session.scalars(text(TABLES)).all():
        digest = text(
            "SELECT md5(string_agg(row, '' ORDER BY row))"
            f" FROM (SELECT regexp_replace(row_to_json(t)::text, :marks, '', 'g') AS row FROM {table} t) r"
        )
        marks = f'"({"|".join(MARKS)})":("[^"]*"|[^",}}]*)'
        found[table] = str(session.execute(digest, {"marks": marks}).scalar())
    session.rollback()
    return found


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks) -> Iterator[Flask]:
    """An app of its own: a database that other tests have filled takes too long to read whole."""
    with opened(server, "reading", clocks) as made:
        yield made


@pytest.mark.parametrize("who", ["visitor", "owner", "viewer", "staff"])
def test_no_page_changes_a_row(app: Flask, session: Session, who: str) -> None:
    (org, world), browser = _world(session), app.test_client()
    if who != "visitor":
        member = make_member(session, org, "owner" if who == "staff" else who, staff=who == "staff")
        browser = signed_in(app, session, member, org)
    _walk(app, session, browser, world, kinds={"public", "signed_in", "role", "staff"})


@pytest.mark.parametrize("of", ["the org", "staff"])
def test_no_call_of_the_api_that_reads_changes_a_row(app: Flask, session: Session, of: str) -> None:
    org, world = _world(session)
    if of == "the org":
        headers = bearer(make_key(session, org))
    else:
        secret = make_key(session, None, scopes=("admin:read", "admin:write"))
        headers = {**bearer(secret), "Tollkeeper-Organization": str(org.id)}
    _walk(app, session, app.test_client(), world, kinds={"key"}, headers=headers)


def _walk(
    app: Flask,
    session: Session,
    browser: FlaskClient,
    world: World,
    *,
    kinds: Iterable[str],
    headers: dict[str, str] | None = None,
) -> None:
    before, answered = books(session), 0
    newest = session.scalar(select(func.max(AuditEntry.id)))
    for route, method, rule in routes(app):
        if method == "GET" and rule.kind in kinds:
            answer = browser.get(address(route, world), headers=headers, buffered=True)
            assert answer.status_code < 500, route.rule
            answered += 1
    assert answered > 5
    after = books(session)
    assert {table for table in before if before[table] != after[table]} <= AUDIT
    written = select(AuditEntry.action).where(AuditEntry.id > newest)
    actions = list(session.scalars(written.execution_options(populate_existing=True)))
    assert set(actions) <= LOOKS
    assert len(actions) <= len(LOOKS)


def _world(session: Session) -> tuple[Org, World]:
    have_default_plan(session)
    org = make_org(session)
    member = make_member(session, org, "member")
    make_key(session, org)
    key_id = session.query(ApiKey.id).filter_by(org_id=org.id).scalar()
    return org, World(org.id, new_id(), key_id, member.id, new_id(), {}, {})
