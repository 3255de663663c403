-- Recomputes one `max` meter's day, for some orgs, from the events below the watermark, then the maximum of its month,
-- which is the largest of the days, and the totals for staff.
CREATE OR REPLACE FUNCTION rollup_recompute(orgs uuid[], meter integer, touched date, upto bigint, floor bigint)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    hours CONSTANT interval := '15 hours';  -- no time zone is further from UTC
    first CONSTANT date := date_trunc('month', touched::timestamp)::date;
BEGIN
    INSERT INTO usage_days (org_id, day, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM usage_figures('day', orgs, ARRAY[meter], touched - hours, touched + 1 + hours, upto, floor) f
    WHERE f.day = touched
    ON CONFLICT (org_id, dimension, day, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
    UPDATE usage_months m SET quantity = d.quantity FROM (
        SELECT u.org_id, u.dimension, u.value, max(u.quantity) AS quantity FROM usage_days u
        WHERE u.org_id = ANY (orgs) AND u.meter_id = meter
          AND u.day >= first AND u.day < (first + interval '1 month')::date
        GROUP BY 1, 2, 3) d
    WHERE (m.org_id, m.dimension, m.value) = (d.org_id, d.dimension, d.value)
      AND m.month = first AND m.meter_id = meter;
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM usage_total_figures(ARRAY[meter], (touched - 1) AT TIME ZONE 'UTC',
        (touched + 2) AT TIME ZONE 'UTC', upto, floor) f
    ON CONFLICT (day, dimension, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
END $$;
