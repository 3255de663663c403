"""The settings pages: profile, org, keys, clients; with roles, errors, and nothing more than their fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts import guards, queries
from app.accounts.api_keys.key_form import issue_form_id
from app.accounts.auth_models import ApiKey
from app.accounts.models import Client, Org, User
from app.accounts.orgs import clients
from app.accounts.sign_in import passwords
from app.audit import queries as audit
from app.kit.actor import SYSTEM
from app.kit.errors import DomainError, NotFound
from app.kit.ids import new_id
from app.web.runtime import runtime, wall_now
from tests.accounts.conftest import audited, letters, new_browser
from tests.factories import PASSWORD, bearer, make_key, make_member, make_org, make_user, signed_in, unique
from tests.pages import csrf_token, send
from tests.today import FixedClock

Find = Callable[[str, str], str]
NEW = "eleven yellow submarines"


# profile


def test_the_name_and_the_theme_are_changed(page: FlaskClient, session: Session, owner: User) -> None:
    before = owner.name
    assert send(page, "/settings/profile", name="  Ada  Lovelace ").status_code == 303
    assert send(page, "/settings/theme", theme="dark").status_code == 303
    session.refresh(owner)
    assert (owner.name, owner.theme) == ("Ada  Lovelace", "dark")
    assert 'data-theme="dark"' in page.get("/settings").text
    assert send(page, "/settings/theme", theme="pink").status_code == 422
    (renamed,) = audit.list_entries(session, None, action="user.renamed", on=("user", owner.id))
    assert (renamed.personal["before"], renamed.personal["after"]) == (before, "Ada  Lovelace")


def test_the_theme_is_changed_from_any_page_of_this_site(page: FlaskClient) -> None:
    token = {"csrf_token": csrf_token(page), "theme": "light"}
    for before, after in (
        ("http://localhost/usage?by=day", "/usage?by=day"),
        ("http://evil.example/usage", "/settings"),
        ("http://localhost//evil.example", "/settings"),
        ("", "/settings"),
    ):
        assert page.post("/settings/theme", data=token, headers={"Referer": before}).location == after


def test_no_form_makes_anybody_staff(page: FlaskClient, session: Session, owner: User) -> None:
    extra = {"staff": "1", "is_admin": "1", "email": "root@example.com", "email_verified_at": "", "disabled_at": "1"}
    send(page, "/settings/profile", name="Ada", **extra)
    before = owner.email
    session.refresh(owner)
    assert (owner.staff, owner.email, owner.disabled_at) == (False, before, None)


def test_a_new_password_ends_the_other_devices_and_renews_this_one(
    app: Flask, page: FlaskClient, session: Session, owner: User, org: Org
) -> None:
    other = signed_in(app, session, owner, org)
    before = page.get_cookie("tk_session")
    answer = send(page, "/settings/password", current_password=PASSWORD, new_password=NEW)
    assert answer.status_code == 303
    after = page.get_cookie("tk_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert page.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 303
    thief = app.test_client()
    thief.set_cookie("tk_session", before.value)
    assert thief.get("/settings").status_code == 303
    session.refresh(owner)
    assert passwords.verify_password(owner.password_hash, NEW)
    assert audited(session, "user.password_changed", owner.id) == 1
    assert letters(session, "account_changed", owner.email) == 1


def test_the_present_password_is_asked_for_at_most_ten_times_in_five_minutes(
    page: FlaskClient, wall: FixedClock
) -> None:
    for _ in range(10):
        answer = send(page, "/settings/password", current_password="wrong", new_password=NEW)
        assert (answer.status_code, "This is not your password" in answer.text) == (422, True)
    answer = send(page, "/settings/password", current_password=PASSWORD, new_password=NEW)
    assert "Too many attempts" in answer.text
    wall.advance(timedelta(minutes=5))
    assert send(page, "/settings/password", current_password=PASSWORD, new_password=NEW).status_code == 303


def test_another_address_counts_when_its_link_is_followed(
    page: FlaskClient, session: Session, owner: User, link_in_mail: Find
) -> None:
    old, new = owner.email, f"{unique('moved')}@example.com"
    assert send(page, "/settings/email", new_email=new, password="wrong").status_code == 422
    assert send(page, "/settings/email", new_email=new, password=PASSWORD).status_code == 303
    session.refresh(owner)
    assert owner.email == old
    link = link_in_mail("verify_email", new)
    assert send(page, link, page=link).status_code == 303
    session.refresh(owner)
    assert owner.email == new
    assert letters(session, "account_changed", old) == 1
    assert audited(session, "user.email_changed", owner.id) == 1


def test_an_address_in_use_is_not_betrayed_nor_taken(
    page: FlaskClient, session: Session, owner: User, link_in_mail: Find
) -> None:
    taken = make_user(session).email
    free = f"{unique('free')}@example.com"
    one = send(page, "/settings/email", new_email=taken, password=PASSWORD)
    two = send(page, "/settings/email", new_email=free, password=PASSWORD)
    assert (one.status_code, one.location) == (two.status_code, two.location)
    assert letters(session, "account_exists", taken) == 1
    assert letters(session, "verify_email", taken) == 0
    link = link_in_mail("verify_email", free)
    make_user(session, email=free)  # somebody was faster
    assert send(page, link, page=link).status_code == 409


# the org


def test_the_org_is_changed_by_its_form_and_only_what_the_form_holds(
    page: FlaskClient, session: Session, org: Org
) -> None:
    fields = {"name": "Acme", "time_zone": "Europe/Berlin"}
    extra = {"currency": "USD", "suspended_at": "2020-01-01", "id": str(new_id()), "plan_id": "x", "limit": "9"}
    assert send(page, "/settings/org", **fields, **extra).status_code == 303
    session.refresh(org)
    assert (org.name, org.time_zone) == ("Acme", "Europe/Berlin")
    assert (org.currency, org.suspended_at) == (None, None)
    assert audited(session, "org.changed", org.id) == 1
    send(page, "/settings/org", **fields)
    assert audited(session, "org.changed", org.id) == 1


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe/Berlin\x00"])
def test_only_zones_of_the_list_are_taken(page: FlaskClient, session: Session, org: Org, zone: str) -> None:
    assert send(page, "/settings/org", name="Acme", time_zone=zone).status_code == 422
    session.refresh(org)
    assert org.time_zone == "UTC"


def test_a_viewer_reads_the_org_and_whom_to_ask(app: Flask, session: Session, org: Org, owner: User) -> None:
    viewer = signed_in(app, session, make_member(session, org, "viewer"), org)
    answer = viewer.get("/settings/org")
    assert owner.email in answer.text
    assert 'name="time_zone"' not in answer.text
    assert send(viewer, "/settings/org", name="Mine", time_zone="UTC").status_code == 403


# keys


def make_on_page(page: FlaskClient, **changed: object) -> tuple[str, str]:
    form = page.get("/settings/keys/new").text
    once = re.search(r'name="once" value="([^"]+)"', form)
    assert once
    fields = {"once": once[1], "name": "Server", "scopes": ["usage:write", "usage:read"], "expires": "90", **changed}
    made = send(page, "/settings/keys", **fields)
    secret = re.search(r"tk_live_[0-9A-Za-z]{46}", made.text)
    assert secret, made.text
    return secret[0], made.text


def identify(app: Flask, key: str) -> guards.Caller:
    with app.test_request_context("/api/v1/limits", headers=bearer(key)) as context:
        return guards.identify_key(context.request)


def test_a_key_is_made_shown_once_used_and_revoked_on_pages(
    app: Flask, page: FlaskClient, session: Session, org: Org, owner: User
) -> None:
    assert "No API keys yet" in page.get("/settings/keys").text
    secret, shown = make_on_page(page)
    assert f"Authorization: Bearer {secret}" in shown.replace("&#39;", "'")
    assert "/api/v1/usage/events" in shown
    listed = page.get("/settings/keys").text
    assert secret not in listed
    assert secret[-4:] in listed
    who = identify(app, secret)
    assert (who.org_id, who.scopes) == (org.id, frozenset({"usage:write", "usage:read"}))
    row = session.scalars(select(ApiKey).where(ApiKey.org_id == org.id)).one()
    assert row.created_by == owner.id
    assert row.expires_at == row.created_at + timedelta(days=90)
    assert letters(session, "key_created", owner.email) == 1
    path = f"/settings/keys/{row.id}/revoke"
    assert send(page, path, name="server").status_code == 422
    assert identify(app, secret)
    assert send(page, path, name="Server").status_code == 303
    with pytest.raises(DomainError):
        identify(app, secret)
    assert "Revoked" in page.get("/settings/keys").text
    assert audited(session, "key.created", row.id) == audited(session, "key.revoked", row.id) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": []},
        {"scopes": "admin:write"},
        {"scopes": "everything"},
        {"name": ""},
        {"expires": "100000"},
        {"once": "x"},
    ],
)
def test_a_bad_key_form_makes_none(page: FlaskClient, session: Session, org: Org, changed: dict[str, object]) -> None:
    once = issue_form_id(runtime().settings.secret_key, wall_now())
    fields = {"once": once, "name": "Server", "scopes": "usage:read", "expires": "30", **changed}
    assert send(page, "/settings/keys", **fields).status_code == 422
    assert queries.list_keys(session, org.id) == []


def test_a_key_needs_the_password_of_the_last_ten_minutes(page: FlaskClient, wall: FixedClock) -> None:
    wall.advance(timedelta(minutes=10))
    assert page.get("/settings/keys/new").location == "/confirm-password?next=/settings/keys/new"
    fields = {"once": str(new_id()), "name": "Server", "scopes": "usage:read", "expires": "30"}
    assert send(page, "/settings/keys", **fields).status_code == 303
    confirm = "/confirm-password?next=/settings/keys/new"
    old = page.get_cookie("tk_session")
    assert send(page, confirm, page=confirm, password="wrong").status_code == 422
    assert send(page, confirm, page=confirm, password=PASSWORD).location == "/settings/keys/new"
    new = page.get_cookie("tk_session")
    assert old is not None
    assert new is not None
    assert old.value != new.value
    assert page.get("/settings/keys/new").status_code == 200


@pytest.mark.parametrize("role", ["billing", "member", "viewer"])
def test_keys_are_for_owners_and_admins(app: Flask, session: Session, org: Org, owner: User, role: str) -> None:
    make_key(session, org)
    browser = signed_in(app, session, make_member(session, org, role), org)
    text_ = browser.get("/settings/keys").text
    assert "Test key" not in text_
    assert owner.email in text_
    assert browser.get("/settings/keys/new").status_code == 403


def test_keys_of_another_org_read_as_missing(page: FlaskClient, session: Session) -> None:
    foreign = make_org(session)
    make_key(session, foreign)
    key_id = queries.list_keys(session, foreign.id)[0].key.id
    for path in (f"/settings/keys/{key_id}/revoke", f"/settings/keys/{new_id()}/revoke", "/settings/keys/x/revoke"):
        assert page.get(path).status_code == 404
        assert send(page, path, name="Test key").status_code == 404
    session.rollback()
    assert queries.list_keys(session, foreign.id)[0].key.revoked_at is None


# clients


def test_a_client_is_made_renamed_and_deleted_softly(page: FlaskClient, session: Session, org: Org) -> None:
    assert "No clients yet" in page.get("/settings/clients").text
    assert send(page, "/settings/clients", ref="c-1", name="Client One").status_code == 303
    row = queries.list_clients(session, org.id)[0]
    assert send(page, f"/settings/clients/{row.id}", name="Client 1").status_code == 303
    assert "Client 1" in page.get("/settings/clients").text
    assert send(page, f"/settings/clients/{row.id}/delete").status_code == 303
    assert "Client 1" not in page.get("/settings/clients").text
    session.refresh(row)
    assert row.deleted_at is not None
    assert page.get(f"/settings/clients/{row.id}").status_code == 404
    for action in ("client.created", "client.renamed", "client.deleted"):
        assert audited(session, action, row.id) == 1
    (renamed,) = audit.list_entries(session, org.id, action="client.renamed", on=("client", row.id))
    assert (renamed.personal["before"], renamed.personal["after"]) == ("Client One", "Client 1")


def test_a_reference_is_used_once_and_a_deleted_one_comes_back(page: FlaskClient, session: Session, org: Org) -> None:
    send(page, "/settings/clients", ref="c-1", name="One")
    answer = send(page, "/settings/clients", ref="c-1", name="Two")
    assert (answer.status_code, "already" in answer.text) == (422, True)
    row = queries.list_clients(session, org.id)[0]
    send(page, f"/settings/clients/{row.id}/delete")
    send(page, "/settings/clients", ref="c-1", name="Again")
    session.rollback()
    again = queries.list_clients(session, org.id)
    assert [(each.id, each.name) for each in again] == [(row.id, "Again")]


def test_deleting_and_renaming_a_client_are_taken_back_by_the_message_about_it(
    page: FlaskClient, session: Session, org: Org
) -> None:
    send(page, "/settings/clients", ref="c-1", name="One")
    row = queries.list_clients(session, org.id)[0]
    for path, fields in ((f"/settings/clients/{row.id}", {"name": "Two"}), (f"/settings/clients/{row.id}/delete", {})):
        send(page, path, **fields)
        [(action, hidden)] = undo_forms(page.get("/settings/clients").text)
        assert send(page, action, **hidden).status_code == 303
        assert "One" in page.get("/settings/clients").text, path
    restore = f"/settings/clients/{row.id}/restore"
    assert send(page, restore).status_code == 303, "taking back what was taken back changes nothing"
    assert audited(session, "client.restored", row.id) == 1
    assert undo_forms(page.get("/settings/clients").text) == []


def undo_forms(html: str) -> list[tuple[str, dict[str, str]]]:
    """The forms in messages: where each posts, and its fields."""
    forms = re.findall(r'<div class="flash is-.*?<form[^>]*action="([^"]+)">(.*?)</form>', html, re.DOTALL)
    hidden = re.compile(r'type="hidden" name="(?!csrf_token)([^"]+)" value="([^"]*)"')
    return [(action, dict(hidden.findall(inside))) for action, inside in forms]


def test_a_client_that_an_event_made_is_renamed_when_it_is_made_by_hand(
    page: FlaskClient, session: Session, org: Org
) -> None:
    make = text("SELECT accounts_make_clients(:org, ARRAY[gen_random_uuid()], ARRAY['c-1'], now())")
    session.execute(make, {"org": org.id})
    session.commit()
    (made,) = queries.list_clients(session, org.id)
    assert send(page, "/settings/clients", ref="c-1", name="Client One").status_code == 303
    session.refresh(made)
    assert (made.name, made.made_by_event) == ("Client One", False)
    assert audited(session, "client.renamed", made.id) == 1
    assert send(page, "/settings/clients", ref="c-1", name="Twice").status_code == 422


def test_many_clients_are_found_by_name_and_reference(page: FlaskClient, session: Session, org: Org) -> None:
    session.execute(
        text(
            "SELECT accounts_make_clients(:org, array_agg(gen_random_uuid()), array_agg('ref-' || n), now())"
            " FROM generate_series(1000, 1299) n"
        ),
        {"org": org.id},
    )
    session.commit()
    first = page.get("/settings/clients").text
    assert "The first 200 are listed" in first
    assert "ref-1250" not in first
    assert "ref-1250" in page.get("/settings/clients?q=f-1250").text
    assert "No clients match" in page.get("/settings/clients?q=100%25").text


def test_clients_of_the_list_only_is_a_setting_of_the_org_and_audited(
    page: FlaskClient, session: Session, org: Org
) -> None:
    fields = {"name": "Acme", "time_zone": "UTC"}
    send(page, "/settings/org", **fields)
    before = audited(session, "org.changed", org.id)
    send(page, "/settings/org", **fields, clients_listed_only="y")
    session.refresh(org)
    assert org.clients_listed_only
    assert "checked" in page.get("/settings/org").text
    send(page, "/settings/org", **fields)
    session.refresh(org)
    assert (org.clients_listed_only, audited(session, "org.changed", org.id)) == (False, before + 2)


def test_the_same_reference_in_two_orgs_is_two_clients(session: Session, org: Org) -> None:
    other = make_org(session)
    for each in (org, other):
        clients.create_client(session, each.id, "c-1", "One", actor=SYSTEM, now=wall_now(), created_at=wall_now())
    found = select(Client.org_id).where(Client.ref == "c-1", Client.org_id.in_([org.id, other.id]))
    assert set(session.scalars(found)) == {org.id, other.id}


def test_clients_of_another_org_read_as_missing(page: FlaskClient, session: Session) -> None:
    foreign = make_org(session)
    row = clients.create_client(
        session, foreign.id, "c-1", "Foreign", actor=SYSTEM, now=wall_now(), created_at=wall_now()
    )
    session.commit()
    for client_id in (row.id, new_id()):
        assert page.get(f"/settings/clients/{client_id}").status_code == 404
        assert send(page, f"/settings/clients/{client_id}", name="Mine").status_code == 404
        assert send(page, f"/settings/clients/{client_id}/delete").status_code == 404
    session.refresh(row)
    assert (row.name, row.deleted_at) == ("Foreign", None)
    with pytest.raises(NotFound):
        queries.get_client(session, make_org(session).id, row.id)


@pytest.mark.parametrize(("role", "status"), [("member", 303), ("viewer", 403), ("billing", 403)])
def test_members_keep_clients_and_readers_read_them(
    app: Flask, session: Session, org: Org, owner: User, role: str, status: int
) -> None:
    browser = signed_in(app, session, make_member(session, org, role), org)
    assert browser.get("/settings/clients").status_code == 200
    assert send(browser, "/settings/clients", ref="c-9", name="Nine").status_code == status


# all of them


PAGES = ["", "/org", "/members", "/keys", "/keys/new", "/clients", "/sessions", "/leave"]


@pytest.mark.parametrize("path", PAGES)
def test_a_settings_page_has_one_heading_a_title_and_unique_ids(page: FlaskClient, path: str) -> None:
    answer = page.get(f"/settings{path}")
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert "<title>" in answer.text
    ids = re.findall(r'\sid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    assert answer.headers["Cache-Control"] == "no-store"
    assert " style=" not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_visitor_is_led_to_sign_in_and_back(app: Flask, session: Session, path: str) -> None:
    answer = new_browser(app).get(f"/settings{path}")
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/settings{path}")


def test_names_of_people_and_orgs_are_text_on_every_page(app: Flask, session: Session) -> None:
    evil = "<img src=x onerror=alert(1)>{{7*7}}"
    org = make_org(session, name=evil)
    owner = make_member(session, org)
    owner.name = evil
    session.commit()
    page = signed_in(app, session, owner, org)
    send(page, "/settings/clients", ref=evil, name=evil)
    make_on_page(page, name=evil)
    for path in PAGES:
        shown = page.get(f"/settings{path}").text
        assert "<img" not in shown
        assert "49" not in shown.split("<main")[1].split("</main")[0] or "{{7*7}}" in shown


def test_reading_the_settings_pages_changes_no_row(page: FlaskClient, session: Session, org: Org, owner: User) -> None:
    def rows() -> list[list[str]]:
        """All that name the organisation or its owner: keys of earlier tests are still being marked as used."""
        session.rollback()
        tables = ("orgs", "users", "memberships", "invitations", "api_keys", "clients", "email_tokens", "attempts")
        theirs = "t::text LIKE '%' || :org || '%' OR t::text LIKE '%' || :owner || '%'"
        named = {"org": str(org.id), "owner": str(owner.id)}
        return [
            sorted(session.execute(text(f"SELECT t::text FROM {name} t WHERE {theirs}"), named).scalars())
            for name in tables
        ]

    before = rows()
    assert all(before[:3])
    for path in PAGES:
        page.get(f"/settings{path}")
    assert rows() == before
    assert csrf_token(page)
