"""The picture on the home page: three bars of an org that does not exist. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from app.kit.periods import month_of
from app.portal.views_models import MeterBar


def bars(now: datetime) -> list[MeterBar]:
    """One bar that is fine, one near its limit, one above its allowance."""
    resets = month_of(now, "UTC").end
    return [
        MeterBar("sample-calls", "API calls", "calls", Decimal(31204), Decimal(50000), 62, resets,
                 policy="Above that, each is billed at $0.01."),
        MeterBar("sample-minutes", "Minutes", "minutes", Decimal(1014), Decimal(1200), 84, resets, state="near",
                 policy="Refused at 100 %.", forecast="Full about Tuesday 14:00."),
        MeterBar("sample-documents", "Documents", "documents", Decimal(1120), Decimal(1000), 112, resets, state="over",
                 policy="Above that, each is billed at $0.05."),
    ]  # fmt: skip
