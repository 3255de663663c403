-- Recounts an org's counters from its events, for the periods that end after `since`, and for one cut short at `since`
-- if it had counted events ahead of the clock. The caller must hold the org's usage lock exclusively. Reservations are
-- kept; those of a removed period move to the period that contains `at`.
CREATE OR REPLACE FUNCTION usage_recount(org uuid, since timestamptz, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ahead CONSTANT boolean := EXISTS (SELECT FROM usage_events e WHERE e.org_id = org AND e.occurred_at >= since);
    first CONSTANT timestamptz := (SELECT min(p.starts_at) FROM subscriptions_periods p
                                   WHERE p.org_id = org AND (p.ends_at > since OR (ahead AND p.ends_at = since)));
BEGIN
    WITH gone AS (
        DELETE FROM usage_counters c WHERE c.org_id = org AND c.period_start >= first
            AND NOT EXISTS (SELECT FROM subscriptions_periods p WHERE p.org_id = org AND p.starts_at = c.period_start)
        RETURNING c.meter_id, c.reserved)
    INSERT INTO usage_counters AS c (org_id, meter_id, period_start, reserved)
    SELECT org, g.meter_id, p.starts_at, sum(g.reserved)
    FROM gone g JOIN subscriptions_periods p ON p.org_id = org AND p.starts_at <= at AND p.ends_at > at
    WHERE g.reserved > 0
    GROUP BY g.meter_id, p.starts_at
    ON CONFLICT (org_id, meter_id, period_start) DO UPDATE SET reserved = c.reserved + excluded.reserved;

    UPDATE usage_counters c SET used = 0, unbilled = 0, events = 0 WHERE c.org_id = org AND c.period_start >= first;
    INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
    SELECT * FROM usage_counter_figures(ARRAY[org], first)
    ON CONFLICT (org_id, meter_id, period_start)
    DO UPDATE SET used = excluded.used, unbilled = excluded.unbilled, events = excluded.events;

    DELETE FROM usage_uniques u WHERE u.org_id = org AND u.period_start >= first;
    INSERT INTO usage_uniques (org_id, meter_id, period_start, value_hash)
    SELECT * FROM usage_unique_figures(ARRAY[org], first);
END $$;
