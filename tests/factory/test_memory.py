"""What an app remembers is the app's own; what a staff key sends twice is the key's own."""

from __future__ import annotations

from flask import Flask, g
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.auth_models import ApiKey
from app.accounts.reads import RecentReads
from app.factory import create_app
from app.web.runtime import Runtime
from tests.factories import bearer, make_key, make_org
from tests.support.settings import make_settings


def runtime_of(app: Flask) -> Runtime:
    found: Runtime = app.extensions["tollkeeper"]
    return found


def test_two_apps_in_one_process_share_no_memory(app: Flask, database: str) -> None:
    other = create_app(make_settings(database))
    ours = runtime_of(app).shared(RecentReads)
    assert runtime_of(app).shared(RecentReads) is ours
    assert runtime_of(other).shared(RecentReads) is not ours


def test_an_idempotency_key_belongs_to_the_org_or_to_the_staff_key_that_names_none(
    app: Flask, session: Session
) -> None:
    org = make_org(session)
    staff = bearer(make_key(session, None, scopes=["admin:read", "admin:write"]))
    (key_id,) = session.scalars(select(ApiKey.id).where(ApiKey.org_id.is_(None)).order_by(ApiKey.id.desc()).limit(1))
    with app.test_request_context("/api/v1/admin/orgs", headers=staff):
        app.preprocess_request()
        assert g.idempotency_owner == key_id
    for headers in (bearer(make_key(session, org)), {**staff, "Tollkeeper-Organization": str(org.id)}):
        with app.test_request_context("/api/v1/limits", headers=headers):
            app.preprocess_request()
            assert g.idempotency_owner == org.id
