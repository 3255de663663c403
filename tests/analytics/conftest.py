"""Revenue is read from the installation that staff's pages play on."""

from tests.portal.conftest import app, clock, clocks, scenario, wall, written

__all__ = ["app", "clock", "clocks", "scenario", "wall", "written"]
