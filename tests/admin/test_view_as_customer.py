"""Staff see a customer's own pages, read-only: bannered, audited, for a bounded time, of one organisation alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.routing import Rule as Route

from app.accounts.sign_in.viewing import VIEW_LASTS, open_view, sweep_views
from app.accounts.tasks import sweep
from app.audit.queries import list_entries
from app.factory.access import ACCESS
from app.factory.middleware import SAFE_METHODS
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.web.database import transaction
from app.web.errors import MACHINE_PREFIXES
from tests import factories
from tests.admin.test_pages import press, read
from tests.pages import send
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import payer
from tests.support.roles import BY_HAND

LEAVING = {"accounts.stop_viewing", "accounts.sign_out"}
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|CALL|TRUNCATE)\b", re.IGNORECASE)


@pytest.fixture
def shown(scenario: Scenario) -> Org:
    return payer(scenario)


def member_of_staff(scenario: Scenario, *, org: bool = False) -> tuple[UUID, FlaskClient]:
    """One of the staff; with `org`, also the owner of an organisation of their own."""
    user = factories.make_user(scenario.session, staff=True).id
    home = scenario.org(owner=False).id if org else None
    if home is not None:
        scenario.session.execute(
            text("INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:org, :user, 'owner', now())"),
            {"org": home, "user": user},
        )
        scenario.session.commit()
    return user, scenario.browser(user, home)


def view(staff: FlaskClient, org: Org) -> None:
    status, _ = press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/view")
    assert status == 303


def name_of(org: Org) -> str:
    return str(org.session.scalar(text("SELECT name FROM orgs WHERE id = :id"), {"id": org.id}))


def acts(org: Org) -> list[tuple[str, Any]]:
    with org.scenario.app.app_context():
        entries = [entry.act for entry in list_entries(org.session, org.id, limit=200)]
    return [(act.action, act.actor_id) for act in reversed(entries) if act.action.startswith("org.view_")]


def later(scenario: Scenario, by: timedelta) -> None:
    """Age the open views: the wall clock of tests stands still."""
    scenario.session.rollback()
    scenario.session.execute(BY_HAND)
    scenario.session.execute(
        text("UPDATE org_views SET ends_at = ends_at - :by, opened_at = opened_at - :by"), {"by": by}
    )
    scenario.session.commit()


def addresses(org: Org, route: Route) -> str:
    known = {"org_id": str(org.id), "user_id": str(org.owner)}
    made_up = "00000000-0000-7000-8000-00000000dead"
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda found: known.get(found[1], made_up), route.rule)


def routes(scenario: Scenario, *, safe: bool) -> Iterator[tuple[Route, str]]:
    for route in sorted(scenario.app.url_map.iter_rules(), key=lambda each: each.rule):
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            if (method in SAFE_METHODS) == safe:
                yield route, method


@pytest.fixture
def tokenless(scenario: Scenario) -> Iterator[None]:
    scenario.app.config["WTF_CSRF_ENABLED"] = False
    yield
    scenario.app.config["WTF_CSRF_ENABLED"] = True


def test_staff_see_the_customers_pages_under_a_banner_that_leads_back(shown: Org) -> None:
    _, staff = member_of_staff(shown.scenario)
    view(staff, shown)
    name = name_of(shown)
    for path in ("/dashboard", "/usage", "/billing", "/plans", "/settings/org", "/settings/members", "/nothing-here"):
        answer = staff.get(path, follow_redirects=True)
        page = answer.get_data(as_text=True)
        assert answer.status_code == (404 if path == "/nothing-here" else 200), path
        assert f"You are viewing the pages of <strong>{name}</strong>" in page, path
        assert 'action="/viewing/stop"' in page, path
    answer = send(staff, "/viewing/stop", "/dashboard")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/admin/orgs/{shown.id}")
    assert "You are viewing" not in read(staff, f"/admin/orgs/{shown.id}")


def test_the_pages_are_those_of_a_viewer(shown: Org) -> None:
    _, staff = member_of_staff(shown.scenario, org=True)
    view(staff, shown)
    page = read(staff, "/dashboard")
    assert name_of(shown) in page
    assert 'href="/admin"' not in page
    assert 'action="/orgs/switch"' not in page
    assert staff.get("/settings/keys/new").status_code == 403


@pytest.mark.usefixtures("tokenless")
def test_every_writing_request_is_refused(shown: Org) -> None:
    """Each address of the URL map, each method that writes. Nothing is written but the log of the request itself."""
    scenario = shown.scenario
    _, staff = member_of_staff(scenario, org=True)
    view(staff, shown)
    wrong, asked = [], 0
    for route, method in routes(scenario, safe=False):
        if route.endpoint in LEAVING:
            continue
        asked += 1
        with scenario.statements() as done:
            answer = staff.open(addresses(shown, route), method=method, data={"next": "/"})
        machine = route.rule.startswith(MACHINE_PREFIXES)
        refused = answer.status_code in ({400, 401} if machine else {403})
        written = [each for each in done if WRITES.match(each)]
        if not refused or written:
            wrong.append((method, route.rule, answer.status_code, written))
    assert wrong == []
    assert asked > 80
    assert read(staff, "/dashboard").count("You are viewing") == 1


@pytest.mark.slow
def test_every_reading_request_shows_that_org_or_is_refused_and_writes_nothing_but_the_audit(shown: Org) -> None:
    scenario = shown.scenario
    _, staff = member_of_staff(scenario, org=True)
    view(staff, shown)
    wrong = []
    for route, method in routes(scenario, safe=True):
        rule = ACCESS[route.endpoint]
        if route.rule.startswith(MACHINE_PREFIXES) or route.endpoint == "static":
            continue
        with scenario.statements() as done:
            answer = staff.open(addresses(shown, route), method=method)
        written = [each for each in done if WRITES.match(each) and "audit_" not in each]
        inside = rule.admits_viewing(safe=True)
        fits = answer.status_code != 403 if inside else answer.status_code in {403, 404}
        if not fits or answer.status_code >= 500 or written:
            wrong.append((route.rule, rule.kind, inside, answer.status_code, written))
    assert wrong == []


def test_staffs_own_pages_and_other_orgs_are_out_of_reach(shown: Org) -> None:
    other = payer(shown.scenario)
    _, staff = member_of_staff(shown.scenario, org=True)
    view(staff, shown)
    for path in ("/admin", f"/admin/orgs/{other.id}", f"/admin/orgs/{shown.id}", "/settings", "/settings/sessions"):
        answer = staff.get(path)
        assert answer.status_code == 403, path
        assert "Stop viewing" in answer.get_data(as_text=True)
    for path in (f"/billing?org={other.id}", f"/dashboard?org_id={other.id}"):
        assert name_of(other) not in staff.get(path, headers={"Tollkeeper-Organization": str(other.id)}).text


def test_no_secret_is_shown(shown: Org) -> None:
    assert shown.key
    row = shown.session.execute(text("SELECT prefix, last4 FROM api_keys WHERE org_id = :id"), {"id": shown.id}).one()
    _, staff = member_of_staff(shown.scenario)
    view(staff, shown)
    page = staff.get("/settings/keys").get_data(as_text=True)
    assert row.prefix not in page
    assert f"…{row.last4}" not in page


def test_opening_and_closing_are_audited_once(shown: Org) -> None:
    user, staff = member_of_staff(shown.scenario)
    view(staff, shown)
    assert acts(shown) == [("org.view_opened", user)]
    send(staff, "/viewing/stop", "/dashboard")
    assert acts(shown) == [("org.view_opened", user), ("org.view_closed", user)]
    send(staff, "/viewing/stop", f"/admin/orgs/{shown.id}")
    assert len(acts(shown)) == 2


def test_what_is_exported_while_viewing_is_audited_as_staffs(shown: Org) -> None:
    user, staff = member_of_staff(shown.scenario)
    view(staff, shown)
    assert staff.get("/billing/history.csv").status_code == 200
    with shown.scenario.app.app_context():
        (entry,) = list_entries(shown.session, shown.id, action="billing_history.exported")
    assert (entry.act.actor_kind, entry.act.actor_id, entry.act.acting_for) == ("staff", user, shown.id)


def test_a_view_ends_by_itself_and_what_was_sent_too_late_is_not_done(shown: Org) -> None:
    user, staff = member_of_staff(shown.scenario, org=True)
    view(staff, shown)
    token = re.search(r'name="csrf_token" value="([^"]+)"', read(staff, "/dashboard"))
    assert token is not None
    later(shown.scenario, VIEW_LASTS)
    answer = staff.post("/settings/org", data={"csrf_token": token[1], "name": "Hijacked", "time_zone": "UTC"})
    assert answer.status_code == 403
    assert "has ended" in answer.get_data(as_text=True)
    assert acts(shown)[-1] == ("org.view_closed", user)
    assert shown.session.scalar(text("SELECT count(*) FROM orgs WHERE name = 'Hijacked'")) == 0
    assert "You are viewing" not in read(staff, f"/admin/orgs/{shown.id}")


def test_what_was_sent_too_late_is_not_done_though_the_sweep_closed_the_view_before(shown: Org) -> None:
    scenario = shown.scenario
    user, staff = member_of_staff(scenario, org=True)
    view(staff, shown)
    token = re.search(r'name="csrf_token" value="([^"]+)"', read(staff, "/dashboard"))
    assert token is not None
    later(scenario, VIEW_LASTS)
    with scenario.app.app_context():
        sweep()
    form = {"csrf_token": token[1], "name": "Hijacked", "time_zone": "UTC"}
    answer = staff.post("/settings/org", data=form)
    assert (answer.status_code, "has ended" in answer.get_data(as_text=True)) == (403, True)
    assert shown.session.scalar(text("SELECT count(*) FROM orgs WHERE name = 'Hijacked'")) == 0
    assert [act for act, _ in acts(shown)] == ["org.view_opened", "org.view_closed"]
    view(staff, shown)
    assert acts(shown)[-1] == ("org.view_opened", user)


def test_a_page_of_before_takes_no_part_of_another_orgs(shown: Org) -> None:
    """The dashboard asks for its bars every few seconds; in another tab staff begin to view, and stop."""
    _, staff = member_of_staff(shown.scenario, org=True)

    def asked_by(page: str) -> tuple[int, str | None]:
        found = re.search(r"""hx-headers='([^']+)'""", page)
        assert found is not None
        part = staff.get("/dashboard", headers={"HX-Request": "true", "HX-Target": "bars"} | json.loads(found[1]))
        return part.status_code, part.headers.get("HX-Refresh")

    own = read(staff, "/dashboard")
    assert asked_by(own) == (200, None)
    view(staff, shown)
    assert asked_by(own) == (204, "true")
    theirs = read(staff, "/dashboard")
    assert asked_by(theirs) == (200, None)
    send(staff, "/viewing/stop", "/dashboard")
    assert asked_by(theirs) == (204, "true")
    assert asked_by(own) == (200, None)


