"""Emails the people responsible for an org's billing."""

from __future__ import annotations

import hashlib
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

_NOBODY = "there"
"""Whom an email greets whose reader's name is not known: Hi there."""
log = structlog.get_logger()


def notify(session: Session, org_id: UUID, template: str, context: Mapping[str, Any], *, key: str,
           now: datetime, copies: bool = False) -> int:  # fmt: skip
    """Email the org's owners, admins and billing members with a confirmed address; returns how many.

    With `copies` its billing contacts get the email too.

    The template gets `name`, `org_name` and `link` (the billing page) in addition to `context`. One email per person
    and `key`, so repeating it sends nothing. Emails are queued with the caller's commit. Raises `NotFound` (org).
    """
    org = accounts.get_org(session, org_id)
    people = list_recipients(session, org_id)
    if not people:
        log.warning("no recipients for notification", org_id=str(org_id), template=template)
    for user in people:
        facts = {"org_name": org.name, "link": absolute_url("billing.index"), **context, "name": user.name}
        queue_email(
            session, template, user.email, context=facts, key=f"{template}:{key}:{user.id}", now=now, about=org_id
        )
    written = {user.email for user in people}
    for address in org.billing_emails if copies else ():
        if address not in written:
            facts = {"org_name": org.name, "link": absolute_url("billing.index"), **context, "name": _NOBODY}
            copy = hashlib.sha256(address.encode()).hexdigest()[:32]  # a key is seen where an address must not be
            queue_email(
                session, template, address, context=facts, key=f"{template}:{key}:{copy}", now=now, about=org_id
            )
    return len(people)


def list_recipients(session: Session, org_id: UUID) -> list[User]:
    """List owners, admins and billing members who can be emailed: confirmed, neither disabled nor deleted."""
    people = accounts.list_active_members(session, org_id, PLAN_MANAGERS)
    return sorted((user for user in people if user.email_verified_at is not None), key=lambda user: user.id)
