-- Computes the totals for staff from events: all orgs, by UTC day; a maximum is the largest of any org. Excludes unique
-- values, whose totals are sums of the orgs' days (rollup_add_unique_totals).
CREATE OR REPLACE FUNCTION usage_total_figures(
    meters integer[], since timestamptz, until timestamptz, upto bigint, floor bigint)
RETURNS TABLE (day date, meter_id integer, dimension text, value text, quantity numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.day, n.meter_id, n.dimension, n.value,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
               ELSE sum(n.amount) END,
           sum(n.events)::bigint
    FROM (
        SELECT c.meter_id, c.aggregation, d.dimension, d.value, (c.occurred_at AT TIME ZONE 'UTC')::date AS day,
               CASE WHEN c.aggregation = 'max' THEN c.org_id END AS org_id,
               CASE WHEN c.aggregation = 'max' THEN abs(c.amount) END AS peak,
               sum(c.sign) AS standing, sum(c.amount) AS amount, count(*) AS events
        FROM usage_counted c, LATERAL usage_total_dimensions(true, c.plan, c.kind, c.provider, c.endpoint, c.utc_hour) d
        WHERE c.occurred_at >= since AND c.occurred_at < until AND (meters IS NULL OR c.meter_id = ANY (meters))
          AND c.aggregation <> 'unique' AND (c.tx < upto OR c.seq <= floor)
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    ) n
    GROUP BY n.day, n.meter_id, n.dimension, n.value, n.aggregation
$$;
