-- Computes from the events what an org used of each meter in [since, until), as far as transactions below a mark wrote
-- them. The part never priced (`unbilled`) follows the counters' rule: for a sum, what imports added; for a maximum, what
-- they raised it by; for unique values, those that only imports brought.
CREATE OR REPLACE FUNCTION usage_marked_figures(org uuid, since timestamptz, until timestamptz, below bigint)
RETURNS TABLE (meter_id integer, aggregation text, used numeric, unbilled numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.meter_id, n.aggregation,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
               WHEN 'unique' THEN count(n.item) FILTER (WHERE n.standing > 0)::numeric
               ELSE sum(n.amount) END,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
                   - coalesce(max(n.peak) FILTER (WHERE n.standing > 0 AND NOT n.unbilled), 0)
               WHEN 'unique' THEN count(n.item) FILTER (WHERE n.standing > 0 AND n.only_imported)::numeric
               ELSE coalesce(sum(n.amount) FILTER (WHERE n.unbilled), 0) END,
           sum(n.events)::bigint
    FROM (
        SELECT c.meter_id, c.aggregation,
               CASE WHEN c.aggregation = 'unique' THEN c.item END AS item,
               CASE WHEN c.aggregation = 'max' THEN abs(c.amount) END AS peak,
               CASE WHEN c.aggregation <> 'unique' THEN c.unbilled END AS unbilled,
               CASE WHEN c.aggregation = 'unique' THEN bool_and(c.unbilled) END AS only_imported,
               sum(c.sign) AS standing, sum(c.amount) AS amount, count(*) AS events
        FROM usage_counted c
        WHERE c.org_id = org AND c.occurred_at >= since AND c.occurred_at < until AND c.tx < below
        GROUP BY c.meter_id, c.aggregation, 3, 4, 5
    ) n
    GROUP BY n.meter_id, n.aggregation
$$;
