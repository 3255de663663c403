"""The installation of the customer's pages: with the shipped catalogue."""

from tests.portal.conftest import app, clock, clocks, scenario, wall, written

__all__ = ["app", "clock", "clocks", "scenario", "wall", "written"]
