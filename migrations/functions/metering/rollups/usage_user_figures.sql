-- Computes some orgs' rows of usage_user_months from the events below the watermark.
CREATE OR REPLACE FUNCTION usage_user_figures(orgs uuid[], upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, subject_id uuid, month date, meter_id integer, dimension text, value text, quantity numeric,
               events bigint, unbilled numeric, free numeric, free_events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.org_id, c.subject_id, c.month, c.meter_id, c.dimension, c.value, sum(c.quantity), sum(c.events),
           sum(c.unbilled), sum(c.free), sum(c.free_events)
    FROM usage_by_user c
    WHERE c.org_id = ANY (orgs) AND (c.tx < upto OR c.seq <= floor)
    GROUP BY 1, 2, 3, 4, 5, 6
$$;
