"""An organisation's timeline: every room's facts in one list by time, by kind, page by page, in one statement."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import insert, text

from app.accounts.orgs.notes import write_note
from app.admin.orgs.timeline import KINDS, TimelineEntry, read_timeline
from app.admin.orgs.timeline_view import build_row
from app.audit.service import write
from app.kit.actor import SYSTEM, Actor
from app.notifications.service import notify
from app.payments.webhooks.inbox_queries import InboxFilter, list_events
from app.payments.webhooks.models import InboxEvent
from app.web.database import transaction
from tests import factories
from tests.admin.test_pages import read
from tests.mail.letters import CONTEXTS
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import payer, record


def entries(org: Org, *kinds: str, limit: int = 500) -> list[TimelineEntry]:
    return read_timeline(org.session, org.id, kinds, limit=limit, cursor=None, now=org.now).entries


def words(org: Org, *kinds: str) -> list[tuple[str, str]]:
    rows = [build_row(entry, org.id, "UTC") for entry in entries(org, *kinds)]
    return [(row.title, row.detail) for row in rows]


def test_what_a_kind_says_the_audit_log_does_not_say_again(busy: Org) -> None:
    told = {"override.given", "note.written"}
    assert told & {entry.what for entry in entries(busy)} == set()
    assert told <= {entry.what for entry in entries(busy, "audit")}
    assert {entry.what for entry in entries(busy, "audit", "note")} & told == {"override.given"}


@pytest.fixture
def busy(scenario: Scenario) -> Org:
    """An org of which every room has something to say."""
    org = payer(scenario, state="past_due").agrees("allowance:api_calls", "80000")
    record(org, state="failed", description="Pro, monthly", failure="Your card was declined.")
    session = org.scenario.session
    session.commit()
    customer = org.customer
    assert customer is not None
    session.execute(
        insert(InboxEvent).values(
            id=f"evt_{factories.unique('x')}", type="invoice.payment_failed", livemode=False, object_type="invoice",
            customer_id=customer.id, source="webhook", body={}, created_at=org.now, received_at=org.now,
        )
    )  # fmt: skip
    session.commit()
    author = factories.make_user(scenario.session, staff=True, name="Stella Staff").id
    with scenario.app.app_context(), transaction() as open_session:
        write_note(open_session, org.id, "Calls back.", actor=Actor("staff", author), now=org.now)
        notify(open_session, org.id, "payment_failed", CONTEXTS["payment_failed"], key="k", now=org.now)
    return org


def test_every_kind_has_its_entries(busy: Org) -> None:
    assert {entry.kind for entry in entries(busy)} == set(KINDS)
    for kind in KINDS:
        assert {entry.kind for entry in entries(busy, kind)} == {kind}
    assert {entry.kind for entry in entries(busy, "note", "mail")} == {"note", "mail"}


def test_entries_say_what_happened(busy: Org) -> None:
    assert ("Note", "Calls back.") in words(busy, "note")
    assert ("Payment failed, $49.00", "Pro, monthly. Your card was declined.") in words(busy, "payment")
    assert ("invoice.payment_failed", "Received") in words(busy, "stripe")
    (given,) = words(busy, "override")
    assert given[0] == "Override given"
    assert "80000" in given[1]
    assert any(title.startswith("Invoice TK-") for title, _ in words(busy, "invoice"))
    assert any(title == "Usage period began" for title, _ in words(busy, "period"))
    assert any(detail.startswith("To ") for _, detail in words(busy, "mail"))
    assert any("started" in title for title, _ in words(busy, "plan"))
    assert any(title == "Note written" for title, _ in words(busy, "audit"))


def test_it_has_the_stripe_events_that_the_inbox_has_of_the_org(busy: Org) -> None:
    """Refunds and invoice payments name no customer: whose they are is known once they are applied."""
    session, ids = busy.scenario.session, [factories.unique(f"evt_{name}") for name in ("refund", "theirs")]
    session.commit()
    for event_id, org in zip(ids, (busy, payer(busy.scenario)), strict=True):
        session.execute(
            insert(InboxEvent).values(
                id=event_id, type="refund.created", livemode=False, object_type="refund", org_id=org.id,
                state="applied", source="webhook", body={}, created_at=busy.now, received_at=busy.now,
                settled_at=busy.now,
            )
        )  # fmt: skip
    session.commit()
    found = [entry.facts["id"] for entry in entries(busy, "stripe")]
    assert ids[0] in found
    assert sorted(found) == sorted(row.id for row in list_events(session, InboxFilter(search=str(busy.id)), None, 50))


def test_the_page_shows_who_did_it_and_leads_to_more(busy: Org) -> None:
    staff = busy.scenario.staff()
    page = read(staff, f"/admin/orgs/{busy.id}/timeline")
    assert "Stella Staff" in page
    for href in (f"/admin/orgs/{busy.id}/notes", "/admin/inbox/evt_", "/admin/audit/", "/admin/mail?to="):
        assert f'href="{href}' in page, href


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [("key", "Importer", "Importer (API key)"), ("key", None, "API key"), ("staff", "Ada", "Ada (staff)"),
     ("user", "Ada", "Ada"), ("system", None, "System"), (None, "Ada", "Ada"), (None, None, "")],
)  # fmt: skip
def test_who_did_it_is_said_as_in_the_audit_log(app: Flask, kind: str | None, name: str | None, words: str) -> None:
    facts = {"id": 1, "actor_kind": kind, "before": None, "after": None}
    entry = TimelineEntry(factories.utc("2026-11-21"), "audit", "audit:1", "test.acted", None, facts, name)
    with app.test_request_context():
        assert build_row(entry, UUID(int=0), "UTC").who == words


def test_each_page_is_one_statement_and_few_besides(busy: Org) -> None:
    staff, path = busy.scenario.staff(), f"/admin/orgs/{busy.id}/timeline"
    read(staff, path)
    with busy.scenario.statements() as asked:
        read(staff, path)
    assert len(asked) <= 6, asked
    assert len([each for each in asked if "_timeline" in each]) == 1


def test_pages_hold_every_entry_once_and_in_order(busy: Org) -> None:
    """Many at the same instant: the key decides, and no page loses or repeats one."""
    with busy.scenario.app.app_context(), transaction() as session:
        for number in range(12):
            write(session, SYSTEM, "test.acted", on=("test", number), org_id=busy.id, now=busy.now)
    whole = entries(busy)
    found: list[TimelineEntry] = []
    cursor = None
    while True:
        page = read_timeline(busy.session, busy.id, (), limit=5, cursor=cursor, now=busy.now)
        found += page.entries
        cursor = page.next
        if cursor is None:
            break
    assert [entry.key for entry in found] == [entry.key for entry in whole]
    assert len({entry.key for entry in found}) == len(found)
    assert [entry.at for entry in found] == sorted((entry.at for entry in found), reverse=True)


def test_the_filter_stays_in_the_address_of_the_next_page(busy: Org) -> None:
    with busy.scenario.app.app_context(), transaction() as session:
        for number in range(60):
            write(session, SYSTEM, "test.acted", on=("test", number), org_id=busy.id, now=busy.now)
    staff = busy.scenario.staff()
    page = read(staff, f"/admin/orgs/{busy.id}/timeline?kind=audit&kind=note")
    following = re.search(r'href="([^"]*next=[^"]+)" rel="next"', page)
    assert following is not None
    address = html.unescape(following[1])
    assert "kind=note&kind=audit" in address
    assert "Stripe events</span>" not in read(staff, address)


def test_what_is_still_ahead_is_not_shown(busy: Org) -> None:
    """The next periods are opened ahead."""
    assert busy.session.scalar(
        text("SELECT count(*) FROM usage_periods WHERE org_id = :id AND starts_at > :now"),
        {"id": busy.id, "now": busy.now},
    )
    assert all(entry.at <= busy.now for entry in entries(busy))


def test_another_orgs_entries_are_not_shown(busy: Org) -> None:
    other = payer(busy.scenario)
    keys = {entry.key for entry in entries(busy, "plan", "invoice", "payment", "stripe", "mail", "note", "audit")}
    assert keys.isdisjoint(entry.key for entry in entries(other, "plan", "invoice", "payment", "stripe", "audit"))


@pytest.mark.parametrize("query", ["next=nope", "kind=nope", "next=WyIyMDI2LTEyLTAxVDAwOjAwOjAwIiwieCJd"])
def test_a_query_that_makes_no_sense_still_shows_the_page(busy: Org, query: str) -> None:
    read(busy.scenario.staff(), f"/admin/orgs/{busy.id}/timeline?{query}")


def test_a_new_org_and_an_unknown_one(scenario: Scenario) -> None:
    staff, org = scenario.staff(), scenario.org()
    read(staff, f"/admin/orgs/{org.id}/timeline?kind=stripe")
    assert staff.get("/admin/orgs/00000000-0000-7000-8000-00000000dead/timeline").status_code == 404
    assert org.browser().get(f"/admin/orgs/{org.id}/timeline").status_code == 404


def test_the_newest_entries_of_a_long_log_are_read_by_an_index(busy: Org) -> None:
    session = busy.session
    asked: dict[str, Any] = {"id": busy.id, "until": busy.now + timedelta(days=1)}
    session.execute(text("SET LOCAL enable_seqscan = off"))
    for view in ("audit_timeline", "mail_timeline"):
        newest = f'SELECT * FROM {view} WHERE org_id = :id AND at <= :until ORDER BY at DESC, key COLLATE "C" DESC'
        plan = "\n".join(row[0] for row in session.execute(text(f"EXPLAIN {newest} LIMIT 51"), asked))
        assert "Seq Scan" not in plan, plan
        assert re.search(r"(?<!Incremental )Sort  ", plan) is None, plan  # keys are sorted within an instant only
    session.rollback()
