"""Races use real connections, threads and processes on the migrated database."""

from __future__ import annotations

from tests.metering.conftest import world

__all__ = ["world"]
