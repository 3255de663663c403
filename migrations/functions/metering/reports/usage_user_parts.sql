-- Returns a user's usage by month of the org's zone and meter: totals, as dimension '', of all months up to that of
-- `last`, and from the month of `first` on by kind, provider, format and attempt. The roll-up plus the events above the
-- watermark. Of the totals, a number of distinct values is as of the last fold, and so is a maximum that is reversed
-- since; of the parts, neither is known. Reads a row for each month and meter, however many users there are.
CREATE OR REPLACE FUNCTION usage_user_parts(org uuid, subject uuid, first date, last date)
RETURNS TABLE (dimension text, month date, meter_id integer, value text, quantity numeric, events bigint,
               unbilled numeric, free numeric, free_events bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    since CONSTANT date := date_trunc('month', first::timestamp);
    meters CONSTANT integer[] := ARRAY(SELECT m.id FROM catalog_meters m);
    mark record;
    months date[];
BEGIN
    SELECT * INTO mark FROM rollup_watermark(org);
    IF mark.valid THEN
        months := ARRAY(
            SELECT each::date FROM generate_series(
                (SELECT min(u.month) FROM usage_months u WHERE u.org_id = org AND u.dimension = '')::timestamp,
                date_trunc('month', last::timestamp), interval '1 month') each);
    ELSE
        RETURN QUERY
        SELECT '', a.day, a.meter_id, '', a.quantity, a.events, a.unbilled, a.free, a.free_events
        FROM usage_analytics('month', org, '2000-01-01', last, 'user') a WHERE a.value = subject::text;
    END IF;
    RETURN QUERY
    SELECT u.dimension, u.month, u.meter_id, u.value,
           CASE WHEN u.dimension = '' AND m.aggregation = 'max' THEN max(u.quantity) ELSE sum(u.quantity) END,
           sum(u.events)::bigint, sum(u.unbilled), sum(u.free), sum(u.free_events)::bigint
    FROM (
        SELECT '' AS dimension, r.month, r.meter_id, '' AS value, r.quantity, r.events, r.unbilled, r.free, r.free_events
        FROM usage_months r
        WHERE r.org_id = org AND r.dimension = 'user' AND r.month = ANY (months) AND r.meter_id = ANY (meters)
          AND r.value = subject::text
        UNION ALL
        SELECT r.dimension, r.month, r.meter_id, r.value, r.quantity, r.events, r.unbilled, r.free, r.free_events
        FROM usage_user_months r
        WHERE mark.valid AND r.org_id = org AND r.subject_id = subject AND r.month BETWEEN since AND last
        UNION ALL
        SELECT r.dimension, r.month, r.meter_id, r.value, r.quantity, r.events, r.unbilled, r.free, r.free_events
        FROM usage_recent_user(org, subject, last, mark.upto, mark.floor_seq) r
        WHERE CASE r.dimension WHEN '' THEN mark.valid ELSE r.month >= since END
    ) u JOIN catalog_meters m ON m.id = u.meter_id
    GROUP BY u.dimension, u.month, u.meter_id, u.value, m.aggregation;
END $$;
