"""The outbox for staff: emails are found by state, template and recipient; a failed one is sent again, once."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.audit.queries import list_entries
from app.kit.ids import new_id
from app.mail.models import Mail
from app.mail.rendering import list_templates
from app.mail.service import retry_email
from app.web.database import transaction
from tests import factories
from tests.admin.test_pages import press, read
from tests.mail.letters import CONTEXTS
from tests.scenario import Scenario
from tests.today import WRITTEN

FAILED = {"state": "failed", "attempts": 5, "last_error": "ConnectionRefusedError: [Errno 111] Connection refused"}
SENT = {"state": "sent", "sent_at": WRITTEN + timedelta(seconds=3), "body_text": None, "body_html": None}


def post(scenario: Scenario, **fields: Any) -> Mail:
    """An email in the outbox, waiting unless the fields say otherwise."""
    mail_id = new_id()
    values = {
        "id": mail_id, "key": f"k:{mail_id}", "template": "reset_password", "to_address": "ada@example.com",
        "subject": f"Subject {mail_id}", "body_text": "secret-link", "body_html": "secret-link", "state": "waiting",
        "attempts": 0, "last_error": None, "claimed_until": None, "created_at": WRITTEN, "sent_at": None,
    } | fields  # fmt: skip
    with scenario.app.app_context(), transaction() as session:
        session.add(Mail(**values))
    return Mail(**values)


def address() -> str:
    return f"{factories.unique('to')}@example.com".lower()


def found(scenario: Scenario, mail_id: UUID) -> Mail:
    scenario.session.rollback()
    return scenario.session.get_one(Mail, mail_id, populate_existing=True)


def tasks(scenario: Scenario, mail_id: UUID) -> int:
    scenario.session.rollback()
    asked = "SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'mail_id' = :id"
    return int(scenario.session.scalar(text(asked), {"id": str(mail_id)}) or 0)


def test_nobody_else_finds_the_outbox(scenario: Scenario) -> None:
    assert scenario.org().browser().get("/admin/mail").status_code == 404
    assert scenario.app.test_client().get("/admin/mail").status_code == 303


@pytest.mark.parametrize(("fields", "words"), [({}, "Waiting"), (SENT, "Sent"), (FAILED, "Failed")])
def test_emails_are_found_by_their_state(scenario: Scenario, fields: dict[str, Any], words: str) -> None:
    to = address()
    mine = post(scenario, to_address=to, **fields)
    others = [post(scenario, to_address=to, **each) for each in ({}, SENT, FAILED) if each != fields]
    page = read(scenario.staff(), f"/admin/mail?state={mine.state}&to={to}")
    assert mine.subject in page
    assert words in page.partition(mine.subject)[2]
    assert not any(each.subject in page for each in others)


def test_emails_are_found_by_template_and_recipient(scenario: Scenario) -> None:
    to = address()
    mine, other = post(scenario, to_address=to, template="invitation"), post(scenario, to_address=to)
    elsewhere = post(scenario, template="invitation")
    staff = scenario.staff()
    page = read(staff, f"/admin/mail?to={to.upper()}&template=invitation")
    assert mine.subject in page
    assert other.subject not in page
    assert elsewhere.subject not in page
    assert other.subject in read(staff, f"/admin/mail?to={to}")
    assert "No emails match these filters." in read(staff, f"/admin/mail?to={address()}")


def test_a_failed_email_says_why_and_no_body_is_shown(scenario: Scenario) -> None:
    to = address()
    mine = post(scenario, to_address=to, **FAILED)
    page = read(scenario.staff(), f"/admin/mail?to={to}")
    assert "Connection refused" in page
    assert to in page
    assert "secret-link" not in page
    assert f"/admin/mail/{mine.id}/retry" in page
    post(scenario, to_address=to, **SENT)
    assert read(scenario.staff(), f"/admin/mail?to={to}").count("/retry") == 1


@pytest.mark.parametrize("query", ["state=none", "template=%00", "to=%00", "to=%25", "before=x",
                                   "before=00000000-0000-7000-8000-000000000000"])  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_the_outbox(scenario: Scenario, query: str) -> None:
    read(scenario.staff(), f"/admin/mail?{query}")


def test_emails_are_paged_newest_first(scenario: Scenario) -> None:
    to = address()
    sent = [post(scenario, to_address=to).subject for _ in range(53)]
    staff = scenario.staff()
    first = read(staff, f"/admin/mail?to={to}")
    following = re.search(r'href="(/admin/mail\?[^"]*before=[^"]+)"[^>]*rel="next"', first)
    assert following is not None
    second = read(staff, following[1])
    assert [name for page in (first, second) for name in re.findall(r"Subject [0-9a-f-]{36}", page)] == sent[::-1]


def test_a_failed_email_is_sent_again_by_a_press_which_is_audited(scenario: Scenario) -> None:
    to = address()
    mine = post(scenario, to_address=to, **FAILED)
    staff, page = scenario.staff(), f"/admin/mail?state=failed&to={to}"
    status, _ = press(staff, page, f"/admin/mail/{mine.id}/retry?state=failed&to={to}")
    assert status == 303
    assert (found(scenario, mine.id).state, found(scenario, mine.id).attempts) == ("waiting", 0)
    assert tasks(scenario, mine.id) == 1
    assert "The email is queued again." in read(staff, page)
    (entry,) = list_entries(scenario.session, None, action="email.retried", on=("email", mine.id))
    assert (entry.act.actor_kind, entry.act.before, entry.personal["to"]) == ("staff", {"state": "failed"}, to)


@pytest.mark.parametrize("fields", [{}, SENT])
def test_an_email_that_has_not_failed_is_not_sent_again(scenario: Scenario, fields: dict[str, Any]) -> None:
    mine = post(scenario, to_address=address(), **fields)
    staff = scenario.staff()
    assert press(staff, "/settings", f"/admin/mail/{mine.id}/retry")[0] == 303
    assert "This email has not failed." in read(staff, "/admin/mail")
    assert found(scenario, mine.id).state == mine.state
    assert tasks(scenario, mine.id) == 0
    assert list_entries(scenario.session, None, action="email.retried", on=("email", mine.id)) == []


def test_a_press_without_its_token_and_of_an_unknown_email_does_nothing(scenario: Scenario) -> None:
    mine = post(scenario, **FAILED)
    staff = scenario.staff()
    assert staff.post(f"/admin/mail/{mine.id}/retry").status_code == 403
    assert press(staff, "/settings", f"/admin/mail/{new_id()}/retry")[0] == 404
    assert found(scenario, mine.id).state == "failed"


def test_two_presses_at_once_queue_it_once(scenario: Scenario) -> None:
    """The second waits for the first one's lock and then finds the email waiting."""
    mine = post(scenario, to_address=address(), **FAILED)
    done: list[bool] = []

    def second() -> None:
        with scenario.app.app_context(), transaction() as session:
            done.append(retry_email(session, mine.id) is not None)

    with scenario.app.app_context(), transaction() as session:
        assert retry_email(session, mine.id) is not None
        other = threading.Thread(target=second)
        other.start()
    other.join(10)
    assert done == [False]
    assert tasks(scenario, mine.id) == 1


def test_the_outbox_asks_the_database_little(scenario: Scenario) -> None:
    staff = scenario.staff()
    post(scenario, **FAILED)
    read(staff, "/admin/mail")
    with scenario.statements() as asked:
        read(staff, "/admin/mail?state=failed")
    assert len(asked) <= 6, asked


def test_every_email_can_be_filtered_by() -> None:
    assert set(list_templates()) == set(CONTEXTS)
