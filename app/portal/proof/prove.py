"""Proves a period for a page or a call, where it is small enough to be counted while somebody waits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.billing_runs.proof.figures import PeriodProof
from app.billing_runs.proof.run import prove_period
from app.kit.errors import Conflict, NotFound
from app.metering.verification.period_figures import find_event_number
from app.portal.proof.sources import add_sources
from app.subscriptions import queries
from app.web.database import end_read_transaction, session

MOST_EVENTS = 200_000
"""Events of a period that are counted again at once: about a second of the database's work."""
MOST_CONTENTS = 20_000
"""Events of a period that are compared with what was sent: about a second of ours."""


def prove(org_id: UUID, at: datetime, now: datetime) -> PeriodProof:
    """Prove the period that contains an instant, with what the portal says of it.

    Ends the session's read transaction: the proof reads one snapshot. Raises `NotFound`, and `Conflict` for a
    period with too many events.
    """
    period = queries.find_period(session(), org_id, at)
    if period is None:
        raise NotFound("There is no usage period at this time.")
    number = find_event_number(session(), org_id, period.starts_at)
    if number > MOST_EVENTS:
        raise Conflict(
            f"This period has {number:,} events, too many to be counted again while you wait."
            f" An operator can: flask billing verify --org {org_id} --period {period.starts_at:%Y-%m-%d}"
        )
    end_read_transaction()
    proof = prove_period(session(), org_id, at, now, contents=number <= MOST_CONTENTS)
    proof = add_sources(session(), proof, now)
    end_read_transaction()
    return proof
