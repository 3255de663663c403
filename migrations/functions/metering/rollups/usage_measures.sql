-- Computes some orgs' parts and histograms from the events below the watermark, per 'day' or 'month' of the org's zone.
CREATE OR REPLACE FUNCTION usage_measures(bucket text, orgs uuid[], upto bigint, floor bigint)
RETURNS TABLE (org_id uuid, day date, meter_id integer, dimension text, value text, unbilled numeric, free numeric,
               free_events bigint, responses numeric, latency numeric, sizes numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.org_id, date_trunc(bucket, c.local_at)::date, c.meter_id, c.dimension, c.value, sum(c.unbilled),
           sum(c.free), sum(c.free_events), sum(c.responses), sum(c.latency), sum(c.sizes)
    FROM usage_measured c
    WHERE c.org_id = ANY (orgs) AND (c.tx < upto OR c.seq <= floor)
      AND num_nonnulls(c.unbilled, c.free_events, c.responses, c.latency, c.sizes) > 0
    GROUP BY 1, 2, 3, 4, 5
$$;
