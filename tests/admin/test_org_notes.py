"""Staff's notes on an organisation: written, listed and deleted; bounded, audited, and nothing of a customer's."""

from __future__ import annotations

import re
import threading
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.accounts.orgs.notes import MOST_NOTES, write_note
from app.audit.queries import list_entries
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.web.database import transaction
from tests import factories
from tests.admin.test_pages import press, read
from tests.scenario import Org, Scenario

WORDS = "Asked for an invoice in CHF.\nCalls back on Monday."


def address(org: Org) -> str:
    return f"/admin/orgs/{org.id}/notes"


def member_of_staff(scenario: Scenario, **more: Any) -> tuple[UUID, FlaskClient]:
    user = factories.make_user(scenario.session, staff=True, **more).id
    return user, scenario.browser(user)


def notes(org: Org) -> list[UUID]:
    return [row[0] for row in org.session.execute(text("SELECT id FROM org_notes WHERE org_id = :id"), {"id": org.id})]


def fill(scenario: Scenario, org: Org, author: UUID, count: int) -> None:
    with scenario.app.app_context(), transaction() as session:
        for number in range(count):
            actor = Actor("staff", author, acting_for=org.id)
            write_note(session, org.id, f"Note {number:03}", actor=actor, now=scenario.clock.at)


def test_a_note_is_written_and_listed_with_its_author(scenario: Scenario) -> None:
    org, (_, staff) = scenario.org(), member_of_staff(scenario, name="Stella Staff")
    status, _ = press(staff, address(org), address(org), note=WORDS.replace("\n", "\r\n"))
    assert status == 303
    page = read(staff, address(org))
    assert WORDS in page
    assert "Stella Staff" in page
    assert "Notes (1)" in read(staff, f"/admin/orgs/{org.id}")


def test_writing_and_deleting_are_audited_without_the_words(scenario: Scenario) -> None:
    org, (user, staff) = scenario.org(), member_of_staff(scenario)
    press(staff, address(org), address(org), note=WORDS)
    (note,) = notes(org)
    press(staff, address(org), f"{address(org)}/{note}/delete")
    assert notes(org) == []
    with scenario.app.app_context():
        acts = [entry.act for entry in list_entries(org.session, org.id) if entry.act.object_type == "note"]
    assert [(act.action, act.object_id, act.actor_id, act.actor_kind) for act in acts] == [
        ("note.deleted", str(note), user, "staff"), ("note.written", str(note), user, "staff"),
    ]  # fmt: skip
    assert all(WORDS[:10] not in str((act.before, act.after)) for act in acts)


def test_another_of_staff_cannot_delete_a_note_and_an_owner_of_staff_can(scenario: Scenario) -> None:
    org, (_, author) = scenario.org(), member_of_staff(scenario)
    press(author, address(org), address(org), note=WORDS)
    (note,) = notes(org)
    (_, other), (_, chief) = member_of_staff(scenario), member_of_staff(scenario, staff_owner=True)
    assert f"{note}/delete" not in read(other, address(org))
    status, page = press(other, address(org), f"{address(org)}/{note}/delete")
    assert status == 403
    assert "wrote it" in page
    assert notes(org) == [note]
    assert f"{note}/delete" in read(chief, address(org))
    assert press(chief, address(org), f"{address(org)}/{note}/delete")[0] == 303
    assert notes(org) == []


def test_a_note_is_deleted_once_and_only_at_its_own_org(scenario: Scenario) -> None:
    org, other, (_, staff) = scenario.org(), scenario.org(), member_of_staff(scenario)
    press(staff, address(org), address(org), note=WORDS)
    (note,) = notes(org)
    assert press(staff, address(other), f"{address(other)}/{note}/delete")[0] == 404
    assert notes(org) == [note]
    press(staff, address(org), f"{address(org)}/{note}/delete")
    assert press(staff, address(org), f"{address(org)}/{note}/delete")[0] == 404


@pytest.mark.parametrize("words", ["", " \r\n ", "\u0301\r\n\u0301", "x" * 4001, "hid\u202eden"])
def test_what_is_no_note_is_refused_and_kept_in_the_form(scenario: Scenario, words: str) -> None:
    org, (_, staff) = scenario.org(), member_of_staff(scenario)
    status, page = press(staff, address(org), address(org), note=words)
    assert status == 422
    assert "There is a problem" in page or "field-error" in page
    assert words.strip().replace("\r", "") in page
    assert notes(org) == []


def test_an_org_has_a_bounded_number_of_notes(scenario: Scenario) -> None:
    org, (user, staff) = scenario.org(), member_of_staff(scenario)
    fill(scenario, org, user, MOST_NOTES)
    status, page = press(staff, address(org), address(org), note=WORDS)
    assert status == 422
    assert f"{MOST_NOTES} notes" in page
    assert len(notes(org)) == MOST_NOTES


@pytest.mark.slow
def test_the_bound_holds_for_notes_written_at_once(scenario: Scenario) -> None:
    org, (user, _) = scenario.org(), member_of_staff(scenario)
    fill(scenario, org, user, MOST_NOTES - 1)
    refused: list[Conflict] = []

    def write() -> None:
        try:
            fill(scenario, org, user, 1)
        except Conflict as full:
            refused.append(full)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(notes(org)), len(refused)) == (MOST_NOTES, 3)


def test_notes_are_paged_newest_first(scenario: Scenario) -> None:
    org, (user, staff) = scenario.org(), member_of_staff(scenario)
    fill(scenario, org, user, 30)
    first = read(staff, address(org))
    following = re.search(r'href="([^"]*before=[^"]+)" rel="next"', first)
    assert following is not None
    found = re.findall(r"Note (\d{3})", first + read(staff, following[1]))
    assert found == [f"{number:03}" for number in reversed(range(30))]


def test_customers_find_no_notes_and_none_of_them_is_on_their_pages(scenario: Scenario) -> None:
    org, (user, _) = scenario.org(), member_of_staff(scenario)
    fill(scenario, org, user, 1)
    browser = org.browser()
    assert browser.get(address(org)).status_code == 404
    assert browser.post(address(org), data={"note": "x"}).status_code in {403, 404}
    for path in ("/dashboard", "/billing", "/settings/organisation", "/settings/members"):
        assert "Note 000" not in browser.get(path, follow_redirects=True).get_data(as_text=True)


def test_the_look_at_notes_is_audited_and_takes_at_most_six_statements(scenario: Scenario) -> None:
    org, (user, staff) = scenario.org(), member_of_staff(scenario)
    fill(scenario, org, user, 3)
    read(staff, address(org))
    with scenario.app.app_context():
        assert list_entries(org.session, org.id, action="org.viewed", actor_id=user)
    with scenario.statements() as asked:
        read(staff, address(org))
    assert len(asked) <= 6, asked
