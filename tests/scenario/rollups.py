"""Bring the roll-ups up to date, as the worker's sweep does in the end."""

from __future__ import annotations

import time

from flask import Flask
from sqlalchemy import text

from app.metering.rollups.fold import fold_rollups as step
from app.web.database import transaction
from tests.today import FixedClock


def fold(app: Flask, clock: FixedClock) -> None:
    """Fold all that is committed now. Writing transactions of other tests hold the watermark back until they end."""
    with app.app_context():
        mark, until = _number("SELECT pg_current_xact_id()::text::bigint"), time.monotonic() + 60
        more = True
        while more or _number("SELECT upto FROM rollup_state WHERE name = 'orgs'") <= mark:
            assert time.monotonic() < until, "the watermark was held back for a minute"
            with transaction() as session:
                more = step(session, clock.at).more
            time.sleep(0 if more else 0.02)


def _number(asked: str) -> int:
    with transaction() as session:
        return int(session.execute(text(asked)).scalar_one())
