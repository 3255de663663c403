"""Writes to the people who look after an org's money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.models import User
from app.accounts.orgs.roles import ADMIN, BILLING, OWNER
from app.mail.service import send
from app.web.addresses import absolute_url

log = structlog.get_logger()


def notify(session: Session, org_id: UUID, template: str, context: Mapping[str, Any], *, key: str,
           now: datetime) -> int:  # fmt: skip
    """Mail the org's owners, admins and billing members, each at a confirmed address; returns to how many.

    The letter is given `name`, `org_name` and `link` (the billing page) beside `context`. One mail a person and `key`:
    repeating it sends nothing. The rows leave with the caller's commit. Raises `NotFound` (org).
    """
    org = accounts.get_org(session, org_id)
    people = recipients(session, org_id)
    if not people:
        log.warning("nobody to write to", org_id=str(org_id), template=template)
    for each in people:
        facts = {"org_name": org.name, "link": absolute_url("billing.index"), **context, "name": each.name}
        send(session, template, each.email, context=facts, key=f"{template}:{key}:{each.id}", now=now)
    return len(people)


def recipients(session: Session, org_id: UUID) -> list[User]:
    """Owners, admins and billing members who can be written to: confirmed, neither disabled nor deleted."""
    people = accounts.list_active_members(session, org_id, (OWNER, ADMIN, BILLING))
    return sorted((each for each in people if each.email_verified_at is not None), key=lambda each: each.id)
