"""Sign-in, sign-out, sessions: what a cookie is worth, and what an attacker learns."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.auth_models import DeviceSession, SignInDetails, SignInEntry
from app.accounts.identity import RequestOrigin
from app.accounts.models import User
from app.accounts.sign_in import login_throttle, passwords, service
from app.accounts.sign_in.log import details_hash
from app.accounts.sign_in.sessions import IDLE
from app.web.database import transaction
from app.web.pages import safe_path
from app.web.runtime import wall_now
from tests.accounts.conftest import letters, new_browser
from tests.factories import PASSWORD, make_member, make_org, make_user, signed_in, unique
from tests.pages import csrf_token, send
from tests.support.roles import BY_HAND
from tests.today import FixedClock

WRONG = "not the password of anybody"


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
    return send(client, "/sign-in", email=email, password=password, **more)


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("tk_session")
    assert found is not None
    return found.value


def token_of(client: FlaskClient) -> str:
    with client.session_transaction() as held:
        return str(held["_user_id"])


def is_in(client: FlaskClient) -> bool:
    return client.get("/settings").status_code == 200


def outcomes(session: Session, user: User) -> list[str]:
    found = select(SignInEntry.outcome).where(SignInEntry.user_id == user.id).order_by(SignInEntry.id)
    return list(session.scalars(found))


@pytest.fixture
def user(session: Session) -> User:
    return make_member(session, make_org(session), password=PASSWORD)


@pytest.fixture
def client(browser: FlaskClient) -> FlaskClient:
    return browser


def test_the_right_password_signs_in_and_goes_to_the_dashboard(client: FlaskClient, user: User) -> None:
    answer = sign_in(client, user.email)
    assert (answer.status_code, answer.location) == (303, "/dashboard")
    assert is_in(client)


def test_the_address_is_taken_in_any_case_and_with_spaces(client: FlaskClient, user: User) -> None:
    assert sign_in(client, f"  {user.email.upper()} ").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient, user: User) -> None:
    sent = [
        each for each in sign_in(client, user.email).headers.getlist("Set-Cookie") if each.startswith("tk_session=")
    ]
    assert len(sent) == 1
    assert "HttpOnly" in sent[0]
    assert "SameSite=Lax" in sent[0]
    assert "Path=/" in sent[0]
    assert "Domain" not in sent[0]
    assert "Expires" in sent[0]  # a browser that is closed and opened again is still signed in


def test_the_token_is_random_and_only_its_digest_is_kept(client: FlaskClient, session: Session, user: User) -> None:
    sign_in(client, user.email)
    token = token_of(client)
    assert len(token) >= 43
    found = session.execute(text("SELECT count(*) FROM sessions WHERE sessions::text LIKE :it"), {"it": f"%{token}%"})
    assert found.scalar_one() == 0


def test_an_old_cookie_is_worth_nothing_after_sign_out(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client, user.email)
    old = cookie(client)
    assert send(client, "/sign-out").status_code == 303
    thief = app.test_client()
    thief.set_cookie("tk_session", old)
    assert not is_in(thief)


def test_a_cookie_planted_before_sign_in_is_worth_nothing_after_it(app: Flask, client: FlaskClient, user: User) -> None:
    planted = app.test_client()
    csrf_token(planted)
    client.set_cookie("tk_session", cookie(planted))
    sign_in(client, user.email)
    assert is_in(client)
    assert not is_in(planted)


def test_signing_in_again_ends_the_session_before(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client, user.email)
    old = cookie(client)
    sign_in(client, user.email)
    thief = app.test_client()
    thief.set_cookie("tk_session", old)
    assert not is_in(thief)
    assert is_in(client)


def test_a_form_token_from_before_sign_in_is_worth_nothing_after_it(client: FlaskClient, user: User) -> None:
    before = csrf_token(client)
    client.post("/sign-in", data={"csrf_token": before, "email": user.email, "password": PASSWORD})
    assert client.post("/settings/sessions/end-others", data={"csrf_token": before}).status_code == 403


def test_a_session_ends_after_twelve_idle_hours(app: Flask, session: Session, user: User, wall: FixedClock) -> None:
    browser = signed_in(app, session, user)
    wall.advance(IDLE - timedelta(seconds=1))
    assert is_in(browser)
    wall.advance(IDLE)
    assert not is_in(browser)


def test_a_session_ends_after_fourteen_days_however_busy(
    app: Flask, session: Session, user: User, wall: FixedClock
) -> None:
    browser = signed_in(app, session, user)
    for _ in range(28):
        wall.advance(timedelta(hours=11, minutes=59))
        assert is_in(browser)
    wall.advance(timedelta(minutes=28))
    assert not is_in(browser)


def test_a_session_is_marked_seen_at_most_once_a_minute(
    app: Flask, session: Session, user: User, wall: FixedClock
) -> None:
    browser = signed_in(app, session, user)
    seen = select(DeviceSession.last_seen_at).where(DeviceSession.user_id == user.id)
    start = wall.now()
    for seconds, expected in ((30, start), (29, start), (1, start + timedelta(seconds=60))):
        wall.advance(timedelta(seconds=seconds))
        browser.get("/settings")
        session.rollback()
        assert session.execute(seen).scalar_one() == expected


def test_a_disabled_user_is_out_on_the_next_request(app: Flask, session: Session, user: User) -> None:
    browser = signed_in(app, session, user)
    user.disabled_at = user.created_at
    session.commit()
    assert not is_in(browser)


def test_unknown_user_wrong_password_and_disabled_user_read_alike(
    client: FlaskClient, session: Session, user: User
) -> None:
    off = make_user(session, password=PASSWORD)
    off.disabled_at = off.created_at
    session.commit()
    answers = [
        sign_in(client, user.email, WRONG),
        sign_in(client, f"{unique()}@example.com", WRONG),
        sign_in(client, off.email, PASSWORD),
    ]
    texts = {_without_noise(answer.text) for answer in answers}
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert len(texts) == 1


@pytest.mark.usefixtures("product_costs")
def test_unknown_user_and_wrong_password_take_the_same_time(client: FlaskClient, user: User) -> None:
    stranger = f"{unique()}@example.com"
    took: dict[str, list[float]] = {user.email: [], stranger: []}
    for _ in range(4):
        for email, times in took.items():
            start = time.process_time()  # hashing takes the time, and other tests keep this one waiting
            sign_in(client, email, WRONG)
            times.append(time.process_time() - start)
    known, unknown = (min(times) for times in took.values())
    assert abs(known - unknown) < 0.25 * max(known, unknown)


def test_every_try_is_in_the_log(client: FlaskClient, session: Session, user: User) -> None:
    sign_in(client, user.email, WRONG)
    sign_in(client, user.email)
    send(client, "/sign-out")
    assert outcomes(session, user) == ["wrong_password", "signed_in", "signed_out"]


def test_the_log_is_append_only_and_its_personal_part_can_go(client: FlaskClient, session: Session) -> None:
    email = f"{unique()}@example.com"
    sign_in(client, email, WRONG)
    entry, details = session.execute(
        select(SignInEntry, SignInDetails).join(SignInDetails).where(SignInDetails.details["email"].astext == email)
    ).one()
    assert entry.outcome == "unknown_user"
    assert details_hash(details.salt, details.details) == entry.details_hash
    for statement in (
        "UPDATE sign_in_log SET outcome = 'signed_in'",
        "DELETE FROM sign_in_log",
        "TRUNCATE sign_in_log CASCADE",
    ):
        session.execute(BY_HAND)
        with pytest.raises(ProgrammingError, match="append-only"):
            session.execute(text(statement))
        session.rollback()
    session.execute(text("DELETE FROM sign_in_details WHERE id = :id"), {"id": entry.id})
    session.commit()
    assert session.get(SignInEntry, entry.id) is not None


def test_the_eleventh_try_in_five_minutes_waits_also_with_the_right_password(
    client: FlaskClient, user: User, wall: FixedClock
) -> None:
    for _ in range(10):
        assert sign_in(client, user.email, WRONG).status_code == 422
    answer = sign_in(client, user.email)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    wall.advance(timedelta(minutes=5))
    assert sign_in(client, user.email).status_code == 303


def test_the_limit_reads_alike_for_unknown_users(client: FlaskClient) -> None:
    email = f"{unique()}@example.com"
    for _ in range(10):
        sign_in(client, email, WRONG)
    assert sign_in(client, email, WRONG).status_code == 429


def test_guessing_at_many_users_from_one_address_is_stopped(app: Flask, client: FlaskClient, user: User) -> None:
    for _ in range(10):
        sign_in(client, f"{unique()}@example.com", WRONG)
    assert sign_in(client, user.email).status_code == 429
    assert sign_in(new_browser(app), user.email).status_code == 303


def test_strangers_cannot_lock_the_victim_out_of_a_known_device(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client, user.email)
    send(client, "/sign-out")
    for _ in range(30):
        sign_in(new_browser(app), user.email, WRONG)
    assert sign_in(client, user.email).status_code == 303


def test_a_known_device_has_ten_tries_itself_and_only_for_its_own_user(
    app: Flask, client: FlaskClient, session: Session, user: User
) -> None:
    other = make_user(session, password=PASSWORD)
    sign_in(client, user.email)
    send(client, "/sign-out")
    for _ in range(10):
        assert sign_in(client, user.email, WRONG).status_code == 422
    assert sign_in(client, user.email).status_code == 429
    for _ in range(10):
        sign_in(client, other.email, WRONG)
    assert sign_in(client, other.email).status_code == 429


def test_a_forged_device_cookie_is_a_strangers(client: FlaskClient, user: User) -> None:
    client.set_cookie("tk_device", "WyJhIixbImIiXV0.forged")
    for _ in range(10):
        sign_in(client, user.email, WRONG)
    assert sign_in(client, user.email).status_code == 429


def test_right_passwords_are_not_counted(app: Flask, user: User) -> None:
    for _ in range(12):
        fresh = app.test_client()
        fresh.environ_base["REMOTE_ADDR"] = "203.0.113.9"
        assert sign_in(fresh, user.email).status_code == 303


def test_parallel_claims_pass_the_limit_exactly(app: Flask, session: Session, wall: FixedClock) -> None:
    limit = [login_throttle.Claim(f"test:user:{unique()}", login_throttle.SIGN_IN)]

    def try_once(_: int) -> bool:
        with app.app_context(), transaction() as open_session:
            return login_throttle.count_attempt(open_session, limit, wall.now()) is None

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(try_once, range(40))) == login_throttle.SIGN_IN.count


def test_an_ipv6_household_is_one_address(session: Session) -> None:
    assert login_throttle.address_mark("2001:db8:1:2::1") == login_throttle.address_mark("2001:db8:1:2:ffff::9")
    assert login_throttle.address_mark("2001:db8:1:2::1") != login_throttle.address_mark("2001:db8:1:3::1")
    assert login_throttle.address_mark("192.0.2.1") != login_throttle.address_mark("192.0.2.2")


def test_a_new_device_is_told_by_mail_and_the_first_and_known_ones_are_not(
    app: Flask, client: FlaskClient, session: Session, user: User
) -> None:
    sign_in(client, user.email)
    sign_in(client, user.email)
    assert letters(session, "new_sign_in", user.email) == 0
    sign_in(new_browser(app), user.email)
    assert letters(session, "new_sign_in", user.email) == 1


def test_a_hash_of_older_parameters_is_renewed_at_sign_in(client: FlaskClient, session: Session, user: User) -> None:
    user.password_hash = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    session.commit()
    assert sign_in(client, user.email).status_code == 303
    session.refresh(user)
    assert user.password_hash is not None
    assert not passwords.needs_rehash(user.password_hash)
    assert passwords.verify_password(user.password_hash, PASSWORD)


def test_a_password_that_changed_while_it_was_checked_opens_no_session(session: Session, user: User) -> None:
    stranger = RequestOrigin("192.0.2.9", "Agent")
    attempt, now = service.SignInAttempt(user.email, PASSWORD, None, stranger), wall_now()
    verified = service.check_credentials(session, attempt)
    user.password_hash = renewed = passwords.hash_password("another password altogether")
    session.commit()
    assert service.complete_sign_in(session, attempt, verified, old_token=None, now=now) is None
    session.commit()
    assert outcomes(session, user) == ["wrong_password"]
    assert user.password_hash == renewed
    assert session.scalars(select(DeviceSession).where(DeviceSession.user_id == user.id)).all() == []


@pytest.mark.parametrize(
    "target",
    ["//e.com", "/\\e.com", "https:e.com", "https://e.com", "%2f%2fe.com", "/\t/e.com", "/\n/e.com", "\t//e.com",
     "@e.com", "javascript:alert(1)", "///e.com", "\\\\e.com", " //e.com", "/é", "/" + "a" * 3000, ""],
)  # fmt: skip
def test_next_leads_only_to_a_path_of_this_site(client: FlaskClient, user: User, target: str) -> None:
    assert safe_path(target) is None
    assert sign_in(client, user.email, next=target).location == "/dashboard"


def test_next_is_followed_on_this_site(client: FlaskClient, user: User) -> None:
    assert client.get("/settings/keys/new").location == "/sign-in?next=/settings/keys/new"
    answer = sign_in(client, user.email, next="/usage?from=2026-11-01&by=day")
    assert answer.location == "/usage?from=2026-11-01&by=day"


def test_a_user_sees_and_ends_their_devices_and_no_others(app: Flask, session: Session, user: User) -> None:
    mine, laptop = signed_in(app, session, user), signed_in(app, session, user)
    stranger = make_member(session, make_org(session))
    elsewhere = signed_in(app, session, stranger)
    page = mine.get("/settings/sessions").text
    assert page.count('/end"') == 1
    assert "This device" in page
    assert send(mine, f"/settings/sessions/{sessions_of(session, stranger)[0]}/end").status_code == 404
    assert send(mine, f"/settings/sessions/{sessions_of(session, user)[1]}/end").status_code == 303
    assert [is_in(each) for each in (mine, laptop, elsewhere)] == [True, False, True]


def test_all_other_devices_end_with_one_press(app: Flask, session: Session, user: User) -> None:
    mine, one, two = (signed_in(app, session, user) for _ in range(3))
    send(mine, "/settings/sessions/end-others")
    assert [is_in(each) for each in (mine, one, two)] == [True, False, False]


def sessions_of(session: Session, user: User) -> list[UUID]:
    mine = select(DeviceSession.id).where(DeviceSession.user_id == user.id).order_by(DeviceSession.id)
    return list(session.scalars(mine))


def _without_noise(html: str) -> str:
    html = re.sub(r'name="(csrf_token|email)"[^>]*>|value="[^"]*"', "", html)
    return re.sub(r"<code>[0-9a-f]{32}</code>", "", html)
