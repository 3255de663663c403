-- Returns an org's usage by 'day' or 'month' of its time zone, from `first` to `last` (inclusive), for one dimension:
-- the roll-up plus the events above the watermark, so it is always current. `since` and `until`, where given, cut into
-- the first and last bucket (a usage period may start at any time of day); a cut bucket is computed from its events.
--
-- Planned once a connection: planning it over all partitions takes several times as long as running it.
CREATE OR REPLACE FUNCTION usage_series(
    bucket text, org uuid, first date, last date, since timestamptz, until timestamptz, wanted text)
RETURNS TABLE (day date, meter_id integer, value text, quantity numeric, events bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    step CONSTANT interval := ('1 ' || bucket)::interval;
    doubt CONSTANT interval := '3 hours';  -- a local midnight may occur twice, or not at all
    above CONSTANT bigint := 9223372036854775807;
    zone text;
    mark record;
    whole_from date;
    whole_to date;
    head_until timestamptz := '-infinity';  -- the first bucket is not cut
    rest_since timestamptz := 'infinity';  -- nor is the last
    recent usage_recent_row[];
    anew_meters integer[];
    anew_days date[];
BEGIN
    SELECT coalesce(r.time_zone, o.time_zone) INTO zone
    FROM accounts_orgs o LEFT JOIN rollup_orgs r ON r.org_id = o.id WHERE o.id = org;
    SELECT * INTO mark FROM rollup_watermark(org);
    first := date_trunc(bucket, first::timestamp)::date;
    since := greatest(since, first::timestamp AT TIME ZONE zone - doubt);
    until := least(until, (date_trunc(bucket, last::timestamp) + step) AT TIME ZONE zone + doubt);
    whole_from := greatest(first, date_trunc(bucket, since AT TIME ZONE zone)::date);
    IF usage_midnight(whole_from, zone) < since THEN
        whole_from := whole_from + step;
    END IF;
    whole_to := least(date_trunc(bucket, last::timestamp) + step, date_trunc(bucket, until AT TIME ZONE zone));
    IF whole_from > first THEN
        head_until := least(until, whole_from::timestamp AT TIME ZONE zone + doubt);
    END IF;
    IF whole_to <= last AND whole_to >= whole_from THEN
        rest_since := greatest(since, whole_to::timestamp AT TIME ZONE zone - doubt);
    END IF;

    recent := ARRAY(
        SELECT r FROM usage_recent(bucket, org, since - doubt, until + doubt, mark.upto, mark.floor_seq, wanted) r);
    SELECT array_agg(a.meter_id), array_agg(a.day) INTO anew_meters, anew_days
    FROM (SELECT DISTINCT r.meter_id, r.day FROM unnest(recent) r WHERE r.aggregation = 'max' AND r.lowered) a;

    RETURN QUERY
    WITH tail AS (
        SELECT r.day, r.meter_id, r.value, r.quantity, r.events FROM unnest(recent) r
        WHERE r.aggregation <> 'unique' AND r.day >= whole_from AND r.day < whole_to
    ), items AS (
        SELECT date_trunc(bucket, c.day::timestamp)::date AS day, c.meter_id, c.value, c.value_hash,
               max(c.stood) AS stood, sum(c.added) AS days, sum(c.events) AS events
        FROM usage_recent_values(org, since - doubt, until + doubt, mark.upto, mark.floor_seq, wanted) c
        WHERE EXISTS (SELECT FROM unnest(recent) r WHERE r.aggregation = 'unique') AND c.day >= whole_from
          AND c.day < whole_to
        GROUP BY 1, 2, 3, 4
    ), rolled AS (
        SELECT d.day, d.meter_id, d.value, d.quantity, d.events FROM usage_days d
        WHERE bucket = 'day' AND d.org_id = org AND d.dimension = wanted AND d.day >= whole_from AND d.day < whole_to
          AND d.events > 0
        UNION ALL
        SELECT m.month, m.meter_id, m.value, m.quantity, m.events FROM usage_months m
        WHERE bucket = 'month' AND m.org_id = org AND m.dimension = wanted AND m.month >= whole_from
          AND m.month < whole_to AND m.events > 0
    ), anew AS (
        SELECT a.meter_id, a.day FROM unnest(anew_meters, anew_days) a (meter_id, day)
    )
    SELECT u.day, u.meter_id, u.value,
           CASE WHEN m.aggregation = 'max' THEN max(u.quantity) ELSE sum(u.quantity) END, sum(u.events)::bigint
    FROM (
        SELECT r.* FROM rolled r WHERE mark.valid AND (r.meter_id, r.day) NOT IN (SELECT a.meter_id, a.day FROM anew a)
        UNION ALL
        SELECT t.* FROM tail t WHERE (t.meter_id, t.day) NOT IN (SELECT a.meter_id, a.day FROM anew a)
        UNION ALL
        SELECT i.day, i.meter_id, i.value,
               CASE bucket WHEN 'day' THEN i.days ELSE rollup_month_added(i.stood, i.days) END, i.events
        FROM items i
        UNION ALL
        SELECT f.day, f.meter_id, f.value, f.quantity, f.events
        FROM usage_figures(bucket, ARRAY[org], anew_meters,
                           CASE WHEN anew_meters IS NULL THEN 'infinity' ELSE since - doubt END,
                           until + doubt, above, 0) f
        JOIN anew a ON a.meter_id = f.meter_id AND a.day = f.day
        WHERE f.dimension = wanted AND f.day >= whole_from AND f.day < whole_to
        UNION ALL
        SELECT f.day, f.meter_id, f.value, f.quantity, f.events
        FROM usage_figures(bucket, ARRAY[org], NULL, since, head_until, above, 0) f
        WHERE f.dimension = wanted AND f.day >= first AND f.day < whole_from
        UNION ALL
        SELECT f.day, f.meter_id, f.value, f.quantity, f.events
        FROM usage_figures(bucket, ARRAY[org], NULL, rest_since, until, above, 0) f
        WHERE f.dimension = wanted AND f.day >= whole_to AND f.day <= last
    ) u JOIN catalog_meters m ON m.id = u.meter_id
    GROUP BY u.day, u.meter_id, u.value, m.aggregation;
END $$;
