"""Proves periods: one, as a page asks for it, or all of some orgs, as the command does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs.proof.compare import compare_meter
from app.billing_runs.proof.evidence import read_evidence
from app.billing_runs.proof.figures import PeriodProof
from app.billing_runs.proof.invoices import compare_before_change, compare_invoices
from app.kit.errors import NotFound
from app.metering.verification.contents import find_changed_events
from app.subscriptions import queries
from app.subscriptions.close import PeriodKey
from app.web.database import transaction

NAMED = 20
"""Events that a proof names at most."""

_PERIODS = text("""
SELECT org_id, starts_at FROM subscriptions_periods
WHERE (CAST(:org AS uuid) IS NULL OR org_id = :org) AND starts_at <= :now
  AND (CAST(:at AS timestamptz) IS NULL OR (starts_at <= :at AND ends_at > :at))
ORDER BY org_id, starts_at
""")
_READ_ONLY = text("SET TRANSACTION READ ONLY")


def prove_period(session: Session, org_id: UUID, at: datetime, now: datetime, *, contents: bool = True) -> PeriodProof:
    """Prove the period of an org that contains an instant, from one snapshot of the database.

    `contents`: also compare each event with what was sent, which takes as long as the period has events. The session
    must not be in a transaction. Raises `NotFound` if no period contains the instant.
    """
    session.expire_all()
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(_READ_ONLY)
    period = queries.find_period(session, org_id, at)
    if period is None:
        raise NotFound("There is no usage period at this time.")
    evidence = read_evidence(session, org_id, period)
    known = {*evidence.counted, *evidence.row_of, *(meter for meter in evidence.lines if meter is not None)}
    meters = [compare_meter(evidence, meter_id) for meter_id in sorted(known)]
    return PeriodProof(
        org_id=org_id,
        period=evidence.period,
        closed_at=period.closed_at,
        as_of=now,
        time_zone=period.time_zone,
        meters=[*meters, *compare_before_change(session, evidence, meters)],
        invoices=compare_invoices(session, evidence),
        findings=find_changed_events(session, org_id, evidence.period, NAMED) if contents else [],
        contents=contents,
    )


def prove_periods(org_id: UUID | None, at: datetime | None, now: datetime) -> Iterator[PeriodProof]:
    """Prove the periods of an org, or of all, that have begun; `at`: only those that contain it.

    Opens a transaction for each.
    """
    with transaction() as session:
        rows = session.execute(_PERIODS, {"org": org_id, "at": at, "now": now})
        keys = [PeriodKey(*row) for row in rows]
    for key in keys:
        with transaction() as session:
            yield prove_period(session, key.org_id, key.starts_at, now)
