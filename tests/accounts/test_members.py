"""Members, roles, invitations, and the wall between orgs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.api_keys.service import create_key
from app.accounts.models import Membership, Org
from app.accounts.orgs import members
from app.kit.actor import SYSTEM
from app.kit.errors import NotAllowed, NotFound
from app.kit.ids import new_id
from app.web.database import transaction
from app.web.runtime import runtime, wall_now
from tests.accounts.conftest import audited, letters
from tests.factories import PASSWORD, bearer, make_member, make_org, make_user, signed_in, unique
from tests.pages import send
from tests.support.copy import copy
from tests.today import FixedClock

Find = Callable[[str, str], str]


def role_of(session: Session, org: Org, user_id: object) -> str | None:
    session.rollback()
    found = session.get(Membership, (org.id, user_id))
    return found.role if found else None


def test_a_changed_role_ends_the_members_sessions_in_that_org_only(app: Flask, session: Session, org: Org) -> None:
    owner, member = make_member(session, org), make_member(session, org, "member")
    other = make_org(session)
    session.add(Membership(org_id=other.id, user_id=member.id, role="viewer", created_at=wall_now()))
    session.commit()
    here, there = signed_in(app, session, member, org), signed_in(app, session, member, other)
    answer = send(signed_in(app, session, owner, org), f"/settings/members/{member.id}/role", role="admin")
    assert answer.status_code == 303
    assert role_of(session, org, member.id) == "admin"
    assert here.get("/settings").status_code == 303
    assert there.get("/settings").status_code == 200
    assert audited(session, "member.role_changed", member.id) == 1


def test_the_last_owner_is_neither_demoted_nor_removed_and_cannot_leave(app: Flask, session: Session, org: Org) -> None:
    owner = make_member(session, org)
    browser = signed_in(app, session, owner, org)
    answer = send(browser, f"/settings/members/{owner.id}/role", role="viewer")
    assert answer.status_code == 422
    assert "This is the last owner" in answer.text
    assert send(browser, f"/settings/members/{owner.id}/remove").status_code == 409
    assert copy("accounts.last_owner") in browser.get("/settings/leave").text
    assert send(browser, "/settings/leave").status_code == 409
    assert role_of(session, org, owner.id) == "owner"
    second = make_member(session, org)
    assert send(browser, "/settings/leave").status_code == 303
    assert role_of(session, org, owner.id) is None
    assert role_of(session, org, second.id) == "owner"


def test_two_owners_demoting_each_other_at_once_leave_one(app: Flask, session: Session, org: Org) -> None:
    one, two = make_member(session, org), make_member(session, org)

    def demote(user_id: UUID, by: UUID) -> bool:
        try:
            with app.app_context(), transaction() as open_session:
                members.change_role(open_session, org.id, user_id, "member", by=by, actor=SYSTEM, now=wall_now())
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(demote, [one.id, two.id], [two.id, one.id]))
    assert sorted(done) == [False, True]


def test_an_admin_makes_no_owner_and_touches_none(app: Flask, session: Session, org: Org) -> None:
    owner, admin, viewer = (make_member(session, org, role) for role in ("owner", "admin", "viewer"))
    browser = signed_in(app, session, admin, org)
    assert send(browser, f"/settings/members/{viewer.id}/role", role="owner").status_code == 422
    assert send(browser, f"/settings/members/{owner.id}/role", role="viewer").status_code == 422
    assert send(browser, f"/settings/members/{owner.id}/remove").status_code == 403
    assert send(browser, "/settings/members/invite", email="x@example.com", role="owner").status_code == 422
    assert send(browser, f"/settings/members/{viewer.id}/role", role="billing").status_code == 303
    with pytest.raises(NotAllowed):
        members.change_role(session, org.id, admin.id, "owner", by=admin.id, actor=SYSTEM, now=wall_now())


@pytest.mark.parametrize("role", ["billing", "member", "viewer"])
def test_others_read_the_members_and_change_nothing(app: Flask, session: Session, org: Org, role: str) -> None:
    owner = make_member(session, org)
    browser = signed_in(app, session, make_member(session, org, role), org)
    page = browser.get("/settings/members")
    assert owner.email in page.text
    assert copy("accounts.invite") not in page.text
    for path in (f"members/{owner.id}/role", f"members/{owner.id}/remove", "members/invite", "keys", "org"):
        assert send(browser, f"/settings/{path}", role="viewer", email="x@example.com").status_code == 403


def test_a_removed_member_is_out_at_once_and_its_rows_stay(app: Flask, session: Session, org: Org) -> None:
    owner, member = make_member(session, org), make_member(session, org, "member")
    browser = signed_in(app, session, member, org)
    send(signed_in(app, session, owner, org), f"/settings/members/{member.id}/remove")
    assert browser.get("/settings").status_code == 303
    assert queries.get_user(session, member.id).email == member.email
    with pytest.raises(NotFound):
        members.remove(session, org.id, member.id, by=owner.id, actor=SYSTEM, now=wall_now())


def test_what_a_removed_member_could_still_do_ends_with_the_membership(
    app: Flask, session: Session, org: Org, link_in_mail: Find
) -> None:
    """Open invitations that they sent, and the keys that whoever removes them does not keep."""
    owner, admin = make_member(session, org), make_member(session, org, "admin")
    guest = f"{unique('guest')}@example.com"
    assert (
        send(signed_in(app, session, admin, org), "/settings/members/invite", email=guest, role="admin").status_code
        == 303
    )
    link = link_in_mail("invitation", guest)
    kept, ended = (
        create_key(session, org.id, name, ["usage:read"], pepper=runtime().settings.key_pepper, created_by=admin.id,
                   actor=SYSTEM, now=wall_now())
        for name in ("Kept", "Ended")
    )  # fmt: skip
    session.commit()
    browser, path = signed_in(app, session, owner, org), f"/settings/members/{admin.id}"
    page = browser.get(path).text
    assert page.count(" checked") >= 2
    assert "Kept" in page
    assert send(browser, f"{path}/remove", page=path, keys=[str(ended.row.id)]).status_code == 303
    assert app.test_client().get(link).status_code == 410
    assert audited(session, "key.revoked", ended.row.id) == 1
    state = {key.secret: app.test_client().get("/api/v1/usage/events", headers=bearer(key.secret)).status_code
             for key in (kept, ended)}  # fmt: skip
    assert state == {kept.secret: 200, ended.secret: 401}


def test_a_key_of_somebody_else_is_not_revoked_along(app: Flask, session: Session, org: Org) -> None:
    owner, member = make_member(session, org), make_member(session, org, "member")
    made = create_key(session, org.id, "Theirs", ["usage:read"], pepper="p" * 32, created_by=owner.id, actor=SYSTEM,
                      now=wall_now())  # fmt: skip
    session.commit()
    path = f"/settings/members/{member.id}"
    browser = signed_in(app, session, owner, org)
    assert send(browser, f"{path}/remove", page=path, keys=[str(made.row.id)]).status_code == 422
    assert role_of(session, org, member.id) == "member"
    assert audited(session, "key.revoked", made.row.id) == 0


def test_a_demoted_admins_invitations_that_the_new_role_may_not_give_end(
    app: Flask, session: Session, org: Org, link_in_mail: Find
) -> None:
    owner, admin = make_member(session, org), make_member(session, org, "admin")
    guest = f"{unique('guest')}@example.com"
    send(signed_in(app, session, admin, org), "/settings/members/invite", email=guest, role="member")
    link = link_in_mail("invitation", guest)
    assert (
        send(signed_in(app, session, owner, org), f"/settings/members/{admin.id}/role", role="viewer").status_code
        == 303
    )
    assert app.test_client().get(link).status_code == 410


def test_a_label_belongs_to_one_member_of_an_org(app: Flask, session: Session, org: Org) -> None:
    owner, member = make_member(session, org), make_member(session, org, "member")
    browser = signed_in(app, session, owner, org)
    assert send(browser, f"/settings/members/{member.id}/label", external_id="u-7").status_code == 303
    answer = send(browser, f"/settings/members/{owner.id}/label", external_id="u-7")
    assert answer.status_code == 422
    assert "Another member" in answer.text
    assert send(browser, f"/settings/members/{member.id}/label", external_id="").status_code == 303
    assert (
        session.execute(
            text("SELECT count(external_id) FROM memberships WHERE org_id = :o"), {"o": org.id}
        ).scalar_one()
        == 0
    )


def test_moving_a_label_is_told_before_and_audited(app: Flask, session: Session, org: Org) -> None:
    owner, member = make_member(session, org), make_member(session, org, "member")
    browser = signed_in(app, session, owner, org)
    assert "those events move with it" in browser.get(f"/settings/members/{owner.id}").text
    for person, label in ((member, "u-7"), (member, ""), (owner, "u-7")):
        assert send(browser, f"/settings/members/{person.id}/label", external_id=label).status_code == 303
    moves = text("SELECT count(*) FROM audit_entries WHERE org_id = :o AND action = 'member.label_changed'")
    assert session.execute(moves, {"o": org.id}).scalar_one() == 3


def test_switching_works_for_ones_own_orgs_only_and_is_remembered(app: Flask, session: Session, org: Org) -> None:
    user, other, foreign = make_member(session, org), make_org(session, name=unique("Second")), make_org(session)
    session.add(Membership(org_id=other.id, user_id=user.id, role="viewer", created_at=wall_now()))
    session.commit()
    browser = signed_in(app, session, user, org)
    assert other.name in browser.get("/settings").text
    assert send(browser, "/orgs/switch", org_id=str(other.id)).status_code == 303
    assert copy("accounts.org_role") in browser.get("/settings/org").text
    for wrong in (str(foreign.id), str(new_id()), "garbage", ""):
        assert send(browser, "/orgs/switch", org_id=wrong).status_code == 404
    assert queries.list_org_choices(session, user.id)[0].id == other.id


def test_who_leaves_their_only_org_keeps_the_account(app: Flask, session: Session, org: Org) -> None:
    make_member(session, org)
    member = make_member(session, org, "member")
    browser = signed_in(app, session, member, org)
    assert browser.get("/settings/leave").status_code == 200
    assert send(browser, "/settings/leave").location == "/settings"
    assert browser.get("/settings").status_code == 200
    assert browser.get("/settings/org").status_code == 403


# invitations


def invite(app: Flask, session: Session, org: Org, email: str, role: str = "member") -> None:
    owner = make_member(session, org)
    answer = send(signed_in(app, session, owner, org), "/settings/members/invite", email=email, role=role)
    assert answer.status_code == 303


@pytest.mark.slow
def test_a_day_has_three_invitations_for_a_person_and_fifty_for_an_org(
    app: Flask, session: Session, org: Org, wall: FixedClock
) -> None:
    owner = make_member(session, org)
    browser, email = signed_in(app, session, owner, org), f"{unique('guest')}@example.com"

    def invites(to: str) -> int:
        return send(browser, "/settings/members/invite", email=to, role="member").status_code

    assert [invites(email) for _ in range(4)] == [303, 303, 303, 422]
    assert letters(session, "invitation", email) == 3
    assert [invites(f"{unique('guest')}@example.com") for _ in range(48)] == [303] * 47 + [422]
    wall.advance(timedelta(days=1))
    browser = signed_in(app, session, owner, org)
    assert invites(email) == 303


def test_a_suspended_org_invites_nobody(app: Flask, session: Session, org: Org) -> None:
    owner = make_member(session, org)
    org.suspended_at = wall_now()
    session.commit()
    browser = signed_in(app, session, owner, org)
    answer = send(browser, "/settings/members/invite", email="guest@example.com", role="member")
    assert answer.status_code == 422
    assert "is suspended" in answer.text
    assert letters(session, "invitation", "guest@example.com") == 0


def test_a_newcomer_joins_with_a_name_and_a_password(
    app: Flask, browser: FlaskClient, session: Session, org: Org, link_in_mail: Find
) -> None:
    email = f"{unique('guest')}@example.com"
    invite(app, session, org, email, "billing")
    link = link_in_mail("invitation", email)
    assert org.name in browser.get(link).text
    extra = {"role": "owner", "email": "other@example.com", "org_id": str(new_id()), "staff": "1"}
    answer = send(browser, f"{link}/join", page=link, name="Guest", password=PASSWORD, **extra)
    assert answer.location == "/dashboard"
    user = queries.find_user_by_email(session, email)
    assert user is not None
    assert role_of(session, org, user.id) == "billing"
    assert [each.role for each in queries.list_org_choices(session, user.id)] == ["billing", "owner"]
    assert browser.get("/settings/org").status_code == 200
    assert audited(session, "member.joined", user.id) == 1


def test_a_user_joins_with_the_invited_address_only_and_once(
    app: Flask, session: Session, org: Org, link_in_mail: Find
) -> None:
    guest, thief = make_member(session, make_org(session)), make_member(session, make_org(session))
    invite(app, session, org, guest.email)
    link = link_in_mail("invitation", guest.email)
    assert send(signed_in(app, session, thief, None), link).status_code == 403
    browser = signed_in(app, session, guest, None)
    assert send(browser, link, page=link).location == "/dashboard"
    assert role_of(session, org, guest.id) == "member"
    assert role_of(session, org, thief.id) is None
    assert browser.get(link).status_code == 410
    assert send(browser, link).status_code == 404


def test_an_address_with_an_account_cannot_be_taken_by_the_newcomers_form(
    app: Flask, browser: FlaskClient, session: Session, org: Org, link_in_mail: Find
) -> None:
    guest = make_user(session, password=PASSWORD)
    before = guest.password_hash
    invite(app, session, org, guest.email)
    link = link_in_mail("invitation", guest.email)
    assert "Sign in to join" in browser.get(link).text
    assert send(browser, f"{link}/join", name="Thief", password="another fine password").status_code == 409
    session.refresh(guest)
    assert guest.password_hash == before


def test_an_invitation_ends_after_seven_days_or_when_withdrawn_or_replaced(
    app: Flask, browser: FlaskClient, session: Session, org: Org, wall: FixedClock, link_in_mail: Find
) -> None:
    email = f"{unique('guest')}@example.com"
    invite(app, session, org, email)
    first = link_in_mail("invitation", email)
    invite(app, session, org, email)
    second = link_in_mail("invitation", email)
    assert [browser.get(link).status_code for link in (first, second)] == [410, 200]
    row = queries.list_open_invitations(session, org.id)[0]
    owner = signed_in(app, session, make_member(session, org), org)
    assert send(owner, f"/settings/invitations/{row.id}/revoke").status_code == 303
    assert browser.get(second).status_code == 410
    invite(app, session, org, email)
    third = link_in_mail("invitation", email)
    wall.advance(timedelta(days=7))
    assert browser.get(third).status_code == 410


def test_a_member_is_not_invited_again(app: Flask, session: Session, org: Org) -> None:
    owner = make_member(session, org)
    answer = send(signed_in(app, session, owner, org), "/settings/members/invite", email=owner.email, role="viewer")
    assert answer.status_code == 422
    assert letters(session, "invitation", owner.email) == 0


def test_the_invitations_secret_is_not_stored(app: Flask, session: Session, org: Org, link_in_mail: Find) -> None:
    email = f"{unique('guest')}@example.com"
    invite(app, session, org, email)
    token = link_in_mail("invitation", email).rsplit("/", 1)[1]
    assert len(token) >= 43
    found = session.execute(
        text("SELECT count(*) FROM invitations WHERE invitations::text LIKE :t"), {"t": f"%{token}%"}
    )
    assert found.scalar_one() == 0


# the wall


def test_what_belongs_to_another_org_reads_as_missing(app: Flask, session: Session, org: Org) -> None:
    foreign = make_org(session)
    stranger, guest = make_member(session, foreign), f"{unique()}@example.com"
    invite(app, session, foreign, guest)
    invitation = queries.list_open_invitations(session, foreign.id)[0]
    browser = signed_in(app, session, make_member(session, org), org)
    for path, fields in (
        (f"members/{stranger.id}/role", {"role": "viewer"}),
        (f"members/{stranger.id}/label", {"external_id": "x"}),
        (f"members/{stranger.id}/remove", {}),
        (f"invitations/{invitation.id}/revoke", {}),
    ):
        assert send(browser, f"/settings/{path}", **fields).status_code == 404
        missing = path.replace(str(stranger.id), str(new_id())).replace(str(invitation.id), str(new_id()))
        assert send(browser, f"/settings/{missing}", **fields).status_code == 404
    assert browser.get(f"/settings/members/{stranger.id}").status_code == 404
    assert role_of(session, foreign, stranger.id) == "owner"
