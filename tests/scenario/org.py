"""One org of a story."""

from __future__ import annotations

from tests.scenario.acting import Acting
from tests.scenario.buying import Buying
from tests.scenario.readouts import Readouts
from tests.scenario.using import Using


class Org(Buying, Using, Acting, Readouts):
    """What it does returns it again, where nothing else is asked for, so that acts can be chained."""
