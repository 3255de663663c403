-- Computes all orgs' parts and histograms by UTC day from the events below the watermark, for staff.
CREATE OR REPLACE FUNCTION usage_total_measures(upto bigint, floor bigint)
RETURNS TABLE (day date, meter_id integer, dimension text, value text, unbilled numeric, free numeric,
               free_events bigint, responses numeric, latency numeric, sizes numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (c.occurred_at AT TIME ZONE 'UTC')::date, c.meter_id, d.dimension, d.value,
           sum(c.unbilled_part), sum(c.free_part), sum(c.free_sign), sum(c.sign * usage_packed(c.response)),
           sum(c.sign * usage_packed(c.latency)), sum(c.sign * usage_packed(c.size))
    FROM usage_recorded c, LATERAL usage_total_dimensions(true, c.plan, c.kind, c.provider, c.endpoint, c.utc_hour) d
    WHERE (c.tx < upto OR c.seq <= floor)
      AND num_nonnulls(c.unbilled_part, c.free_sign, c.response, c.latency, c.size) > 0
    GROUP BY 1, 2, 3, 4
$$;
