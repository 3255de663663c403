-- Computes some orgs' figures from events, per bucket: 'day', 'month' (in the org's time zone) or 'range' (one row for
-- the whole range). `meters` selects meters; NULL for all. Includes the events below the watermark: in a transaction
-- before `upto`, or among the first `floor` rows. A reversing event removes its original from a maximum or a set of
-- unique values; both have the same time, so a bucket contains either both or neither.
CREATE OR REPLACE FUNCTION usage_figures(
    bucket text, orgs uuid[], meters integer[], since timestamptz, until timestamptz, upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, day date, meter_id integer, dimension text, value text, quantity numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.org_id, n.day, n.meter_id, n.dimension, n.value,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
               WHEN 'unique' THEN count(n.item) FILTER (WHERE n.standing > 0)::numeric
               ELSE sum(n.amount) END,
           sum(n.events)::bigint
    FROM (
        SELECT c.org_id, c.meter_id, c.aggregation, c.dimension, c.value,
               CASE bucket WHEN 'range' THEN DATE '1970-01-01' WHEN 'month' THEN date_trunc('month', c.local_at)::date
                    ELSE c.local_at::date END AS day,
               CASE WHEN c.aggregation = 'unique' THEN c.item END AS item,
               CASE WHEN c.aggregation = 'max' THEN abs(c.amount) END AS peak,
               sum(c.sign) AS standing, sum(c.amount) AS amount, count(*) AS events
        FROM usage_by_dimension c
        WHERE c.org_id = ANY (orgs) AND c.occurred_at >= since AND c.occurred_at < until
          AND (meters IS NULL OR c.meter_id = ANY (meters))
          AND (c.tx < upto OR c.seq <= floor)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ) n
    GROUP BY n.org_id, n.day, n.meter_id, n.dimension, n.value, n.aggregation
$$;
