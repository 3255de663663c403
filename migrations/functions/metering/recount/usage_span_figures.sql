-- Computes from the events what an org used of each meter in [since, until), as usage_marked_figures does of all of them.
CREATE OR REPLACE FUNCTION usage_span_figures(org uuid, since timestamptz, until timestamptz)
RETURNS TABLE (meter_id integer, aggregation text, used numeric, unbilled numeric, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM usage_marked_figures(org, since, until, 9223372036854775807)
$$;
