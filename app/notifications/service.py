"""Writes to the people who look after an org's money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.models import Membership, User
from app.accounts.orgs.roles import ADMIN, BILLING, OWNER
from app.mail.service import queue_email
from app.web.addresses import absolute_url

log = structlog.get_logger()


def notify(session: Session, org_id: UUID, template: str, context: Mapping[str, Any], *, key: str,
           now: datetime) -> int:  # fmt: skip
    """Mail the org's owners, admins and billing members, each at a confirmed address; returns to how many.

    The letter is given `name`, `org_name` and `link` (the billing page) beside `context`. One mail a person and `key`:
    repeating it sends nothing. The rows leave with the caller's commit. Raises `NotFound` (org).
    """
    org = accounts.org(session, org_id)
    people = list_recipients(session, org_id)
    if not people:
        log.warning("nobody to write to", org_id=str(org_id), template=template)
    for each in people:
        facts = {"org_name": org.name, "link": absolute_url("billing.index"), **context, "name": each.name}
        queue_email(session, template, each.email, context=facts, key=f"{template}:{key}:{each.id}", now=now)
    return len(people)


def list_recipients(session: Session, org_id: UUID) -> list[User]:
    """Owners, admins and billing members who can be written to: confirmed, neither disabled nor deleted."""
    chosen = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.org_id == org_id, Membership.role.in_((OWNER, ADMIN, BILLING)))
        .where(User.email_verified_at.is_not(None), User.disabled_at.is_(None), User.deleted_at.is_(None))
    )
    return list(session.scalars(chosen.order_by(User.id)))
