-- What the counters of some orgs must say, from their events: for usage periods that end after `since`. The part never
-- priced follows the counters' own rule: of a sum, what imports added; of a maximum, what they raised it by; of unique
-- values, those that an import claimed first.
CREATE FUNCTION usage_counter_figures(orgs uuid[], since timestamptz)
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
        FROM usage_periods p
        JOIN usage_counted c ON c.org_id = p.org_id AND c.occurred_at >= p.starts_at AND c.occurred_at < p.ends_at
        WHERE p.org_id = ANY (orgs) AND p.ends_at > since
        GROUP BY c.org_id, c.meter_id, c.aggregation, p.starts_at, 5, 6, 7
    ) n
    GROUP BY n.org_id, n.meter_id, n.period_start, n.aggregation
$$;

-- The values that unique meters have counted in those periods, hashed as usage_value does.
CREATE FUNCTION usage_unique_figures(orgs uuid[], since timestamptz)
RETURNS TABLE (org_id uuid, meter_id integer, period_start timestamptz, value_hash bytea)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.org_id, c.meter_id, p.starts_at, substr(sha256(convert_to(c.item, 'UTF8')), 1, 16)
    FROM usage_periods p
    JOIN usage_counted c ON c.org_id = p.org_id AND c.occurred_at >= p.starts_at AND c.occurred_at < p.ends_at
    WHERE p.org_id = ANY (orgs) AND p.ends_at > since AND c.aggregation = 'unique' AND c.item IS NOT NULL
    GROUP BY 1, 2, 3, c.item
    HAVING sum(c.sign) > 0
$$;

-- The windows of some orgs with what their events add up to (a maximum: the greatest). Windows start at whole minutes.
CREATE FUNCTION usage_window_figures(orgs uuid[])
RETURNS TABLE (org_id uuid, meter_id integer, span text, starts_at timestamptz, used numeric, counted numeric)
LANGUAGE sql STABLE AS $$
    WITH w AS MATERIALIZED (
        SELECT w.*, m.aggregation = 'max' AS peak, CASE w.span
                   WHEN 'day' THEN greatest(  -- 24 hours, also where another zone began the day; 25 where clocks go back
                       usage_midnight((w.starts_at AT TIME ZONE o.time_zone)::date + 1, o.time_zone),
                       w.starts_at + interval '24 hours')
                   ELSE w.starts_at + ('1 ' || w.span)::interval END AS ends_at
        FROM usage_windows w JOIN orgs o ON o.id = w.org_id
        JOIN meters m ON m.id = w.meter_id AND m.aggregation <> 'unique'
        WHERE w.org_id = ANY (orgs)
    ), minutes AS MATERIALIZED (
        SELECT c.org_id, c.meter_id, date_trunc('minute', c.recorded_at) AS at,
               CASE WHEN c.aggregation = 'max' THEN max(c.amount) ELSE sum(c.amount) END AS used
        FROM usage_counted c
        WHERE c.org_id IN (SELECT w.org_id FROM w) AND c.source <> 'import'
          AND c.recorded_at >= (SELECT min(w.starts_at) FROM w)
        GROUP BY 1, 2, 3, c.aggregation
    )
    SELECT w.org_id, w.meter_id, w.span, w.starts_at, w.used,
           CASE WHEN w.peak THEN max(e.used) ELSE sum(e.used) END
    FROM w LEFT JOIN minutes e ON e.org_id = w.org_id AND e.meter_id = w.meter_id
        AND e.at >= w.starts_at AND e.at < w.ends_at
    GROUP BY w.org_id, w.meter_id, w.span, w.starts_at, w.used, w.peak
$$;

-- Write an org's counters anew from its events, for the periods that end after `since`, and for one that was cut off at
-- `since` when events ahead of the clock were counted in it before. The caller holds the org's usage lock whole. What is reserved stays; what a period that is gone had reserved goes to the one that holds `at`.
CREATE FUNCTION usage_recount(org uuid, since timestamptz, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ahead CONSTANT boolean := EXISTS (SELECT FROM usage_events e WHERE e.org_id = org AND e.occurred_at >= since);
    first CONSTANT timestamptz := (SELECT min(p.starts_at) FROM usage_periods p
                                   WHERE p.org_id = org AND (p.ends_at > since OR (ahead AND p.ends_at = since)));
BEGIN
    WITH gone AS (
        DELETE FROM usage_counters c WHERE c.org_id = org AND c.period_start >= first
            AND NOT EXISTS (SELECT FROM usage_periods p WHERE p.org_id = org AND p.starts_at = c.period_start)
        RETURNING c.meter_id, c.reserved)
    INSERT INTO usage_counters AS c (org_id, meter_id, period_start, reserved)
    SELECT org, g.meter_id, p.starts_at, sum(g.reserved)
    FROM gone g JOIN usage_periods p ON p.org_id = org AND p.starts_at <= at AND p.ends_at > at
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
