-- Computes from the events what some orgs' counters should be, for usage periods that end after `since`. The part never
-- priced follows the counters' rule: for a sum, what imports added; for a maximum, what they raised it by; for unique
-- values, those that an import claimed first.
CREATE OR REPLACE FUNCTION usage_counter_figures(orgs uuid[], since timestamptz)
RETURNS TABLE (org_id uuid, meter_id integer, period_start timestamptz, used numeric, unbilled numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.org_id, n.meter_id, n.period_start,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
               WHEN 'unique' THEN count(n.item) FILTER (WHERE n.standing > 0)::numeric
               ELSE sum(n.amount) END,
           CASE n.aggregation
               WHEN 'max' THEN coalesce(max(n.peak) FILTER (WHERE n.standing > 0), 0)
                   - coalesce(max(n.peak) FILTER (WHERE n.standing > 0 AND NOT n.unbilled), 0)
               WHEN 'unique' THEN count(n.item) FILTER (WHERE n.standing > 0 AND n.imported_first)::numeric
               ELSE coalesce(sum(n.amount) FILTER (WHERE n.unbilled), 0) END,
           sum(n.events)::bigint
    FROM (
        SELECT c.org_id, c.meter_id, c.aggregation, p.starts_at AS period_start,
               CASE WHEN c.aggregation = 'unique' THEN c.item END AS item,
               CASE WHEN c.aggregation = 'max' THEN abs(c.amount) END AS peak,
               CASE WHEN c.aggregation <> 'unique' THEN c.unbilled END AS unbilled,
               CASE WHEN c.aggregation = 'unique' THEN (array_agg(c.unbilled ORDER BY c.seq))[1] END AS imported_first,
               sum(c.sign) AS standing, sum(c.amount) AS amount, count(*) AS events
        FROM subscriptions_periods p
        JOIN usage_counted c ON c.org_id = p.org_id AND c.occurred_at >= p.starts_at AND c.occurred_at < p.ends_at
        WHERE p.org_id = ANY (orgs) AND p.ends_at > since
        GROUP BY c.org_id, c.meter_id, c.aggregation, p.starts_at, 5, 6, 7
    ) n
    GROUP BY n.org_id, n.meter_id, n.period_start, n.aggregation
$$;
