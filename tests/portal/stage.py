"""A database of its own with the catalogue scan_api and an app on it: pages show the whole catalogue."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models import Org, User
from app.catalog.queries import find_newest_version
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks, FixedClock
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.recording.recorder import get_usage_recorder
from app.metering.rollups.fold import fold_rollups
from app.metering.schemas import Event
from app.subscriptions.service import assign_plan
from app.web.database import db, transaction
from tests import factories
from tests.support.installation import opened


@dataclass
class Cast:
    """One org, its owner, and a browser signed in as the owner."""

    org: UUID
    owner: UUID
    browser: FlaskClient


@dataclass
class Stage:
    """The app, and what tests do on it."""

    app: Flask
    clock: FixedClock

    def session(self) -> Session:
        return db.session()

    def org(self, *, calls: int = 0, plan: str | None = None, zone: str = "UTC", currency: str | None = None,
            name: str | None = None, **use: Any) -> Cast:  # fmt: skip
        """An org with an owner; `calls` are used at noon of 10 November, `plan` is given on 1 November."""
        with self.app.app_context():
            session = self.session()
            at, self.clock.at = self.clock.at, factories.utc("2026-11-01 00:00")
            made = factories.make_org(session, name=name, time_zone=zone, currency=currency)
            if plan:
                version = find_newest_version(session, plan)
                assert version is not None
                with transaction() as open_session:
                    assign_plan(open_session, made.id, version.id, interval=use.pop("interval", "month"),
                                currency="USD", actor=SYSTEM, now=self.clock.at)  # fmt: skip
            self.clock.at = at
            org_id = made.id
            owner = factories.make_member(session, made).id
            if calls:
                self.use(org_id, calls, **use)
            return Cast(org_id, owner, self.browser(org_id, owner))

    def use(self, org_id: UUID, quantity: int | str, *, meter: str = "api_calls", at: str = "2026-11-10 12:00",
            **fields: Any) -> None:  # fmt: skip
        """Record one event past all limits."""
        with self.app.app_context():
            sent = Event(id=factories.unique("event"), meter=meter, quantity=msgspec.Raw(str(quantity).encode()),
                         occurred_at=factories.utc(at), **fields)  # fmt: skip
            terms = BatchTerms(limited=False, oldest=factories.utc("2026-01-01 00:00"))
            done = record_batch(get_usage_recorder(), org_id, [sent], key_id=None, now=self.clock.at, terms=terms)
            assert done.recorded == 1, done

    def member(self, org_id: UUID, role: str) -> FlaskClient:
        """A browser of another member."""
        with self.app.app_context():
            session = self.session()
            user = factories.make_member(session, session.get_one(Org, org_id), role)
            return self.browser(org_id, user.id)

    def staff(self) -> FlaskClient:
        """A browser of somebody of the team, who is in no org."""
        with self.app.app_context():
            return self.browser(None, factories.make_user(self.session(), staff=True).id)

    def browser(self, org_id: UUID | None, user_id: UUID) -> FlaskClient:
        with self.app.app_context():
            session = self.session()
            org = session.get_one(Org, org_id) if org_id else None
            return factories.signed_in(self.app, session, session.get_one(User, user_id), org)

    def key(self, org_id: UUID | None, *scopes: str) -> dict[str, str]:
        """The headers of a call with a key of the org, or of staff."""
        with self.app.app_context():
            session = self.session()
            org = session.get_one(Org, org_id) if org_id else None
            return factories.bearer(factories.make_key(session, org, scopes=scopes or factories.ALL_SCOPES))

    def fold(self) -> None:
        """Bring the roll-ups up to date. Writing transactions of other tests hold the watermark back until they end."""
        with self.app.app_context():
            mark, until = self._number("SELECT pg_current_xact_id()::text::bigint"), time.monotonic() + 60
            more = True
            while more or self._number("SELECT upto FROM rollup_state WHERE name = 'orgs'") <= mark:
                assert time.monotonic() < until, "the watermark was held back for a minute"
                with transaction() as session:
                    more = fold_rollups(session, self.clock.at, rest=timedelta(0)).more
                time.sleep(0 if more else 0.02)

    def _number(self, asked: str) -> int:
        with transaction() as session:
            return session.execute(text(asked)).scalar_one()

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """What the request asks of the database through its session; signing in is one more, on the hot pool."""
        asked: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        with self.app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield asked
        finally:
            event.remove(engine, "before_cursor_execute", note)


def text_of(answer: TestResponse, status: int = 200) -> str:
    """What a person reads of an answer with this status."""
    assert answer.status_code == status, answer.text[:500]
    return html.unescape(answer.text).replace("\u00a0", " ")


@contextmanager
def opened_stage(server: Path, word: str, clocks: Clocks, **settings: Any) -> Iterator[Stage]:
    """A stage on a database of its own."""
    assert isinstance(clocks.business, FixedClock)
    with opened(server, word, clocks, **settings) as made:
        yield Stage(made, clocks.business)
