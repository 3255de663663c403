-- Computes an org's counters in the periods that usage_moved_parts names, once usage_move_values is done. Sums and
-- counts are exact. A maximum and unique values that depend on what is left of a period are `unsure`: a maximum is then
-- at least this, unique values are at most so many.
CREATE OR REPLACE FUNCTION usage_moved_figures(org uuid, since timestamptz, at timestamptz)
RETURNS TABLE (
    meter_id integer, period_start timestamptz, used numeric, billable numeric, events bigint, unsure boolean)
LANGUAGE sql STABLE AS $$
    WITH parts AS MATERIALIZED (
        SELECT * FROM usage_moved_parts(org, since, at)
    ), read AS MATERIALIZED (
        SELECT p.was, p.is_in, f.meter_id, f.used, f.used - f.unbilled AS billable, f.events, false AS unsure
        FROM parts p, LATERAL usage_span_figures(org, p.starts_at, p.ends_at) f WHERE NOT p.rest
    ), taken AS (
        SELECT r.was, r.meter_id, sum(r.used) AS used, sum(r.billable) AS billable, sum(r.events) AS events,
               max(r.used) AS peak, max(r.billable) AS billable_peak
        FROM read r GROUP BY 1, 2
    ), rest AS (  -- a maximum that no part taken reaches is in the rest; otherwise it may be lower there
        SELECT p.was, p.is_in, c.meter_id,
               CASE WHEN m.aggregation <> 'max' THEN c.used - coalesce(t.used, 0)
                    WHEN c.used > coalesce(t.peak, 0) THEN c.used ELSE 0 END AS used,
               CASE WHEN m.aggregation <> 'max' THEN c.billable - coalesce(t.billable, 0)
                    WHEN c.billable > coalesce(t.billable_peak, 0) THEN c.billable ELSE 0 END AS billable,
               c.events - coalesce(t.events, 0) AS events,
               c.unsettled IS NOT NULL OR (t.events > 0 AND CASE m.aggregation
                   WHEN 'max' THEN (c.used > 0 AND c.used <= t.peak)
                       OR (c.billable > 0 AND c.billable <= t.billable_peak)
                   ELSE m.aggregation = 'unique' END) AS unsure
        FROM parts p
        JOIN usage_counters c ON c.org_id = org AND c.period_start = p.was
        JOIN catalog_meters m ON m.id = c.meter_id
        LEFT JOIN taken t ON t.was = p.was AND t.meter_id = c.meter_id
        WHERE p.rest
    ), emptied AS (
        SELECT NULL::timestamptz, c.period_start, c.meter_id, 0::numeric, 0::numeric, 0::bigint, false
        FROM usage_counters c WHERE c.org_id = org AND c.period_start IN (SELECT p.is_in FROM parts p)
    )
    SELECT a.meter_id, a.is_in,
           CASE m.aggregation WHEN 'max' THEN greatest(max(a.used), max(a.billable)) WHEN 'unique' THEN v.known
                ELSE sum(a.used) END,
           CASE m.aggregation WHEN 'max' THEN max(a.billable) WHEN 'unique' THEN v.billable ELSE sum(a.billable) END,
           sum(a.events)::bigint, bool_or(a.unsure)
    FROM (SELECT * FROM read UNION ALL SELECT * FROM rest UNION ALL SELECT * FROM emptied) a
    JOIN catalog_meters m ON m.id = a.meter_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS known, count(*) FILTER (WHERE u.billable) AS billable FROM usage_uniques u
        WHERE u.org_id = org AND u.meter_id = a.meter_id AND u.period_start = a.is_in) v ON m.aggregation = 'unique'
    GROUP BY a.meter_id, a.is_in, m.aggregation, v.known, v.billable
$$;
