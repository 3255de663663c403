"""Plays a story on the product: each act by the verb that staff, hosts or the worker call."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import msgspec
from sqlalchemy import text

from app.admin.plans import AssignablePlan, assign_plan_and_move_usage
from app.billing_runs.rehearsal.close import rehearse_close
from app.billing_runs.run import run_billing
from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.invoices.models import LATE, InvoiceLine
from app.invoices.queries import list_period_lines
from app.invoices.service import LineFacts
from app.kit.actor import SYSTEM
from app.kit.errors import NotFound
from app.metering.recorder import get_usage_recorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.schemas import Event
from app.subscriptions.close import PeriodKey, list_due
from app.subscriptions.overrides.service import NewOverride, end_override, give_override
from app.subscriptions.periods import ensure_period
from app.subscriptions.tasks import open_periods
from app.web.database import db, transaction
from tests import factories
from tests.billing_runs.simulation.oracle import Line
from tests.billing_runs.simulation.org_story import Act, Member
from tests.billing_runs.simulation.story import Story
from tests.today import FixedClock

GRACE = timedelta(hours=1)
_LINES = text("""
    SELECT l.org_id, m.key, l.period_start, l.period_end, l.quantity::text AS quantity, l.amount, l.currency
    FROM invoice_lines l JOIN meters m ON m.id = l.meter_id WHERE l.kind = 'usage'
""")
_REHEARSED = 3  # one in so many closes is rehearsed first
_Fact = tuple[int, str, Decimal, int]


def _fact(line: LineFacts | InvoiceLine) -> _Fact:
    return line.meter_id or 0, line.kind, line.quantity, line.amount


@dataclass
class Player:
    """One story on one database."""

    story: Story
    clock: FixedClock
    orgs: dict[int, UUID] = field(default_factory=dict)

    def play(self) -> None:
        """Do all acts, and note the events that were refused."""
        members = {each.number: each for each in self.story.members}
        for act in self.story.acts:
            self.clock.at = act.at
            if act.what == "join" and act.org is not None:
                self.join(members[act.org])
            else:
                getattr(self, act.what)(act)
        self.clock.at = self.story.end

    def join(self, member: Member) -> None:
        made = factories.make_org(db.session(), time_zone=member.zone, currency=member.currency)
        self.orgs[member.number] = org_id = made.id
        db.session().rollback()
        with transaction() as session:
            ensure_period(session, org_id, self.clock.at, self.clock.at)

    def publish(self, act: Act) -> None:
        with transaction() as session:
            read = read_catalog(act.facts["text"], "story.toml")
            apply_catalog(session, read, actor=SYSTEM, now=act.at)
        open_periods()

    def assign(self, act: Act) -> None:
        version = factories.find_plan(db.session(), act.facts["plan"]).version_id
        db.session().rollback()
        choice = AssignablePlan(version, "month", act.facts["currency"], "")
        with transaction() as session:
            assign_plan_and_move_usage(session, self.org_of(act), choice, actor=SYSTEM, now=act.at, requested=True)

    def agree(self, act: Act) -> None:
        facts = act.facts
        given = NewOverride(facts["key"], facts["value"], "Agreed", facts["ends"], facts["stays"])
        with transaction() as session:
            give_override(session, self.org_of(act), given, actor=SYSTEM, now=act.at)

    def end(self, act: Act) -> None:
        try:
            with transaction() as session:
                end_override(session, self.org_of(act), act.facts["key"], actor=SYSTEM, now=act.at)
        except NotFound:
            pass  # it was lost with its plan

    def use(self, act: Act) -> None:
        events = [
            Event(id=each.id, meter=each.meter, quantity=msgspec.Raw(each.quantity.encode()),
                  occurred_at=each.occurred_at)
            for each in act.facts["events"]
        ]  # fmt: skip
        terms = BatchTerms(limited=act.facts["limited"])
        done = record_batch(get_usage_recorder(), self.org_of(act), events, key_id=None, now=act.at, terms=terms)
        assert {refusal.code for refusal in done.refused} <= {"quota_exceeded", "rate_limited"}, done.refused
        self.story.unrecorded |= {events[refusal.index].id for refusal in done.refused}

    def close(self, act: Act) -> None:
        """Runs until nothing waits: other transactions of the cluster may be in flight."""
        if act.facts.get("opens"):
            open_periods()
        until = time.monotonic() + 60
        rehearsed = self.rehearse(act)
        while True:
            report = run_billing(None, act.at, GRACE, None if act.org is None else self.org_of(act))
            assert report.errors == {}
            if not report.waiting and not report.rated:
                break
            assert time.monotonic() < until, report.waiting
            time.sleep(0.02 if report.waiting else 0)
        for key, would in rehearsed.items():
            with transaction() as session:
                written = [_fact(line) for line in list_period_lines(session, *key) if line.kind != LATE]
            assert sorted(written) == would

    def rehearse(self, act: Act) -> dict[PeriodKey, list[_Fact]]:
        """What closing some of the periods that are due would write; nothing changes before they are closed."""
        would = {}
        with transaction() as session:
            due = list_due(session, act.at, GRACE, 500, None if act.org is None else self.org_of(act))
        for key in due[::_REHEARSED]:
            with transaction() as session:
                lines = rehearse_close(session, key, act.at).lines
            own = [line for line in lines if line.period.start == key.starts_at]
            would[key] = sorted(_fact(line) for line in own if line.kind != LATE)
        return would

    def org_of(self, act: Act) -> UUID:
        assert act.org is not None
        return self.orgs[act.org]

    def read_lines(self) -> list[tuple[tuple[int, str, datetime], Line]]:
        """Every line that there is."""
        numbers = {org_id: number for number, org_id in self.orgs.items()}
        with transaction() as session:
            return [
                ((numbers[row.org_id], row.key, row.period_start),
                 Line(Fraction(row.quantity), row.amount, row.currency, row.period_end))
                for row in session.execute(_LINES)
            ]  # fmt: skip
