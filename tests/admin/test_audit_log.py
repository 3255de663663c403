"""The audit log for staff: a chain is found, searched, opened and verified."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.accounts.reads import VIEWED
from app.admin.audit_log import view
from app.audit.models import AuditEntry
from app.audit.queries import list_entries
from app.audit.service import erase_person, write
from app.audit.verify import ChainProblem, ChainStretch
from app.kit.actor import SYSTEM, Actor
from app.web.database import transaction
from tests import factories
from tests.admin.test_pages import press, read
from tests.scenario import Org, Scenario
from tests.today import WRITTEN


def note(scenario: Scenario, org: Org | None, action: str = "thing.done", **fields: Any) -> int:
    """Write an entry to the org's chain, without one to the installation's."""
    values = {"on": ("thing", uuid4()), "after": {"size": 7}, "now": WRITTEN} | fields
    with scenario.app.app_context(), transaction() as session:
        return write(session, values.pop("by", SYSTEM), action, org_id=org.id if org else None, **values)


def get(scenario: Scenario, query: str = "", status: int = 200) -> Any:
    answer = scenario.app.test_client().get(f"/api/v1/admin/audit{query}", headers=scenario.api("admin:read"))
    assert answer.status_code == status, answer.text
    return answer.get_json()


def tamper(scenario: Scenario, sql: str, org: Org) -> None:
    """Change the chain as a superuser could, with the triggers out of the way."""
    with scenario.app.app_context(), transaction() as session:
        factories.allow_any_change(session)
        session.execute(text(sql), {"chain": str(org.id)})


@pytest.mark.parametrize("path", ["/admin/audit", "/admin/audit/1"])
def test_nobody_else_finds_the_audit_log(scenario: Scenario, path: str) -> None:
    assert scenario.org().browser().get(path).status_code == 404
    assert scenario.app.test_client().get(path).status_code == 303
    answer = scenario.app.test_client().get("/api/v1/admin/audit", headers=scenario.org().api())
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")


def test_without_an_organisation_it_is_the_installations_chain(scenario: Scenario) -> None:
    action = factories.unique("installation").replace("-", "_")
    note(scenario, None, action)
    note(scenario, scenario.org(), f"{action}.elsewhere")
    page = read(scenario.staff(), f"/admin/audit?action={action}")
    assert f">{action}</a>" in page
    assert f"{action}.elsewhere" not in page


def test_a_chain_is_found_by_id_and_by_name(scenario: Scenario) -> None:
    name = factories.unique("Chained")
    org = scenario.org(name=f"{name} One")
    note(scenario, org, "thing.found")
    staff = scenario.staff()
    for search in (str(org.id), f"{name} One"):
        page = read(staff, f"/admin/audit?org={search}")
        assert "thing.found" in page
        assert f'aria-current="page">{name} One' in page
    other = scenario.org(name=f"{name} Two")
    choices = read(staff, f"/admin/audit?org={name}&action=thing.")
    assert "thing.found" not in choices
    for each in (org, other):
        assert f"/admin/audit?org={each.id}&action=thing." in choices
    assert "No organisation matches" in read(staff, f"/admin/audit?org={uuid4()}")


def test_the_look_at_an_organisation_is_audited_in_its_chain(scenario: Scenario) -> None:
    for path in ("/admin/audit?org={org}", "/admin/audit/{entry}", "/api"):
        org = scenario.org()
        entry = note(scenario, org)
        if path == "/api":
            get(scenario, f"?org={org.id}")
        else:
            read(scenario.staff(), path.format(org=org.id, entry=entry))
        scenario.session.rollback()
        assert [look.act.acting_for for look in list_entries(scenario.session, org.id, action=VIEWED)] == [org.id]


def test_entries_are_found_by_action_actor_and_object(scenario: Scenario) -> None:
    org = scenario.org()
    user = org.owner
    with scenario.app.app_context():
        email = scenario.session.get_one(factories.User, user).email
    mine = note(scenario, org, "thing.mine", by=Actor("user", user), on=("thing", "t-1"))
    other = note(scenario, org, "other.done")
    staff = scenario.staff()
    searches = ("action=thing.", "action=thing.mine", f"actor={user}", f"actor={email.upper()}", "object=t-1")
    for search in (*searches, "object=thing:t-1", f"actor={email}&action=thing.mine&object=t-1"):
        page = read(staff, f"/admin/audit?org={org.id}&{search}")
        assert f'href="/admin/audit/{mine}"' in page, search
        assert f'href="/admin/audit/{other}"' not in page, search
    assert f'href="/admin/audit/{other}"' in read(staff, f"/admin/audit?org={org.id}&actor=SYSTEM")
    assert f'href="/admin/audit/{mine}"' not in read(staff, f"/admin/audit?org={org.id}&actor=system")
    assert "None of the entries searched match." in read(staff, f"/admin/audit?org={org.id}&actor=nobody")


@pytest.mark.parametrize("query", ["action=%00", "action=%25", "actor=%27+OR+1%3D1", "object=x%00y", "next=garbage",
                                   "next=99999999999999999999", "next=0", "next=-1", "org=%00",
                                   "org=%25%25nothing"])  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_the_log(scenario: Scenario, query: str) -> None:
    read(scenario.staff(), f"/admin/audit?{query}")


def test_a_chain_is_paged_newest_first(scenario: Scenario) -> None:
    org = scenario.org()
    ids = [note(scenario, org) for _ in range(53)]
    staff = scenario.staff()
    first = read(staff, f"/admin/audit?org={org.id}&object=thing")
    following = re.search(r'href="(/admin/audit\?[^"]*next=\d+)"[^>]*rel="next"', first)
    assert following is not None
    second = read(staff, following[1])
    shown = [int(entry) for page in (first, second) for entry in re.findall(r'href="/admin/audit/(\d+)"', page)]
    assert shown == ids[::-1]
    assert "First page" in second


def test_an_entry_opens_to_what_changed_and_who_did_it_when(scenario: Scenario) -> None:
    org = scenario.org()
    with scenario.app.app_context():
        name = scenario.session.get_one(factories.User, org.owner).name
    by = Actor("user", org.owner, request_id="req-audit-7", address="203.0.113.9")
    entry = note(
        scenario, org, "plan.assigned", by=by, personal={"name": "<b>Ada</b>"},
        before={"plan": "free", "seats": 3, "limits": {"a": 1, "b": 2}},
        after={"plan": "pro", "seats": 3, "limits": {"a": 1, "b": 5}, "trial": None},
    )  # fmt: skip
    staff = scenario.staff()
    page = read(staff, f"/admin/audit/{entry}")
    for words in ("plan.assigned", name, "req-audit-7", "203.0.113.9", "<b>Ada</b>", "free", "pro", '{"b": 5}', "null"):
        assert words in page, words
    assert "<b>Ada</b>" not in staff.get(f"/admin/audit/{entry}").get_data(as_text=True)
    assert ">seats<" not in page
    assert page.count("<time") >= 2
    assert staff.get("/admin/audit/99999999999999999999999").status_code == 404
    assert staff.get("/admin/audit/999999999999").status_code == 404


def test_an_erased_personal_part_is_said_to_be_erased(scenario: Scenario) -> None:
    org, person = scenario.org(), uuid4()
    entry = note(scenario, org, by=Actor("user", person, address="203.0.113.9"))
    bare = note(scenario, org)
    with scenario.app.app_context(), transaction() as session:
        erase_person(session, person)
    staff = scenario.staff()
    assert "Erased. The rest of the entry is kept." in read(staff, f"/admin/audit/{entry}")
    assert "Erased." not in read(staff, f"/admin/audit/{bare}")
    found = {each["seq"]: each for each in get(scenario, f"?org={org.id}&object=thing")["entries"]}
    assert [(found[seq]["erased"], found[seq]["personal"]) for seq in sorted(found)] == [(True, None), (False, None)]


def verify(scenario: Scenario, org: Org | None) -> str:
    page = f"/admin/audit?org={org.id}" if org else "/admin/audit"
    status, answer = press(scenario.staff(), page, page)
    assert status == 200, answer
    return answer


def test_a_press_verifies_the_chain_that_is_shown(scenario: Scenario) -> None:
    org = scenario.org()
    for _ in range(3):
        note(scenario, org, "thing.chained")
    assert re.search(r"All \d+ entries are intact\.", verify(scenario, org))
    tamper(scenario, "UPDATE audit_entries SET after = NULL WHERE chain = :chain AND action = 'thing.chained'", org)
    answer = verify(scenario, org)
    assert re.search(r"Entry \d+: changed after it was written\.", answer)
    assert view.ALTERED in answer
    assert "intact" in verify(scenario, None).lower()


@pytest.mark.parametrize(
    ("query", "fields"),
    [("?org=nope", {}), (f"?org={UUID(int=7)}", {}), ("", {"first": "x"}), ("", {"first": "9" * 20})],
)
def test_what_is_no_chain_is_not_verified(scenario: Scenario, query: str, fields: dict[str, str]) -> None:
    assert press(scenario.staff(), "/admin/audit", f"/admin/audit{query}", **fields)[0] == 404


def test_a_long_chain_is_verified_press_by_press(scenario: Scenario) -> None:
    org = scenario.org()
    last = [note(scenario, org) for _ in range(3)] and list_entries(scenario.session, org.id, limit=1)[0].act.seq
    status, answer = press(scenario.staff(), "/admin/audit", f"/admin/audit?org={org.id}", first=str(last))
    assert (status, f"Entries {last} to {last}, the newest, are intact." in answer) == (200, True)


def test_a_press_without_its_token_verifies_nothing(scenario: Scenario) -> None:
    assert scenario.staff().post("/admin/audit").status_code == 403


@pytest.mark.parametrize(
    ("stretch", "words", "following"),
    [
        (ChainStretch(1, 0, 0, True, None), "There are no entries to verify.", None),
        (ChainStretch(1, 1, 1, True, None), "The only entry is intact.", None),
        (ChainStretch(1, 1234, 1234, True, None), "All 1,234 entries are intact.", None),
        (ChainStretch(1, 5000, 12345, False, None), "Entries 1 to 5,000 of 12,345 are intact.",
         "Verify the next 5,000"),
        (ChainStretch(5001, 10000, 12345, False, None), "Entries 5,001 to 10,000 of 12,345 are intact.",
         "Verify the next 2,345"),
        (ChainStretch(10001, 12345, 12345, True, None), "Entries 10,001 to 12,345, the newest, are intact.", None),
    ],
)  # fmt: skip
def test_what_a_stretch_came_to_is_said(stretch: ChainStretch, words: str, following: str | None) -> None:
    found = view.describe_stretch(stretch)
    assert (found.words, found.intact) == (words, True)
    assert (found.next_label if found.next_first else None, found.next_first) == (
        following, stretch.last + 1 if following else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "checked"),
    [(0, "No entry before it was checked."), (1, "Entry 1 is intact."), (2000, "Entries 1 to 2,000 are intact.")],
)
def test_the_first_bad_entry_is_named_with_what_was_checked(last: int, checked: str) -> None:
    found = view.describe_stretch(ChainStretch(1, last, 9000, False, ChainProblem("x", last + 1, None, "missing")))
    assert found.words == f"Entry {last + 1:,}: missing. {checked} {view.ALTERED}"
    assert not found.intact
    assert found.next_first is None


def test_the_call_lists_what_the_page_lists(scenario: Scenario) -> None:
    org = scenario.org()
    by = Actor("key", uuid4(), request_id="req-8", address="203.0.113.4")
    note(scenario, org, "thing.called", by=by, on=("thing", "t-9"), before={"a": 1}, after={"a": 2, "b": 1})
    answer = get(scenario, f"?org={org.id}&action=thing.")
    assert answer["chain"] == str(org.id)
    (entry,) = answer["entries"]
    assert (entry["before"], entry["after"], entry["request_id"]) == ({"a": 1}, {"a": 2, "b": 1}, "req-8")
    assert entry["actor"] == {"kind": "key", "id": str(by.id), "acting_for": None}
    assert entry["personal"] == {"address": "203.0.113.4"}
    assert len(entry["hash"]) == len(entry["prev_hash"]) == 64
    assert get(scenario)["chain"] == "installation"


def test_the_call_is_paged_by_cursor(scenario: Scenario) -> None:
    org = scenario.org()
    for _ in range(5):
        note(scenario, org)
    found: list[int] = []
    position = ""
    while True:
        page = get(scenario, f"?org={org.id}&object=thing&limit=2{position}")
        found += [entry["seq"] for entry in page["entries"]]
        if page["next"] is None:
            break
        position = f"&next={page['next']}"
    assert len(found) == 5
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [("?org=nope", 400, "invalid_request"), (f"?org={UUID(int=7)}", 404, "not_found"),
     ("?next=garbage", 400, "invalid_request"), ("?next=WyJ4Il0", 400, "invalid_request"),
     ("?limit=500", 400, "invalid_request"), ("?wrong=1", 400, "invalid_request")],
)  # fmt: skip
def test_a_call_that_makes_no_sense_says_why(scenario: Scenario, query: str, status: int, code: str) -> None:
    assert get(scenario, query, status)["code"] == code


@pytest.mark.parametrize("query", ["", "?org={org}", "?org={org}&actor={owner}&action=thing.", "?org={name}"])
def test_the_log_asks_the_database_little(scenario: Scenario, query: str) -> None:
    name = factories.unique("Counted")
    org, staff = scenario.org(name=name), scenario.staff()
    for _ in range(3):
        note(scenario, org, by=Actor("user", org.owner))
    path = f"/admin/audit{query.format(org=org.id, owner=org.owner, name=name)}"
    read(staff, path)  # the first look of an hour is audited
    with scenario.statements() as asked:
        read(staff, path)
    assert len(asked) <= 6, asked


def test_an_entry_asks_the_database_little(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    entry = note(scenario, org, by=Actor("staff", org.owner, acting_for=org.id))
    read(staff, f"/admin/audit/{entry}")
    with scenario.statements() as asked:
        read(staff, f"/admin/audit/{entry}")
    assert len(asked) <= 6, asked


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [("user", "Ada", "Ada"), ("staff", "Ada", "Ada (staff)"), ("key", "CI", "CI (API key)"), ("user", None, "User"),
     ("key", None, "API key"), ("system", None, "System"), ("visitor", None, "Visitor")],
)  # fmt: skip
def test_an_actor_is_named_with_its_kind(kind: str, name: str | None, words: str) -> None:
    actor = uuid4()
    entry = AuditEntry(actor_kind=kind, actor_id=actor if kind != "system" else None)
    assert view.describe_actor(entry, {actor: name} if name else {}) == words
