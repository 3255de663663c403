"""Voids what an import brought, in batches: each is one transaction, and the next goes on where it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import NotFound
from app.metering.corrections.void import settle_counters, write_void
from app.subscriptions import periods

BATCH = 1_000
"""Events a batch. The org records no usage while one is voided, which takes less than a second."""

_KEYS = text("""
SELECT key FROM usage_keys
WHERE import_id = :import AND org_id = :org AND key > :after ORDER BY key LIMIT :most
""")
_ORGS = text("SELECT DISTINCT org_id FROM usage_keys WHERE import_id = :import ORDER BY org_id")
_NONE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class VoidedBatch:
    """What a batch did: how many events it voided, and how many it could not.

    `period_open`: of maxima and distinct values of periods that are not closed. `too_old`: past 400 days. The
    next batch goes on after `following`; None: this was the last.
    """

    voided: int
    period_open: int
    too_old: int
    following: UUID | None


def void_import_batch(
    session: Session,
    org_id: UUID,
    import_id: UUID,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
    after: UUID | None,
    most: int = BATCH,
) -> VoidedBatch:
    """Void the next events that an import brought an org. Repeating it is safe; one audit entry a batch, with counts.

    Raises `NotFound` if the import brought the org nothing.
    """
    periods.lock_usage(session, org_id)
    asked = {"org": org_id, "import": import_id, "after": after or _NONE, "most": most}
    keys = list(session.scalars(_KEYS, asked))
    if not keys and after is None:
        raise NotFound("This import brought the organisation no usage.")
    outcomes = [write_void(session, org_id, key, reason, actor=actor, now=now).outcome for key in keys]
    settle_counters(session, org_id)
    batch = VoidedBatch(
        outcomes.count("voided"), outcomes.count("period_open"), outcomes.count("too_old"),
        keys[-1] if len(keys) == most else None,
    )  # fmt: skip
    if batch.voided:
        counts = {"voided": batch.voided, "period_open": batch.period_open, "too_old": batch.too_old}
        audit(session, actor, "usage.import_voided", on=("import", import_id), org_id=org_id,
              after={"reason": reason, **counts}, now=now)  # fmt: skip
    return batch


def list_orgs(session: Session, import_id: UUID) -> list[UUID]:
    """List the orgs that an import brought usage.

    Worked example: a file with the usage of two orgs: their ids.
    """
    return list(session.scalars(_ORGS, {"import": import_id}))
