"""Orgs over months without Stripe: every line is what an oracle of its own makes of the files and the events."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.kit.clock import Clocks
from app.metering.partitions import ensure_partitions
from app.settings import PROJECT
from tests.billing_runs import simulation
from tests.billing_runs.simulation.oracle import expect_lines
from tests.billing_runs.simulation.player import Player
from tests.billing_runs.simulation.story import invent
from tests.support.database import own_database
from tests.support.installation import app_on
from tests.today import NOON, FixedClock

ORGS = {"scan_api": 100, "conversion": 100, "coaching": 40, "transformations": 60}
MONTHS, SEEDS = 12, (1, 2, 3)
SAMPLE = [(name, 0, 2, 4) for name in ORGS]
WHOLE = [(name, seed, orgs, MONTHS) for seed in SEEDS for name, orgs in ORGS.items()]
_PRODUCT = re.compile(r"^\s*(from|import) (app|sandbox)\b", re.MULTILINE)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "seed", "orgs", "months"), [*SAMPLE, *(pytest.param(*each, marks=pytest.mark.long) for each in WHOLE)]
)
@pytest.mark.slow
def test_every_line_is_what_files_and_events_say(
    server: Path, clocks: Clocks, clock: FixedClock, name: str, seed: int, orgs: int, months: int
) -> None:
    catalogue = (PROJECT / "catalogs" / f"{name}.toml").read_text(encoding="utf-8")
    story = invent(catalogue, seed, orgs=orgs, months=months, last=NOON)
    with own_database(server, "simulated") as url, app_on(url, clocks) as app, app.app_context():
        clock.at = story.end
        ensure_partitions(back=months + 2)
        player = Player(story, clock)
        player.play()
        lines, expected = player.read_lines(), expect_lines(story)
    found = dict(lines)
    assert len(found) == len(lines), "two lines for one meter and period"
    keys = [key for key in {*found, *expected} if found.get(key) != expected.get(key)]
    wrong = {key: (found.get(key), expected.get(key)) for key in keys}
    assert wrong == {}, f"{len(wrong)} of {len(expected)} lines of {name}, seed {seed}"


def test_the_oracle_knows_nothing_of_the_product() -> None:
    folder = Path(simulation.__file__).parent
    for name in ("oracle", "lives", "prices", "spans", "story", "org_story"):
        assert not _PRODUCT.search((folder / f"{name}.py").read_text(encoding="utf-8")), name
