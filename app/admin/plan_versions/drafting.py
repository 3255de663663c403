"""Checks a draft of a plan: how it differs, and its blast radius; and publishes it. Page and API call these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.catalog.drafts import PlanDraft, find_published, publish_draft, read_draft
from app.kit.actor import SYSTEM, Actor
from app.kit.db import rolled_back
from app.kit.queue import defer
from app.payments.price_push.push import PUSH
from app.statements.blast.effects import BlastRadius
from app.statements.blast.radius import find_blast_radius
from app.statements.blast.version import load_priced_version

MOST_TEXT = 50_000


@dataclass(frozen=True, slots=True)
class CheckedDraft:
    """A draft that can be published. `radius` None: nobody can be on it, or it changes no terms."""

    draft: PlanDraft
    radius: BlastRadius | None


def check_draft(session: Session, text: str, now: datetime) -> CheckedDraft:
    """Check a draft against the catalogue, and rate real usage by it. Writes nothing.

    It is published and rolled back, so that what is rated is what publishing would write. Raises `CatalogError`.
    """
    draft = read_draft(session, text)
    if draft.number is None or draft.after == 0:
        return CheckedDraft(draft, None)
    with rolled_back(session):
        publish_draft(session, text, after=draft.after, actor=SYSTEM, now=now)
        version = load_priced_version(session, find_published(session, draft))
    return CheckedDraft(draft, find_blast_radius(session, version, now))


def publish(session: Session, text: str, *, after: int, actor: Actor, now: datetime) -> int | None:
    """Publish a draft, and have its prices pushed to Stripe; returns the new version's number, as `publish_draft`."""
    number = publish_draft(session, text, after=after, actor=actor, now=now)
    if number is not None:
        defer(session, PUSH)
    return number
