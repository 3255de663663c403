-- Returns a user's usage by month of the org's zone up to the month of `last`, each month with any: the roll-up plus
-- the events above the watermark. A number of distinct values is as of the last fold, and so is a maximum that is
-- reversed since. Reads a row for each month and meter, however many users there are.
CREATE OR REPLACE FUNCTION usage_user_series(org uuid, subject uuid, last date)
RETURNS TABLE (month date, meter_id integer, quantity numeric, events bigint, unbilled numeric, free numeric,
               free_events bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    months CONSTANT date[] := ARRAY(
        SELECT each::date FROM generate_series(
            (SELECT min(u.month) FROM usage_months u WHERE u.org_id = org AND u.dimension = '')::timestamp,
            date_trunc('month', last::timestamp), interval '1 month') each);
    meters CONSTANT integer[] := ARRAY(SELECT m.id FROM catalog_meters m);
    mark record;
BEGIN
    SELECT * INTO mark FROM rollup_watermark(org);
    IF NOT mark.valid THEN
        RETURN QUERY
        SELECT a.day, a.meter_id, a.quantity, a.events, a.unbilled, a.free, a.free_events
        FROM usage_analytics('month', org, '2000-01-01', last, 'user') a WHERE a.value = subject::text;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT u.month, u.meter_id, CASE WHEN m.aggregation = 'max' THEN max(u.quantity) ELSE sum(u.quantity) END,
           sum(u.events)::bigint, sum(u.unbilled), sum(u.free), sum(u.free_events)::bigint
    FROM (
        SELECT r.month, r.meter_id, r.quantity, r.events, r.unbilled, r.free, r.free_events FROM usage_months r
        WHERE r.org_id = org AND r.dimension = 'user' AND r.month = ANY (months) AND r.meter_id = ANY (meters)
          AND r.value = subject::text
        UNION ALL
        SELECT date_trunc('month', c.local_at)::date, c.meter_id,
               CASE WHEN c.counted AND c.aggregation <> 'unique' THEN c.amount ELSE 0 END, c.counted::integer,
               c.unbilled_part, c.free_part, c.free_sign
        FROM usage_recorded c
        WHERE c.org_id = org AND c.tx >= mark.upto AND c.seq > mark.floor_seq AND c."user" = subject
          AND c.local_at < date_trunc('month', last::timestamp) + interval '1 month'
    ) u JOIN catalog_meters m ON m.id = u.meter_id
    GROUP BY u.month, u.meter_id, m.aggregation;
END $$;
