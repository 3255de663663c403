-- Computes all orgs' parts and histograms by UTC day from the events below the watermark, for staff.
CREATE OR REPLACE FUNCTION usage_total_measures(upto bigint, floor bigint)
RETURNS TABLE (day date, meter_id integer, dimension text, value text, unbilled numeric, free numeric,
               free_events bigint, responses numeric, latency numeric, sizes numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (c.occurred_at AT TIME ZONE 'UTC')::date, c.meter_id, d.dimension, d.value,
           sum(c.amount) FILTER (WHERE c.counted AND c.unbilled AND c.aggregation IN ('sum', 'count')),
           sum(c.amount) FILTER (WHERE NOT c.counted AND c.aggregation IN ('sum', 'count')),
           sum(c.sign) FILTER (WHERE NOT c.counted), sum(c.sign * usage_packed(c.response)),
           sum(c.sign * usage_packed(c.latency)), sum(c.sign * usage_packed(c.size))
    FROM usage_recorded c,
         LATERAL (VALUES ('', ''), ('plan', c.plan), ('kind', c.kind), ('provider', c.provider),
                         ('endpoint', c.endpoint),
                         ('hour', CASE WHEN c.aggregation <> 'unique'
                                       THEN to_char(c.occurred_at AT TIME ZONE 'UTC', 'HH24') END))
             d (dimension, value)
    WHERE (c.tx < upto OR c.seq <= floor) AND d.value IS NOT NULL
      AND (NOT c.counted OR c.unbilled OR num_nonnulls(c.response, c.latency, c.size) > 0)
    GROUP BY 1, 2, 3, 4
$$;
