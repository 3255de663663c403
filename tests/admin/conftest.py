"""The staff's pages play on the same installation as the customer's."""

from tests.portal.conftest import app, clock, clocks, scenario, wall, written

__all__ = ["app", "clock", "clocks", "scenario", "wall", "written"]