@pytest.mark.parametrize(("action", "leads_to"), [("/viewing/stop", "/admin/orgs/"), ("/sign-out", "/")])
def test_the_ways_out_stay_open_after_the_end(shown: Org, action: str, leads_to: str) -> None:
    user, staff = member_of_staff(shown.scenario)
    view(staff, shown)
    token = re.search(r'name="csrf_token" value="([^"]+)"', read(staff, "/dashboard"))
    assert token is not None
    later(shown.scenario, VIEW_LASTS)
    answer = staff.post(action, data={"csrf_token": token[1]})
    assert answer.status_code == 303
    assert leads_to in answer.headers["Location"]
    assert acts(shown)[-1] == ("org.view_closed", user)


def test_the_page_after_the_end_is_staffs_own(shown: Org) -> None:
    _, staff = member_of_staff(shown.scenario, org=True)
    view(staff, shown)
    later(shown.scenario, VIEW_LASTS)
    answer = staff.get("/billing")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/admin/orgs/{shown.id}")
    assert "The view has ended" in read(staff, f"/admin/orgs/{shown.id}")


def test_a_view_ends_with_the_session_and_with_the_right(shown: Org) -> None:
    user, staff = member_of_staff(shown.scenario)
    view(staff, shown)
    send(staff, "/sign-out", "/dashboard")
    assert [act for act, _ in acts(shown)] == ["org.view_opened", "org.view_closed"]
    other, again = member_of_staff(shown.scenario)
    view(again, shown)
    shown.session.execute(text("UPDATE users SET staff = false WHERE id = :id"), {"id": other})
    shown.scenario.session.commit()
    assert again.get("/billing").status_code == 303
    assert again.get(f"/admin/orgs/{shown.id}").status_code == 404
    assert user != other


