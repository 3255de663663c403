"""Invariants after every run: every org's counter agrees with its events, and every event has its key."""

from __future__ import annotations

import psycopg

from bench.world import World

# One statement and so one snapshot: holds even while requests are in flight.
INVARIANTS = """
WITH events AS (SELECT org_id, meter_id, sum(quantity) AS used, count(*) AS events FROM usage_events GROUP BY 1, 2)
SELECT (SELECT count(*) FROM events e FULL JOIN usage_counters c USING (org_id, meter_id)
        WHERE (e.used, e.events) IS DISTINCT FROM (c.used, c.events)),
       (SELECT coalesce(sum(events), 0) FROM events), (SELECT count(*) FROM usage_keys)
"""


def counted(world: World) -> int:
    """Return the number of events. Fails if a counter or the keys disagree."""
    with psycopg.connect(world.url) as connection:
        wrong, events, keys = connection.execute(INVARIANTS).fetchone()
    assert wrong == 0, f"{wrong} counters differ from their events"
    assert events == keys, f"{events} events, {keys} keys"
    return int(events)
