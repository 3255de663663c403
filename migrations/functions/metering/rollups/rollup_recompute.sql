-- Recomputes one meter's day and its month, for some orgs, from the events below the watermark.
CREATE OR REPLACE FUNCTION rollup_recompute(orgs uuid[], meter integer, touched date, upto bigint, floor bigint)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    hours CONSTANT interval := '15 hours';  -- no time zone is further from UTC
    first CONSTANT date := date_trunc('month', touched)::date;
BEGIN
    PERFORM rollup_add_unique_totals(orgs, ARRAY[touched], -1);
    INSERT INTO usage_days (org_id, day, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM usage_figures('day', orgs, ARRAY[meter], touched - hours, touched + 1 + hours, upto, floor) f
    WHERE f.day = touched
    ON CONFLICT (org_id, dimension, day, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
    INSERT INTO usage_months (org_id, month, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM usage_figures(
        'month', orgs, ARRAY[meter], first - hours, first + interval '1 month' + hours, upto, floor) f
    WHERE f.day = first
    ON CONFLICT (org_id, dimension, month, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
    PERFORM rollup_add_unique_totals(orgs, ARRAY[touched], 1);
    INSERT INTO usage_totals (day, meter_id, dimension, value, quantity, events)
    SELECT f.* FROM catalog_meters m, usage_total_figures(ARRAY[meter], (touched - 1) AT TIME ZONE 'UTC',
        (touched + 2) AT TIME ZONE 'UTC', upto, floor) f WHERE m.id = meter AND m.aggregation = 'max'
    ON CONFLICT (day, dimension, meter_id, value)
    DO UPDATE SET quantity = excluded.quantity, events = excluded.events;
END $$;
