"""What a running app holds: settings, clocks, the hot pool. Found on the app, never in a module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from app.kit.clock import Clocks
from app.kit.pool import HotPool
from app.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """Made once by the factory."""

    settings: Settings
    clocks: Clocks
    pool: HotPool


def runtime() -> Runtime:
    """The running app's own."""
    held: Runtime = current_app.extensions["tollkeeper"]
    return held


def business_now() -> datetime:
    """The business clock's instant: periods, events, invoices, leases."""
    return runtime().clocks.business.now()


def wall_now() -> datetime:
    """The wall clock's instant: sessions, tokens, limits of requests."""
    return runtime().clocks.wall.now()