def test_views_that_nobody_closed_are_closed_by_the_sweep(shown: Org) -> None:
    scenario = shown.scenario
    (user, staff), (_, gone) = member_of_staff(scenario), member_of_staff(scenario)
    view(staff, shown)
    view(gone, shown)
    scenario.session.rollback()
    scenario.session.execute(text("DELETE FROM sessions WHERE user_id <> :id"), {"id": user})
    scenario.session.commit()
    with scenario.app.app_context():
        sweep()
    assert [act for act, _ in acts(shown)].count("org.view_closed") == 1
    later(scenario, VIEW_LASTS)
    with scenario.app.app_context():
        sweep()
        with transaction() as session:
            assert sweep_views(session, shown.now) == 0
    assert [act for act, _ in acts(shown)].count("org.view_closed") == 2


def test_the_sweep_waits_for_no_request_that_closes_a_view(shown: Org) -> None:
    """Of two views of an org, a request holds one and waits for the org's log, which the sweep holds for the other."""
    scenario = shown.scenario
    (user, staff), (_, other) = member_of_staff(scenario), member_of_staff(scenario)
    view(staff, shown)
    view(other, shown)
    later(scenario, VIEW_LASTS)
    with psycopg.connect(scenario.app.extensions["tollkeeper"].settings.database_url) as closing:
        assert closing.execute("SELECT FROM org_views WHERE user_id = %s FOR UPDATE", (user,)).rowcount == 1
        with scenario.app.app_context():
            sweep()
        assert acts(shown)[2:] == [("org.view_closed", None)]
    with scenario.app.app_context():
        sweep()
    assert acts(shown)[3:] == [("org.view_closed", None)]


