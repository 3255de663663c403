-- Returns what an org's user used above the watermark up to the month of `last`, by month of the org's zone: totals, as
-- dimension '', and what usage_by_user keeps of it. Values of unique meters are events only. Planned as usage_recent
-- is.
CREATE OR REPLACE FUNCTION usage_recent_user(org uuid, subject uuid, last date, mark bigint, floor bigint)
RETURNS TABLE (dimension text, month date, meter_id integer, value text, quantity numeric, events bigint,
               unbilled numeric, free numeric, free_events bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    until CONSTANT timestamp := date_trunc('month', last::timestamp) + interval '1 month';
    earliest timestamptz;
    latest timestamptz;
BEGIN
    SELECT min(e.occurred_at), max(e.occurred_at) INTO earliest, latest FROM usage_events e
    WHERE e.org_id = org AND e.tx >= mark AND e.seq > floor AND e.subject_id = subject;
    IF earliest IS NULL THEN
        RETURN;
    END IF;
    IF latest - earliest < interval '5 minutes' THEN
        PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);  -- as there
    END IF;
    RETURN QUERY
    SELECT '', date_trunc('month', c.local_at)::date, c.meter_id, '',
           CASE c.aggregation WHEN 'max' THEN max(c.amount) FILTER (WHERE c.counted) WHEN 'unique' THEN 0
                ELSE coalesce(sum(c.amount) FILTER (WHERE c.counted), 0) END,
           count(*) FILTER (WHERE c.counted), sum(c.unbilled_part), sum(c.free_part), sum(c.free_sign)::bigint
    FROM usage_recorded c
    WHERE c.org_id = org AND c.tx >= mark AND c.seq > floor AND c."user" = subject
      AND c.occurred_at BETWEEN earliest AND latest AND c.local_at < until
    GROUP BY 2, 3, c.aggregation
    UNION ALL
    SELECT c.dimension, c.month, c.meter_id, c.value, sum(c.quantity), sum(c.events)::bigint, sum(c.unbilled),
           sum(c.free), sum(c.free_events)::bigint
    FROM usage_by_user c
    WHERE c.org_id = org AND c.tx >= mark AND c.seq > floor AND c.subject_id = subject
      AND c.occurred_at BETWEEN earliest AND latest AND c.month < until
    GROUP BY 1, 2, 3, 4;
END $$;
