"""Once per org, card and, where the setting says so, domain: who may have a trial, and taking it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.roles import PLAN_MANAGERS
from app.payments.trials.models import CARD, DOMAIN, GRANTED, ORG, TrialUse
from app.payments.trials.public_providers import PUBLIC_PROVIDERS
from app.web.runtime import runtime


def may_try(session: Session, org_id: UUID) -> bool:
    """Whether the org may have a trial, as far as can be told before it gives a card."""
    marks = [(kind, _hash(kind, value)) for kind, value in _list_marks(session, org_id)]
    known = select(TrialUse.kind).where(tuple_(TrialUse.kind, TrialUse.digest).in_(marks)).limit(1)
    return session.scalar(known) is None


def claim_trial(session: Session, org_id: UUID, fingerprint: str | None, now: datetime) -> str:
    """Take the trial of an org and its card: GRANTED, or what of it has had one, in which case nothing else is taken.

    The caller holds the org's lock. Of two orgs that claim with one card at the same moment, one waits for the other's
    commit. An org that was refused is known from then on: it is offered plans without a trial.
    """
    marks = [*([(CARD, fingerprint)] if fingerprint else []), *_list_marks(session, org_id)]
    try:
        with session.begin_nested():
            _take_all(session, marks, now)
    except _AlreadyTried as known:
        _take(session, ORG, str(org_id), now)
        return known.kind
    return GRANTED


class _AlreadyTried(Exception):
    """What had its trial before; it leaves the savepoint, which takes back what was taken."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _take_all(session: Session, marks: Iterable[tuple[str, str]], now: datetime) -> None:
    for kind, value in marks:
        if not _take(session, kind, value, now):
            raise _AlreadyTried(kind)


def _list_marks(session: Session, org_id: UUID) -> Iterator[tuple[str, str]]:
    """What the org is known by, in the order in which all take them: two claims never wait for each other."""
    if runtime().settings.trial_per_domain:
        people = accounts.list_active_members(session, org_id, PLAN_MANAGERS)
        domains = {user.email.rpartition("@")[2].lower() for user in people if user.email_verified_at is not None}
        for domain in sorted(domains - PUBLIC_PROVIDERS):
            yield DOMAIN, domain
    yield ORG, str(org_id)


def _take(session: Session, kind: str, value: str, now: datetime) -> bool:
    row = insert(TrialUse).values(kind=kind, digest=_hash(kind, value), used_at=now)
    return session.scalar(row.on_conflict_do_nothing().returning(TrialUse.kind)) is not None


def _hash(kind: str, value: str) -> bytes:
    """Keyed with the installation's own secret, so that a copy of the table cannot be searched for a card or name."""
    return hmac.digest(runtime().settings.key_pepper.encode(), f"trial\0{kind}\0{value}".encode(), "sha256")
