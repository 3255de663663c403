-- Computes what the events of the transactions [mark, upto) above `floor` change for the values of unique meters, by
-- day: how an item stands afterwards (the sum of its events' signs), what that adds to the day's quantity, and, for
-- rollup_month_added, on how many days of the month it `stood` before: 1 may mean more unless it loses the day. Below a
-- mark of 0 there are no events, so nothing stands. Each row costs two look-ups in rollup_values at most.
CREATE OR REPLACE FUNCTION rollup_value_changes(
    orgs uuid[], since timestamptz, until timestamptz, mark bigint, upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, meter_id integer, dimension text, value text, value_hash bytea, day date, standing bigint,
               added integer, stood integer, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT a.org_id, a.meter_id, a.dimension, a.value, a.value_hash, a.day, a.before + a.signs, a.added,
           CASE WHEN a.added = 0 OR mark = 0 THEN 0 ELSE (
               SELECT count(*)::integer FROM (
                   SELECT FROM rollup_values v
                   WHERE v.org_id = a.org_id AND v.meter_id = a.meter_id AND v.value_hash = a.value_hash
                     AND v.day >= date_trunc('month', a.day::timestamp)::date
                     AND v.day < (date_trunc('month', a.day::timestamp) + interval '1 month')::date AND v.standing > 0
                   LIMIT CASE WHEN a.added > 0 THEN 1 ELSE 31 END) v) END,
           a.events
    FROM (
        SELECT b.*, (b.value_hash IS NOT NULL AND b.before + b.signs > 0)::integer
                    - (b.value_hash IS NOT NULL AND b.before > 0)::integer AS added
        FROM (
            SELECT h.*, coalesce((
                SELECT v.standing FROM rollup_values v
                WHERE v.org_id = h.org_id AND v.meter_id = h.meter_id AND v.value_hash = h.value_hash AND v.day = h.day
                  AND mark > 0), 0) AS before
            FROM (
                SELECT e.org_id, e.meter_id, e.dimension, e.value, e.local_at::date AS day,
                       rollup_value_hash(e.dimension, e.value, e.item) AS value_hash,
                       sum(e.sign) AS signs, count(*) AS events
                FROM usage_by_dimension e
                WHERE (orgs IS NULL OR e.org_id = ANY (orgs)) AND e.occurred_at >= since AND e.occurred_at < until
                  AND e.aggregation = 'unique' AND e.tx >= mark AND e.tx < upto AND e.seq > floor
                GROUP BY 1, 2, 3, 4, 5, e.item
            ) h
            OFFSET 0  -- one look-up, not one for each mention of `before`
        ) b
    ) a
$$;