def test_a_view_is_opened_of_an_org_that_is_there_by_staff_and_one_a_session(shown: Org) -> None:
    scenario = shown.scenario
    user, staff = member_of_staff(scenario)
    nobody = "/admin/orgs/00000000-0000-7000-8000-00000000dead/view"
    assert press(staff, f"/admin/orgs/{shown.id}", nobody)[0] == 404
    owner = shown.browser()
    assert send(owner, f"/admin/orgs/{shown.id}/view", "/dashboard").status_code == 404
    view(staff, shown)
    session_id = shown.session.scalar(text("SELECT session_id FROM org_views WHERE user_id = :id"), {"id": user})
    actor = Actor("staff", user, acting_for=shown.id)
    with scenario.app.app_context(), pytest.raises(Conflict), transaction() as session:
        open_view(session, shown.id, user, session_id, actor=actor, now=shown.now)


def test_a_form_sent_from_another_tab_after_the_view_began_is_refused(shown: Org) -> None:
    """The form was rendered for staff; it arrives while they look at the customer's pages."""
    _, staff = member_of_staff(shown.scenario, org=True)
    page = staff.get(f"/admin/orgs/{shown.id}").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    view(staff, shown)
    answer = staff.post(f"/admin/orgs/{shown.id}/suspend", data={"csrf_token": token[1], "reason": "x"})
    assert answer.status_code == 403
    assert shown.session.scalar(text("SELECT suspended_at FROM orgs WHERE id = :id"), {"id": shown.id}) is None
