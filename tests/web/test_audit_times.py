"""Each entry says when by both clocks; its place in the chain is its number, whatever a clock says."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.audit.queries import list_entries
from app.audit.service import write
from app.audit.verify import survey
from app.kit.actor import SYSTEM
from app.web.database import transaction
from tests.factories import allow_any_change, make_org
from tests.today import FixedClock


def audit(org: Org, now: datetime) -> None:
    with transaction() as open_session:
        write(open_session, SYSTEM, "org.renamed", on=("org", org.id), org_id=org.id, now=now)


def test_both_times_stand_in_an_entry_whichever_clock_rules_the_act(
    session: Session, clock: FixedClock, wall: FixedClock
) -> None:
    org = make_org(session)
    audit(org, wall.now())
    clock.advance(timedelta(days=40))
    wall.advance(timedelta(minutes=5))
    audit(org, wall.now())
    audit(org, clock.now())
    newest, middle, oldest = (entry.act for entry in list_entries(session, org.id, action="org.renamed"))
    moved = clock.now()
    assert [each.seq for each in (oldest, middle, newest)] == [2, 3, 4]
    assert oldest.at == oldest.wall_at == moved - timedelta(days=40)
    assert middle.at == newest.at == moved
    assert middle.wall_at == newest.wall_at == wall.now()


def test_both_times_are_sealed(session: Session, wall: FixedClock) -> None:
    org = make_org(session)
    audit(org, wall.now())
    allow_any_change(session)
    later = text("UPDATE audit_entries SET wall_at = wall_at + interval '1 s' WHERE org_id = :org")
    session.execute(later, {"org": org.id})
    (problem,) = survey(session, str(org.id)).problems
    session.rollback()
    assert problem.what == "changed after it was written"
