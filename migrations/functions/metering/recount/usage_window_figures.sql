-- Lists some orgs' windows with the sum (or maximum) of the events that happened in them. Windows start on whole minutes.
CREATE OR REPLACE FUNCTION usage_window_figures(orgs uuid[])
RETURNS TABLE (org_id uuid, meter_id integer, span text, starts_at timestamptz, used numeric, counted numeric)
LANGUAGE sql STABLE AS $$
    WITH w AS MATERIALIZED (
        SELECT w.*, m.aggregation = 'max' AS peak
        FROM usage_windows w
        JOIN catalog_meters m ON m.id = w.meter_id AND m.aggregation <> 'unique'
        WHERE w.org_id = ANY (orgs)
    ), minutes AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, date_trunc('minute', c.occurred_at) AS at,
               CASE WHEN c.aggregation = 'max' THEN max(c.amount) ELSE sum(c.amount) END AS used
        FROM usage_counted c
        WHERE c.org_id IN (SELECT w.org_id FROM w) AND c.source <> 'import'
          AND c.occurred_at >= (SELECT min(w.starts_at) FROM w)
        GROUP BY 1, 2, 3, c.aggregation
    )
    SELECT w.org_id, w.meter_id, w.span, w.starts_at, w.used,
           CASE WHEN w.peak THEN max(e.used) ELSE sum(e.used) END
    FROM w LEFT JOIN minutes e ON e.org_id = w.org_id AND e.meter_id = w.meter_id
        AND e.at >= w.starts_at AND e.at < w.ends_at
    GROUP BY w.org_id, w.meter_id, w.span, w.starts_at, w.used, w.peak
$$;
