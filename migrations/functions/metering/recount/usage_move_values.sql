-- Moves the values of an org's unique meters to the periods that usage_moved_parts names. Exact for the parts it reads.
-- The rest of a period keeps all values that the period had, so also those that occurred only in a part that left:
-- never too few. Costs the events of the parts it reads, and a row for each value of a period that has a new start.
CREATE OR REPLACE FUNCTION usage_move_values(org uuid, since timestamptz, at timestamptz) RETURNS void
LANGUAGE sql AS $$
    WITH parts AS MATERIALIZED (
        SELECT * FROM usage_moved_parts(org, since, at)
    ), gone AS (
        DELETE FROM usage_uniques u USING parts p, catalog_meters m
        WHERE p.rest AND p.is_in <> p.was AND m.aggregation = 'unique'
          AND u.org_id = org AND u.meter_id = m.id AND u.period_start = p.was
        RETURNING u.meter_id, p.is_in, u.value_hash, u.billable
    ), arrived AS (
        SELECT * FROM gone
        UNION ALL
        SELECT v.meter_id, p.is_in, v.value_hash, v.billable
        FROM parts p, LATERAL usage_span_values(org, p.starts_at, p.ends_at, 0) v WHERE NOT p.rest
    )
    INSERT INTO usage_uniques AS u (org_id, meter_id, period_start, value_hash, billable)
    SELECT org, a.meter_id, a.is_in, a.value_hash, bool_or(a.billable) FROM arrived a GROUP BY 2, 3, 4
    ON CONFLICT (org_id, meter_id, period_start, value_hash) DO UPDATE SET billable = true
        WHERE NOT u.billable AND excluded.billable
$$;
