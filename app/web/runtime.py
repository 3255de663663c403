"""What a running app needs: settings, clocks, the hot pool. Stored on the app, never in a module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from app.kit.clock import Clocks
from app.kit.pool import HotPool
from app.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """Created once, by the factory. `started_at` is business time: it is compared with when rows were written."""

    settings: Settings
    clocks: Clocks
    pool: HotPool
    started_at: datetime


def runtime() -> Runtime:
    """The running app's runtime."""
    current: Runtime = current_app.extensions["tollkeeper"]
    return current


def business_now() -> datetime:
    """The business clock's time: for periods, events, invoices and leases."""
    return runtime().clocks.business.now()


def wall_now() -> datetime:
    """The wall clock's time: for sessions, tokens and rate limits."""
    return runtime().clocks.wall.now()
