"""Emails the people responsible for an org's billing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.models import User
from app.accounts.roles import PLAN_MANAGERS
from app.mail.service import queue_email
from app.web.addresses import absolute_url

log = structlog.get_logger()


def notify(session: Session, org_id: UUID, template: str, context: Mapping[str, Any], *, key: str,
           now: datetime) -> int:  # fmt: skip
    """Email the org's owners, admins and billing members with a confirmed address; returns how many.

    The template gets `name`, `org_name` and `link` (the billing page) in addition to `context`. One email per person
    and `key`, so repeating it sends nothing. Emails are queued with the caller's commit. Raises `NotFound` (org).
    """
    org = accounts.get_org(session, org_id)
    people = list_recipients(session, org_id)
    if not people:
        log.warning("no recipients for notification", org_id=str(org_id), template=template)
    for user in people:
        facts = {"org_name": org.name, "link": absolute_url("billing.index"), **context, "name": user.name}
        queue_email(session, template, user.email, context=facts, key=f"{template}:{key}:{user.id}", now=now)
    return len(people)


def list_recipients(session: Session, org_id: UUID) -> list[User]:
    """List owners, admins and billing members who can be emailed: confirmed, neither disabled nor deleted."""
    people = accounts.list_active_members(session, org_id, PLAN_MANAGERS)
    return sorted((user for user in people if user.email_verified_at is not None), key=lambda user: user.id)
