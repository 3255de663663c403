"""Twelve months of events for ten thousand orgs, written as the product stores them and folded by its own fold.

A few orgs have many events and most have few; each has ten users. A chunk is one transaction, so that the fold's steps
find as many transactions as a busy day leaves.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from bench import rollups
from bench.world import ORGS, World

CHUNK = 250_000
USERS = 10

# As one transaction an event would, but in sets; only the order of time is more regular than in life.
_EVENTS = """
WITH made AS MATERIALIZED (
    SELECT md5('event' || n)::uuid AS key, 1 + floor(%(orgs)s * power(random(), 2))::int AS org, n,
           %(first)s + (n::float8 / %(total)s) * (%(last)s::timestamptz - %(first)s) AS at
    FROM generate_series(%(start)s::bigint, %(end)s::bigint) n
), placed AS MATERIALIZED (
    SELECT m.*, ('00000000-0000-7000-8000-' || lpad(to_hex(m.org), 12, '0'))::uuid AS org_id FROM made m
), kept AS (
    INSERT INTO usage_keys (org_id, key, content, occurred_at)
    SELECT p.org_id, p.key, decode(replace(p.key::text, '-', ''), 'hex'), p.at FROM placed p ORDER BY 1, 2
)
INSERT INTO usage_events (org_id, meter_id, occurred_at, recorded_at, key, event_id, quantity, billable, source, kind,
                          provider, endpoint, language, format, status_code, response_ms, file_bytes, api_key_id,
                          subject_id, plan_version_id)
SELECT p.org_id, m.ids[1 + p.n %% 4], p.at, p.at, p.key, p.key::text, 1 + p.n %% 50, true, 'api',
       'kind-' || p.n %% 5, 'provider-' || p.n / 3 %% 4, '/v1/endpoint-' || p.n %% 12,
       CASE WHEN p.n %% 2 = 0 THEN 'language-' || p.n %% 6 END, CASE WHEN p.n %% 3 = 0 THEN 'format-' || p.n %% 4 END,
       CASE WHEN p.n %% 100 = 0 THEN 500 WHEN p.n %% 50 = 1 THEN 404 ELSE 200 END,
       20 + (power(random(), 3) * 3000)::int,
       CASE WHEN p.n %% 3 = 0 THEN (power(random(), 2) * 9000000)::bigint END, p.org_id,
       md5(p.org || ' ' || p.n %% %(users)s)::uuid, m.version_id
FROM placed p, (
    SELECT (SELECT array_agg(id ORDER BY key) FROM meters WHERE key <> 'tokens') AS ids, v.id AS version_id
    FROM plan_versions v JOIN plans p ON p.id = v.plan_id AND p.key = 'bench') m
"""
_USERS = """
INSERT INTO subjects (org_id, id, label)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(o), 12, '0'))::uuid, md5(o || ' ' || u)::uuid, 'user-' || u
FROM generate_series(1, %(orgs)s) o, generate_series(0, %(users)s - 1) u ON CONFLICT DO NOTHING
"""
_COUNTERS = """
INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, events)
SELECT e.org_id, e.meter_id, %(month)s, sum(e.quantity), count(*) FROM usage_events e WHERE e.occurred_at >= %(month)s
GROUP BY 1, 2 ON CONFLICT (org_id, meter_id, period_start) DO UPDATE SET used = excluded.used, events = excluded.events
"""


def fill(world: World, start: int, end: int) -> None:
    """Write the events `start` to `end` - 1, spread over the last twelve months, and count them. Folds nothing."""
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    facts = {"orgs": ORGS, "users": USERS, "first": month.replace(year=now.year - 1), "last": now, "month": month,
             "total": end}  # fmt: skip
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SELECT usage_partitions(%s, 0, 13)", [facts["first"]])
        connection.execute(_USERS, facts)
        for first in range(start, end, CHUNK):
            connection.execute(_EVENTS, {**facts, "start": first, "end": min(first + CHUNK, end) - 1})
        connection.execute(_COUNTERS, facts)
        connection.execute("VACUUM ANALYZE")


def fold(world: World) -> int:
    """Fold what is due in the product's steps; returns the events folded, and asserts that none is missing."""
    engine = rollups.one_connection(world)
    folded, _ = rollups.fold(engine)
    engine.dispose()
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute(
            "SELECT (SELECT sum(events) FROM usage_days WHERE dimension = ''), (SELECT count(*) FROM usage_events)"
        ).fetchone()
    assert row is not None
    assert row[0] == row[1], f"{row[0]} events in the roll-ups, {row[1]} recorded"
    return folded
