-- Removes an org's counters of periods that are gone. Their reservations move to the period that contains `at`. The
-- caller must hold the org's usage lock exclusively.
CREATE OR REPLACE FUNCTION usage_drop_counters(org uuid, at timestamptz) RETURNS void LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM usage_counters c WHERE c.org_id = org
            AND NOT EXISTS (SELECT FROM subscriptions_periods p WHERE p.org_id = org AND p.starts_at = c.period_start)
        RETURNING c.meter_id, c.reserved)
    INSERT INTO usage_counters AS c (org_id, meter_id, period_start, reserved)
    SELECT org, g.meter_id, p.starts_at, sum(g.reserved)
    FROM gone g JOIN subscriptions_periods p ON p.org_id = org AND p.starts_at <= at AND p.ends_at > at
    WHERE g.reserved > 0
    GROUP BY g.meter_id, p.starts_at
    ON CONFLICT (org_id, meter_id, period_start) DO UPDATE SET reserved = c.reserved + excluded.reserved
$$;
