-- Returns an org's usage by 'day' or 'month' of its time zone, from `first` to `last` (inclusive), for some dimensions
-- ('' is the total) in one pass: the roll-up plus the events above the watermark, so it is always current. With
-- `measured` also what does not count, parts and histograms (packed; NULL where no event has any); without, they are
-- NULL, and rows have events that count. `since` and `until`, where given, cut into the first and last bucket (a usage
-- period may start at any time of day); a cut bucket is computed from its events, without what is measured.
--
-- Planned once a connection. What reads the events of all partitions stands apart and runs only where it is needed:
-- cut buckets, values of unique meters, and maxima that are taken back.
CREATE OR REPLACE FUNCTION usage_over_time(
    bucket text, org uuid, first date, last date, since timestamptz, until timestamptz, wanted text[], measured boolean)
RETURNS TABLE (dimension text, day date, meter_id integer, value text, quantity numeric, events bigint,
               unbilled numeric, free numeric, free_events bigint, responses numeric, latency numeric, sizes numeric)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    step CONSTANT interval := ('1 ' || bucket)::interval;
    doubt CONSTANT interval := '3 hours';  -- a local midnight may occur twice, or not at all
    above CONSTANT bigint := 9223372036854775807;
    zone text;
    mark record;
    whole_from date;
    whole_to date;
    recent usage_recent_row[];
    again usage_recent_row[];
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
        RETURN QUERY
        SELECT f.dimension, f.day, f.meter_id, f.value, f.quantity, f.events, NULL::numeric, NULL::numeric,
               NULL::bigint, NULL::numeric, NULL::numeric, NULL::numeric
        FROM usage_figures(bucket, ARRAY[org], NULL, since,
                           least(until, whole_from::timestamp AT TIME ZONE zone + doubt), above, 0) f
        WHERE f.dimension = ANY (wanted) AND f.day >= first AND f.day < whole_from;
    END IF;
    IF whole_to <= last AND whole_to >= whole_from THEN
        RETURN QUERY
        SELECT f.dimension, f.day, f.meter_id, f.value, f.quantity, f.events, NULL::numeric, NULL::numeric,
               NULL::bigint, NULL::numeric, NULL::numeric, NULL::numeric
        FROM usage_figures(bucket, ARRAY[org], NULL,
                           greatest(since, whole_to::timestamp AT TIME ZONE zone - doubt), until, above, 0) f
        WHERE f.dimension = ANY (wanted) AND f.day >= whole_to AND f.day <= last;
    END IF;

    recent := ARRAY(
        SELECT r FROM usage_recent(bucket, org, since - doubt, until + doubt, mark.upto, mark.floor_seq, wanted,
                                   measured) r
        WHERE r.day >= whole_from AND r.day < whole_to);
    IF EXISTS (SELECT FROM unnest(recent) r WHERE r.aggregation = 'max' AND r.lowered) THEN
        -- Both the roll-up and what is recent are replaced by what all events of the bucket say.
        again := ARRAY(
            SELECT (f.dimension, f.day, f.meter_id, 'max', f.value, f.quantity, f.events, false, NULL, NULL, NULL, NULL,
                    NULL, NULL)::usage_recent_row
            FROM (SELECT array_agg(DISTINCT r.meter_id) AS meters, array_agg(DISTINCT r.day) AS days FROM unnest(recent) r
                  WHERE r.aggregation = 'max' AND r.lowered) a,
                 usage_figures(bucket, ARRAY[org], a.meters, since - doubt, until + doubt, above, 0) f
            WHERE f.dimension = ANY (wanted) AND f.day = ANY (a.days) AND f.day >= whole_from AND f.day < whole_to);
    END IF;
    IF EXISTS (SELECT FROM unnest(recent) r WHERE r.aggregation = 'unique' AND r.events > 0) THEN
        again := again || ARRAY(
            SELECT (i.dimension, i.day, i.meter_id, 'unique', i.value,
                    sum(CASE bucket WHEN 'day' THEN i.days ELSE rollup_month_added(i.stood, i.days) END),
                    sum(i.events)::bigint, false, NULL, NULL, NULL, NULL, NULL, NULL)::usage_recent_row
            FROM (SELECT c.dimension, date_trunc(bucket, c.day::timestamp)::date AS day, c.meter_id, c.value,
                         max(c.stood) AS stood, sum(c.added) AS days, sum(c.events) AS events
                  FROM usage_recent_values(org, since - doubt, until + doubt, mark.upto, mark.floor_seq, wanted) c
                  GROUP BY 1, 2, 3, 4, c.value_hash) i
            WHERE i.day >= whole_from AND i.day < whole_to
            GROUP BY i.dimension, i.day, i.meter_id, i.value);
    END IF;

    RETURN QUERY
    WITH given AS (
        SELECT d.dimension, d.day, d.meter_id, d.value, d.quantity, d.events, d.unbilled, d.free, d.free_events,
               d.responses, d.latency, d.sizes
        FROM usage_days d
        WHERE bucket = 'day' AND mark.valid AND d.org_id = org AND d.dimension = ANY (wanted)
          AND d.day >= whole_from AND d.day < whole_to AND (measured OR d.events > 0)
        UNION ALL
        SELECT m.dimension, m.month, m.meter_id, m.value, m.quantity, m.events, m.unbilled, m.free, m.free_events,
               m.responses, m.latency, m.sizes
        FROM usage_months m
        WHERE bucket = 'month' AND mark.valid AND m.org_id = org AND m.dimension = ANY (wanted)
          AND m.month >= whole_from AND m.month < whole_to AND (measured OR m.events > 0)
        UNION ALL
        SELECT r.dimension, r.day, r.meter_id, r.value, r.quantity,
               CASE WHEN r.aggregation <> 'unique' THEN r.events END, r.unbilled, r.free, r.free_events, r.responses,
               r.latency, r.sizes
        FROM unnest(recent) r
    ), replaced AS (
        SELECT DISTINCT a.meter_id, a.day FROM unnest(again) a WHERE a.aggregation = 'max'
    )
    SELECT u.dimension, u.day, u.meter_id, u.value,
           coalesce(CASE WHEN m.aggregation = 'max' THEN max(u.quantity) ELSE sum(u.quantity) END, 0),
           coalesce(sum(u.events), 0)::bigint, sum(u.unbilled), sum(u.free), sum(u.free_events)::bigint,
           sum(u.responses), sum(u.latency), sum(u.sizes)
    FROM (
        SELECT g.dimension, g.day, g.meter_id, g.value, CASE WHEN p.day IS NULL AND g.events > 0 THEN g.quantity END,
               CASE WHEN p.day IS NULL THEN g.events END,
               CASE WHEN measured THEN g.unbilled END, CASE WHEN measured THEN g.free END,
               CASE WHEN measured THEN g.free_events END, CASE WHEN measured THEN g.responses END,
               CASE WHEN measured THEN g.latency END, CASE WHEN measured THEN g.sizes END
        FROM given g LEFT JOIN replaced p ON p.meter_id = g.meter_id AND p.day = g.day
        UNION ALL
        SELECT a.dimension, a.day, a.meter_id, a.value, a.quantity, a.events, NULL, NULL, NULL, NULL, NULL, NULL
        FROM unnest(again) a
    ) u (dimension, day, meter_id, value, quantity, events, unbilled, free, free_events, responses, latency, sizes)
    JOIN catalog_meters m ON m.id = u.meter_id
    GROUP BY u.dimension, u.day, u.meter_id, u.value, m.aggregation
    HAVING sum(u.events) > 0 OR measured AND (count(u.unbilled) > 0 OR count(u.free_events) > 0
        OR count(u.responses) > 0 OR count(u.latency) > 0 OR count(u.sizes) > 0);
END $$;
