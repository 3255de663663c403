"""API keys at the door: who is let in, for how long, and what is kept of a key."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import guards
from app.accounts.api_keys import key_format, service
from app.accounts.api_keys.api_key_cache import ApiKeyCache, api_key_cache
from app.accounts.auth_models import ApiKey
from app.accounts.identity import Caller
from app.kit.actor import SYSTEM
from app.kit.errors import DomainError, InvalidRequest
from app.web.runtime import runtime
from tests.factories import bearer, make_key, make_member, make_org, signed_in
from tests.support.roles import BY_HAND
from tests.today import FixedClock


def identify(app: Flask, key: str | None, **headers: str) -> Caller:
    sent = bearer(key) if key else {}
    with app.test_request_context("/api/v1/usage/check", method="POST", headers={**sent, **headers}) as context:
        return guards.identify_key(context.request)


def refusal(app: Flask, key: str | None, **headers: str) -> str:
    with pytest.raises(DomainError) as refused:
        identify(app, key, **headers)
    return refused.value.code


def row_of(session: Session, key: str) -> ApiKey:
    digest = key_format.hash_key(key, runtime().settings.key_pepper.encode())
    return session.scalars(
        select(ApiKey).where(ApiKey.key_hash == digest).execution_options(populate_existing=True)
    ).one()


def test_a_key_identifies_its_org_and_scopes(app: Flask, session: Session) -> None:
    org = make_org(session, time_zone="Europe/Berlin", currency="EUR")
    who = identify(app, make_key(session, org, scopes=["usage:write"]))
    assert (who.kind, who.org_id, who.scopes) == ("key", org.id, frozenset({"usage:write"}))
    assert (who.time_zone, who.currency, who.user_id, who.role) == ("Europe/Berlin", "EUR", None, None)


def test_nothing_of_the_secret_is_stored_but_its_ends(session: Session) -> None:
    key = make_key(session, make_org(session))
    row = row_of(session, key)
    assert row.prefix == key[:12]
    assert row.last4 == key[-4:]
    found = session.execute(
        text("SELECT count(*) FROM api_keys WHERE api_keys::text LIKE :it"), {"it": f"%{key[14:40]}%"}
    )
    assert found.scalar_one() == 0


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "tk_live_",
        "tk_live_" + "a" * 46,
        "sk_live_" + "a" * 46,
        "x" * 100_000,
        "tk_live_\u00fc" + "a" * 45,
        key_format.new_key(),
    ],
    ids=["none", "empty", "prefix", "checksum", "stripe", "long", "not-ascii", "unknown"],
)
def test_garbage_and_unknown_keys_are_invalid(app: Flask, session: Session, key: str | None) -> None:
    assert refusal(app, key) == "invalid_key"


def test_other_schemes_are_invalid(app: Flask, session: Session) -> None:
    key = make_key(session, make_org(session))
    assert refusal(app, None, Authorization=f"Basic {key}") == "invalid_key"
    assert refusal(app, None, Authorization=key) == "invalid_key"


def test_a_typo_is_refused_without_asking_the_database(app: Flask, session: Session) -> None:
    key = make_key(session, make_org(session))
    book = ApiKeyCache(None, "pepper")  # type: ignore[arg-type]  # a book without a database cannot ask one
    wrong = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
    assert book.find(wrong) == (None, False)


def test_a_revoked_key_ends_within_a_second_in_a_process_that_still_knows_it(app: Flask, session: Session) -> None:
    org = make_org(session)
    key = make_key(session, org)
    identify(app, key)
    service.revoke_key(session, org.id, row_of(session, key).id, actor=SYSTEM, now=runtime().clocks.wall.now())
    session.commit()
    time.sleep(runtime().settings.key_memory.total_seconds())
    assert refusal(app, key) == "invalid_key"


def test_the_process_that_revokes_forgets_at_once(app: Flask, session: Session) -> None:
    org = make_org(session)
    key = make_key(session, org)
    identify(app, key)
    service.revoke_key(session, org.id, row_of(session, key).id, actor=SYSTEM, now=runtime().clocks.wall.now())
    session.commit()
    guards.clear_key_cache()
    assert refusal(app, key) == "invalid_key"


def test_a_key_ends_at_its_expiry_also_when_known(app: Flask, session: Session, wall: FixedClock) -> None:
    key = make_key(session, make_org(session), expires_at=wall.now() + timedelta(minutes=1))
    identify(app, key)
    wall.advance(timedelta(minutes=1))
    assert refusal(app, key) == "invalid_key"


@pytest.mark.parametrize("column", ["suspended_at", "deleted_at"])
def test_keys_of_a_suspended_or_deleted_org_are_refused(app: Flask, session: Session, column: str) -> None:
    org = make_org(session)
    key = make_key(session, org)
    setattr(org, column, org.created_at)
    session.commit()
    assert refusal(app, key) == "org_suspended"


def test_a_missing_scope_is_named(app: Flask, session: Session) -> None:
    who = identify(app, make_key(session, make_org(session), scopes=["usage:read"]))
    guards.require_scope(who, "usage:read")
    with pytest.raises(DomainError, match="usage:write") as refused:
        guards.require_scope(who, "usage:write")
    assert refused.value.code == "scope_missing"


def test_a_staff_key_acts_for_the_org_in_the_header(app: Flask, session: Session) -> None:
    org = make_org(session)
    key = make_key(session, None, scopes=["admin:read"])
    who = identify(app, key, **{"Tollkeeper-Organization": str(org.id)})
    assert (who.kind, who.org_id, who.staff) == ("staff_key", org.id, True)
    guards.require_scope(who, "admin:read")
    guards.require_scope(who, "usage:read")
    with pytest.raises(DomainError):
        guards.require_scope(who, "usage:write")
    with app.test_request_context():
        assert who.actor.kind == "staff"
        assert who.actor.acting_for == org.id


def test_a_staff_key_without_an_org_may_only_what_needs_none(app: Flask, session: Session) -> None:
    who = identify(app, make_key(session, None, scopes=["admin:read"]))
    guards.require_scope(who, "admin:read")
    with pytest.raises(InvalidRequest):
        guards.require_scope(who, "usage:read")


@pytest.mark.parametrize("header", ["garbage", "00000000-0000-0000-0000-000000000000"])
def test_a_staff_key_for_an_unknown_org_finds_nothing(app: Flask, session: Session, header: str) -> None:
    key = make_key(session, None, scopes=["admin:read"])
    assert refusal(app, key, **{"Tollkeeper-Organization": header}) == "not_found"


def test_an_org_key_cannot_name_another_org(app: Flask, session: Session) -> None:
    org, other = make_org(session), make_org(session)
    who = identify(app, make_key(session, org), **{"Tollkeeper-Organization": str(other.id)})
    assert who.org_id == org.id


def test_an_org_key_cannot_have_a_staff_scope(session: Session) -> None:
    org = make_org(session)
    with pytest.raises(InvalidRequest):
        make_key(session, org, scopes=["usage:read", "admin:read"])
    key = row_of(session, make_key(session, org))
    session.execute(BY_HAND)
    with pytest.raises(IntegrityError):
        session.execute(text("UPDATE api_keys SET scopes = '{admin:write}' WHERE id = :id"), {"id": key.id})
    session.rollback()


def test_cookies_count_for_nothing_under_the_api(app: Flask, session: Session) -> None:
    org = make_org(session)
    browser = signed_in(app, session, make_member(session, org), org)
    cookie = browser.get_cookie("tk_session")
    assert cookie is not None
    with app.test_request_context("/api/v1/usage/current", headers={"Cookie": f"tk_session={cookie.value}"}):
        assert guards.caller().kind == "visitor"


def test_use_is_marked_once_a_minute_with_its_address(app: Flask, session: Session, wall: FixedClock) -> None:
    key = make_key(session, make_org(session))
    identify(app, key)
    api_key_cache().last_used.write()
    first = row_of(session, key).last_used_at
    assert first == wall.now()
    wall.advance(timedelta(seconds=59))
    guards.clear_key_cache()
    identify(app, key)
    api_key_cache().last_used.write()
    assert row_of(session, key).last_used_at == first
    wall.advance(timedelta(seconds=1))
    guards.clear_key_cache()
    identify(app, key)
    api_key_cache().last_used.write()
    assert row_of(session, key).last_used_at == wall.now()


def test_a_known_key_asks_the_database_nothing(app: Flask, session: Session) -> None:
    key = make_key(session, make_org(session))
    identify(app, key)
    assert api_key_cache().find(key)[1] is False


@pytest.fixture
def book() -> ApiKeyCache:
    """As a process has it that has met nobody yet."""
    settings = runtime().settings
    return ApiKeyCache(runtime().pool, settings.key_pepper, settings.key_memory)


def test_a_key_is_renewed_beside_another_by_one_statement_and_its_next_use_is_told(
    app: Flask, session: Session, book: ApiKeyCache
) -> None:
    key, other = (make_key(session, make_org(session)) for _ in range(2))
    book.find(key)
    time.sleep(runtime().settings.key_memory.total_seconds() * 0.6)
    beside, _ = book.find(other)
    known, told = book.find(key)
    assert known is not None
    assert beside is not None
    assert (known.read_at, told) == (beside.read_at, True)
    assert book.find(key) == (known, False)


def test_a_revoked_key_ends_when_it_would_be_renewed_and_nothing_of_it_is_kept(
    app: Flask, session: Session, book: ApiKeyCache
) -> None:
    org = make_org(session)
    key, other = make_key(session, org), make_key(session, org)
    book.find(key)
    service.revoke_key(session, org.id, row_of(session, key).id, actor=SYSTEM, now=runtime().clocks.wall.now())
    session.commit()
    time.sleep(runtime().settings.key_memory.total_seconds() * 0.6)
    book.find(other)
    assert (len(book._known), len(book._unused)) == (1, 0)
    assert book.find(key) == (None, True)


def test_keys_carry_enough_chance_and_a_checksum() -> None:
    keys = {key_format.new_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(key_format.is_well_formed(key) for key in keys)
    assert 62 ** (key_format.RANDOM - 4) > 2**160
